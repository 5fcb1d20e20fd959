//! The forms of the report, pinned.
