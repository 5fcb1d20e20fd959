//! The records of mail, for `fuzz/`.

use super::{dkim, dmarc, spf, tags, transport};
use crate::fuzzing::{Parser, said, text};

pub(crate) const PARSERS: &[Parser] = &[
    ("mail_dkim", |bytes| said(dkim::parse(bytes))),
    ("mail_dmarc", |bytes| said(dmarc::parse(bytes))),
    ("mail_name", |bytes| said(super::question::name(&text(bytes)))),
    ("mail_spf", spf::fuzzing::record),
    ("mail_spf_macros", spf::fuzzing::macros),
    ("mail_tags", |bytes| said(tags::Tags::read(bytes))),
    ("mail_transport", |bytes| said(transport::parse(bytes))),
];
