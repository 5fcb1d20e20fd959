//! Places in the log of a PostgreSQL, for `fuzz/`.

use crate::fuzzing::{said, text};

pub(crate) fn lsn(bytes: &[u8]) {
    said(super::primary::lsn(&text(bytes)));
}
