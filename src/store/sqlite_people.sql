-- What people state besides sign-offs, kept for good.
CREATE TABLE waivers (
    id     INTEGER PRIMARY KEY,
    launch TEXT NOT NULL,
    at     INTEGER NOT NULL,
    body   TEXT NOT NULL
) STRICT;

-- Each with the report that it was made on.
CREATE TABLE decisions (
    id     INTEGER PRIMARY KEY,
    launch TEXT NOT NULL,
    at     INTEGER NOT NULL,
    body   TEXT NOT NULL
) STRICT;
