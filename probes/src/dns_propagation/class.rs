//! What a resolver's answer means for a change: it has the new records, the old ones, or something else.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use hickory_resolver::proto::op::Message;
use hickory_resolver::proto::rr::RecordType;

use super::prefix::Prefix;
use crate::dns::answer::{Known, Said};
use crate::dns::edns;

/// What an answer is. The order is from good to bad, as one resolver's answers are summed up by the worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Class {
    /// The new records, or some of them and nothing else.
    New,
    /// It says to be past its time, and the zone could not be asked.
    Stale,
    /// It is withheld or replaced on purpose.
    Filtered,
    /// The resolver failed, refused, or did not answer.
    Error,
    /// The name or the records do not exist.
    Nxdomain,
    /// Something else.
    Other,
    /// The old records, or some of them.
    Old,
}

impl Class {
    /// All, in the order of the readings.
    pub(super) const ALL: [Self; 7] = [
        Self::New,
        Self::Old,
        Self::Other,
        Self::Nxdomain,
        Self::Filtered,
        Self::Stale,
        Self::Error,
    ];

    /// The reading that counts it.
    pub(super) fn reading(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Old => "old",
            Self::Other => "other",
            Self::Nxdomain => "nxdomain",
            Self::Filtered => "filtered",
            Self::Stale => "stale",
            Self::Error => "errors",
        }
    }

    /// Whether it says something about the change.
    pub(super) fn tells(self) -> bool {
        matches!(self, Self::New | Self::Old | Self::Other | Self::Nxdomain)
    }
}

/// What is new and what is old, in one region.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Wanted {
    /// What the zone says now.
    pub(super) zone: Option<Known>,
    /// The records that count as new here; those that the zone gives if empty.
    pub(super) expected: BTreeSet<String>,
    /// Networks whose addresses all count as new here.
    pub(super) prefixes: Vec<Prefix>,
    /// The records before the change, if known.
    pub(super) old: BTreeSet<String>,
}

impl Wanted {
    /// Classes an answer, by what is in it and by the extended errors that came with it.
    pub(super) fn class(&self, said: &Said, errors: &[u16]) -> Class {
        let class = match said.known() {
            Some(known) => self.content(said, known),
            None => Class::Error,
        };
        if class == Class::New {
            Class::New
        } else if errors.iter().any(|code| edns::is_filtered(*code)) {
            Class::Filtered
        } else if errors.iter().any(|code| edns::is_stale(*code)) {
            Class::Stale
        } else {
            class
        }
    }

    fn content(&self, said: &Said, known: &Known) -> Class {
        let is_set = !self.expected.is_empty() || !self.prefixes.is_empty();
        if !is_set && self.zone.as_ref().is_some_and(|zone| said.agrees(zone)) {
            return Class::New;
        }
        let records = match known {
            Known::Records(records) => records,
            Known::NoData | Known::NoName => return Class::Nxdomain,
            Known::Alias(_) => return Class::Other,
        };
        let new = match &self.zone {
            Some(Known::Records(zone)) if !is_set => zone,
            _ => &self.expected,
        };
        if records == new {
            Class::New
        } else if *records == self.old {
            Class::Old
        } else if records.is_subset(new) || self.is_within(records) {
            // A server that gives its records in turn gives some of them.
            Class::New
        } else if records.iter().any(|r| self.old.contains(r) && !new.contains(r)) {
            Class::Old
        } else {
            Class::Other
        }
    }

    fn is_within(&self, records: &BTreeSet<String>) -> bool {
        let within = |record: &String| {
            let ip = record.parse::<IpAddr>();
            ip.is_ok_and(|ip| self.prefixes.iter().any(|prefix| prefix.contains(ip)))
        };
        !records.is_empty() && records.iter().all(within)
    }
}

/// For how long a resolver will keep what it answered: its records, or that there are none (RFC 2308).
pub(super) fn kept(message: &Message, said: &Said) -> Option<Duration> {
    let Said::Knows { known, ttl, .. } = said else { return None };
    let seconds = match known {
        Known::Records(_) | Known::Alias(_) => *ttl,
        Known::NoData | Known::NoName => {
            let soa = |r: &&_| is_soa(r);
            message.authorities.iter().find(soa).map(|r| r.ttl)
        }
    };
    seconds.map(|seconds| Duration::from_secs(seconds.into()))
}

fn is_soa(record: &hickory_resolver::proto::rr::Record) -> bool {
    record.record_type() == RecordType::SOA
}

#[cfg(test)]
mod tests {
    use hickory_resolver::proto::op::ResponseCode;

    use super::*;

    fn set(records: &[&str]) -> BTreeSet<String> {
        records.iter().map(ToString::to_string).collect()
    }

    fn records(list: &[&str]) -> Said {
        Said::knows(Known::Records(set(list)))
    }

    #[test]
    fn answers_are_classed_by_what_is_in_them() {
        let zone = |list: &[&str]| Some(Known::Records(set(list)));
        let usual = Wanted { zone: zone(&["1", "2"]), old: set(&["8", "9"]), ..Wanted::default() };
        let overlaps =
            Wanted { zone: zone(&["1", "2"]), old: set(&["2", "3"]), ..Wanted::default() };
        let gone = Wanted { zone: Some(Known::NoName), old: set(&["9"]), ..Wanted::default() };
        let here =
            Wanted { prefixes: vec!["192.0.2.0/25".parse().expect("a network")], ..usual.clone() };
        let other_set = Wanted { expected: set(&["5"]), ..usual.clone() };
        let nobody = || Said::Declines(ResponseCode::ServFail);
        let alias = || Said::knows(Known::Alias("x".into()));
        let missing = || Said::knows(Known::NoName);
        let empty = || Said::knows(Known::NoData);
        let rows: [(&str, &Wanted, Said, &[u16], Class); 22] = [
            ("the new set", &usual, records(&["1", "2"]), &[], Class::New),
            ("some of the new", &usual, records(&["2"]), &[], Class::New),
            ("the old set", &usual, records(&["8", "9"]), &[], Class::Old),
            ("some of the old", &usual, records(&["9"]), &[], Class::Old),
            ("old and new", &usual, records(&["1", "9"]), &[], Class::Old),
            ("new and strange", &usual, records(&["1", "7"]), &[], Class::Other),
            ("strange", &usual, records(&["7"]), &[], Class::Other),
            ("the whole old set", &overlaps, records(&["2", "3"]), &[], Class::Old),
            ("what is in both", &overlaps, records(&["2"]), &[], Class::New),
            ("no such name", &usual, missing(), &[], Class::Nxdomain),
            ("no such records", &usual, empty(), &[], Class::Nxdomain),
            ("removed", &gone, missing(), &[], Class::New),
            ("not yet removed", &gone, records(&["9"]), &[], Class::Old),
            ("an alias astray", &usual, alias(), &[], Class::Other),
            ("failing", &usual, nobody(), &[], Class::Error),
            ("failing, bogus", &usual, nobody(), &[6], Class::Error),
            ("blocked", &usual, missing(), &[15], Class::Filtered),
            ("stale", &usual, records(&["9"]), &[3], Class::Stale),
            ("stale but new", &usual, records(&["1", "2"]), &[3], Class::New),
            ("within the networks", &here, records(&["192.0.2.7"]), &[], Class::New),
            ("outside of them", &here, records(&["192.0.2.7", "192.0.2.200"]), &[], Class::Other),
            (
                "the zone's, where others are expected",
                &other_set,
                records(&["1"]),
                &[],
                Class::Other,
            ),
        ];
        for (row, wanted, said, errors, class) in rows {
            assert_eq!(wanted.class(&said, errors), class, "{row}");
        }
    }
}
