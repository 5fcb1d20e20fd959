-- The reports of the watch after the launch, kept for good.
CREATE TABLE watch_reports (
    id     INTEGER PRIMARY KEY,
    launch TEXT NOT NULL,
    at     INTEGER NOT NULL,
    body   TEXT NOT NULL
) STRICT;
