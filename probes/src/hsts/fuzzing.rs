//! The header of HSTS, for `fuzz/`.

use super::header;
use crate::fuzzing::{Parser, said};

pub(crate) const PARSERS: &[Parser] = &[("hsts_header", |bytes| said(header::read(bytes)))];
