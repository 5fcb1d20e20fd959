-- What a run rolls back. Several launches may share a target; one run at a time touches it.
ALTER TABLE runs ADD COLUMN target TEXT NOT NULL DEFAULT '';
ALTER TABLE runs ADD COLUMN by_itself INTEGER NOT NULL DEFAULT 0;
ALTER TABLE runs ADD COLUMN ended INTEGER;
UPDATE runs SET target = launch;
UPDATE runs SET ended = at WHERE in_flight = 0;
DROP INDEX one_run_in_flight;
CREATE UNIQUE INDEX one_run_in_flight ON runs (launch) WHERE in_flight = 1;
CREATE UNIQUE INDEX one_run_per_target ON runs (target) WHERE in_flight = 1;
CREATE INDEX runs_of_a_target ON runs (target, id);
