//! What the headers of an answer tell of caches, for `fuzz/`.

use jiff::Timestamp;

use super::headers;
use crate::fuzzing::{self, Parser, said};

pub(crate) const PARSERS: &[Parser] = &[("cdn_headers", |bytes| {
    said(headers::read(&fuzzing::headers(bytes), Timestamp::UNIX_EPOCH))
})];
