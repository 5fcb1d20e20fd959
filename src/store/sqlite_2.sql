-- How often a check was seen: its history is trimmed by this count, whatever the order in which checks are seen.
ALTER TABLE check_memory ADD COLUMN seen INTEGER NOT NULL DEFAULT 0;

-- What is too old is found without reading the rest.
CREATE INDEX observations_by_time ON observations (at);
