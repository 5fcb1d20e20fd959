-- The audit log: a chain per launch, to which entries are added and nothing else is done, whatever the code believes.
CREATE TABLE audit (
    launch TEXT NOT NULL,
    seq    INTEGER NOT NULL, -- counted from 1 without gaps
    at     INTEGER NOT NULL, -- milliseconds since 1970
    kind   TEXT NOT NULL,
    body   TEXT NOT NULL, -- canonical JSON; this very text is hashed
    prev   BLOB NOT NULL CHECK (length(prev) = 32),
    hash   BLOB NOT NULL CHECK (length(hash) = 32),
    PRIMARY KEY (launch, seq)
) STRICT;

CREATE TABLE audit_heads (
    launch    TEXT NOT NULL,
    seq       INTEGER NOT NULL,
    hash      BLOB NOT NULL CHECK (length(hash) = 32),
    signature BLOB NOT NULL CHECK (length(signature) = 64),
    PRIMARY KEY (launch, seq)
) STRICT;

CREATE TRIGGER audit_grows_at_its_end BEFORE INSERT ON audit
    WHEN NEW.seq <> 1 + (SELECT coalesce(max(seq), 0) FROM audit WHERE launch = NEW.launch)
    BEGIN SELECT RAISE(ABORT, 'the audit log grows at its end'); END;
CREATE TRIGGER audit_is_not_changed BEFORE UPDATE ON audit
    BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
CREATE TRIGGER audit_is_not_cut BEFORE DELETE ON audit
    BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;

CREATE TRIGGER audit_heads_grow_at_their_end BEFORE INSERT ON audit_heads
    WHEN NEW.seq <= (SELECT coalesce(max(seq), 0) FROM audit_heads WHERE launch = NEW.launch)
    BEGIN SELECT RAISE(ABORT, 'the audit log grows at its end'); END;
CREATE TRIGGER audit_heads_are_not_changed BEFORE UPDATE ON audit_heads
    BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
CREATE TRIGGER audit_heads_are_not_cut BEFORE DELETE ON audit_heads
    BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
