-- A launch's own procedure runs beside rollbacks: each launch has one run in flight of either purpose, a deployment has one
-- rollback, and rollbacks alone claim the target. The constraint on (launch, generation) is the table's own, so that the
-- table is made anew; what refers to it goes first and comes back after it.
CREATE TABLE new_runs (
    id         INTEGER PRIMARY KEY,
    run        TEXT NOT NULL UNIQUE,
    launch     TEXT NOT NULL,
    purpose    TEXT NOT NULL,    -- rollback, launch
    generation INTEGER NOT NULL, -- of a rollback, the deployment; of a launch run, its number
    at         INTEGER NOT NULL,
    in_flight  INTEGER NOT NULL,
    body       TEXT NOT NULL,    -- as it was created; its status is the fold of its events
    target     TEXT NOT NULL,
    by_itself  INTEGER NOT NULL,
    ended      INTEGER,
    UNIQUE (launch, purpose, generation)
) STRICT;
INSERT INTO new_runs (id, run, launch, purpose, generation, at, in_flight, body, target, by_itself, ended)
    SELECT id, run, launch, 'rollback', generation, at, in_flight, body, target, by_itself, ended FROM runs;

CREATE TABLE new_run_events (
    id              INTEGER PRIMARY KEY,
    run             TEXT NOT NULL REFERENCES new_runs (run),
    at              INTEGER NOT NULL,
    started_step    INTEGER,
    started_attempt INTEGER,
    body            TEXT NOT NULL
) STRICT;
INSERT INTO new_run_events (id, run, at, started_step, started_attempt, body)
    SELECT id, run, at, started_step, started_attempt, body FROM run_events;

DROP TABLE run_events;
DROP TABLE runs;
ALTER TABLE new_runs RENAME TO runs;
ALTER TABLE new_run_events RENAME TO run_events;

CREATE UNIQUE INDEX one_run_in_flight ON runs (launch, purpose) WHERE in_flight = 1;
CREATE UNIQUE INDEX one_run_per_target ON runs (target) WHERE in_flight = 1 AND purpose = 'rollback';
CREATE INDEX runs_of_a_target ON runs (target, id) WHERE purpose = 'rollback';
CREATE UNIQUE INDEX one_start_per_attempt ON run_events (run, started_step, started_attempt)
    WHERE started_step IS NOT NULL;
CREATE INDEX events_of_a_run ON run_events (run, id);
