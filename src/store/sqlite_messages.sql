-- What is told to people: kept with what it tells, sent until it arrives. Without a delivery it waits.
CREATE TABLE messages (
    id       INTEGER PRIMARY KEY,
    launch   TEXT NOT NULL,
    message  TEXT NOT NULL,
    at       INTEGER NOT NULL, -- milliseconds since 1970
    body     TEXT NOT NULL,
    delivery TEXT,
    UNIQUE (launch, message)
) STRICT;
CREATE INDEX messages_that_ended ON messages (launch, id) WHERE delivery IS NOT NULL;

-- Procedures walked through with nothing done: evidence, kept for good.
CREATE TABLE rehearsals (
    id     INTEGER PRIMARY KEY,
    launch TEXT NOT NULL,
    at     INTEGER NOT NULL,
    body   TEXT NOT NULL
) STRICT;
