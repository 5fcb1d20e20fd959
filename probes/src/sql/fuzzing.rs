//! Values of columns as text, for `fuzz/`.

use super::{ColumnType, verdict};
use crate::fuzzing::{said, text};

pub(crate) fn value(bytes: &[u8]) {
    use ColumnType::{Bytes, Flag, Number, PerSecond, Percent, Text, Time};
    for kind in [Number, Percent, Time, Bytes, PerSecond, Flag, Text] {
        said(verdict::value(&text(bytes), kind));
    }
}
