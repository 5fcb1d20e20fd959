-- What is overwritten: the newest memory of checks and triggers.
CREATE TABLE check_memory (
    launch         TEXT NOT NULL,
    check_path     TEXT NOT NULL,
    checklist_hash TEXT NOT NULL,
    memory         TEXT NOT NULL,
    PRIMARY KEY (launch, check_path)
) STRICT, WITHOUT ROWID;

CREATE TABLE trigger_memory (
    launch  TEXT NOT NULL,
    trigger TEXT NOT NULL,
    watches TEXT NOT NULL,
    memory  TEXT NOT NULL,
    PRIMARY KEY (launch, trigger)
) STRICT, WITHOUT ROWID;

-- What is kept for a while.
CREATE TABLE observations (
    id         INTEGER PRIMARY KEY,
    launch     TEXT NOT NULL,
    check_path TEXT NOT NULL,
    at         INTEGER NOT NULL, -- milliseconds since 1970
    body       TEXT NOT NULL
) STRICT;
CREATE INDEX observations_of_a_check ON observations (launch, check_path, id);

-- What is kept for good.
CREATE TABLE sign_offs (
    id     INTEGER PRIMARY KEY,
    launch TEXT NOT NULL,
    at     INTEGER NOT NULL,
    body   TEXT NOT NULL
) STRICT;

CREATE TABLE milestones (
    id     INTEGER PRIMARY KEY,
    launch TEXT NOT NULL,
    at     INTEGER NOT NULL,
    body   TEXT NOT NULL
) STRICT;

-- A deployment has one run, and a launch has one in flight: whatever the code believes.
CREATE TABLE runs (
    id         INTEGER PRIMARY KEY,
    run        TEXT NOT NULL UNIQUE,
    launch     TEXT NOT NULL,
    generation INTEGER NOT NULL,
    at         INTEGER NOT NULL,
    in_flight  INTEGER NOT NULL,
    body       TEXT NOT NULL, -- as it was created; its status is the fold of its events
    UNIQUE (launch, generation)
) STRICT;
CREATE UNIQUE INDEX one_run_in_flight ON runs (launch) WHERE in_flight = 1;

-- An attempt at a step starts once.
CREATE TABLE run_events (
    id              INTEGER PRIMARY KEY,
    run             TEXT NOT NULL REFERENCES runs (run),
    at              INTEGER NOT NULL,
    started_step    INTEGER,
    started_attempt INTEGER,
    body            TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX one_start_per_attempt ON run_events (run, started_step, started_attempt)
    WHERE started_step IS NOT NULL;
CREATE INDEX events_of_a_run ON run_events (run, id);
