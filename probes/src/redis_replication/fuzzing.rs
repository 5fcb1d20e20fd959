//! What a Redis tells of itself, for `fuzz/`.

use crate::fuzzing::said;

pub(crate) fn info(bytes: &[u8]) {
    said(super::info::parse(bytes));
}
