//! Where a name leads by way of aliases, also into other zones, each asked itself: ten aliases at most.

use hickory_resolver::proto::rr::{Name, RecordType};

use super::answer::{self, Known, MAX_ALIASES, Said};
use super::zone::Finder;

/// The way from a name to its records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Chain {
    /// The names on the way, the first one asked for.
    pub(super) names: Vec<String>,
    /// The least time to live on the way, in seconds; nothing unless all of it was told with authority.
    pub(super) ttl: Option<u32>,
    /// How it ends.
    pub(super) end: End,
}

/// How a way ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// At records.
    Records,
    /// At a name without such records.
    NoRecords,
    /// At a name that does not exist.
    Missing,
    /// At a name that was on the way already.
    Circle,
    /// Not within ten aliases.
    Endless,
    /// Nobody could tell.
    Unknown,
}

impl Chain {
    fn new(name: &Name) -> Self {
        Self { names: vec![answer::plain(name)], ttl: None, end: End::Unknown }
    }

    /// Goes on with what was said of the last name; gives the next name to ask for.
    fn go(&mut self, said: &Said, is_first: bool) -> Option<String> {
        let Said::Knows { known, aliases, ttl, authoritative, .. } = said else {
            self.ttl = None;
            return None;
        };
        self.ttl = match (self.ttl, *ttl) {
            (_, ttl) if is_first => ttl,
            (Some(so_far), Some(ttl)) => Some(so_far.min(ttl)),
            _ => None,
        };
        if !authoritative {
            self.ttl = None;
        }
        for alias in aliases {
            if self.names.contains(alias) {
                self.end = End::Circle;
                return None;
            }
            if self.names.len() > MAX_ALIASES {
                self.end = End::Endless;
                return None;
            }
            self.names.push(alias.clone());
        }
        self.end = match known {
            Known::Records(_) => End::Records,
            Known::NoData => End::NoRecords,
            Known::NoName => End::Missing,
            Known::Alias(_) if self.names.len() > MAX_ALIASES => End::Endless,
            Known::Alias(target) => return Some(target.clone()),
        };
        None
    }
}

/// Follows what was `said` of `name` to its end.
pub(super) async fn follow(
    finder: &Finder<'_>,
    name: &Name,
    kind: RecordType,
    said: &Said,
) -> Chain {
    let mut chain = Chain::new(name);
    let mut next = chain.go(said, true);
    while let Some(target) = next {
        next = None;
        let Ok(mut target) = Name::from_ascii(&target) else { break };
        target.set_fqdn(true);
        let own = match finder.find(&target).await {
            Some(zone) => finder.of_zone(&zone, &target, kind).await,
            None => None,
        };
        // A resolver knows where it leads, if not for how long.
        let message = match own {
            Some(message) => Some(message),
            None => finder.ask_resolvers(&target, kind).await,
        };
        match message {
            Some(message) => next = chain.go(&answer::read(&message, &target, kind), false),
            None => chain.ttl = None,
        }
    }
    chain
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use hickory_resolver::proto::op::ResponseCode;

    use super::*;

    fn said(known: Known, aliases: &[&str], ttl: u32, authoritative: bool) -> Said {
        let aliases = aliases.iter().map(ToString::to_string).collect();
        let (ttl, own_ttl) = (Some(ttl), None);
        Said::Knows { known, aliases, ttl, own_ttl, uneven: false, authoritative }
    }

    #[test]
    fn a_way_is_followed_to_its_end() {
        let records = || Known::Records(BTreeSet::from(["192.0.2.1".to_owned()]));
        let to = |name: &str| Known::Alias(name.to_owned());
        let long: Vec<String> = (0..10).map(|i| format!("n{i}")).collect();
        let long: Vec<&str> = long.iter().map(String::as_str).collect();
        let fails = Said::Declines(ResponseCode::ServFail);
        let rows = [
            ("no alias", vec![said(records(), &[], 60, true)], "x", Some(60), End::Records),
            (
                "into another zone",
                vec![said(to("b"), &["b"], 600, true), said(records(), &["c"], 30, true)],
                "x > b > c",
                Some(30),
                End::Records,
            ),
            (
                "a resolver told the end",
                vec![said(to("b"), &["b"], 600, true), said(records(), &[], 30, false)],
                "x > b",
                None,
                End::Records,
            ),
            (
                "dangling",
                vec![said(to("b"), &["b"], 60, true), Said::knows(Known::NoName)],
                "x > b",
                None,
                End::Missing,
            ),
            (
                "a circle",
                vec![said(to("b"), &["b"], 9, true), said(to("x"), &["x"], 9, true)],
                "x > b",
                Some(9),
                End::Circle,
            ),
            ("a circle of one", vec![said(to("x"), &["x"], 9, true)], "x", Some(9), End::Circle),
            (
                "nobody tells",
                vec![said(to("b"), &["b"], 60, true), fails],
                "x > b",
                None,
                End::Unknown,
            ),
            (
                "too long",
                vec![said(to("n9"), &long, 60, true), said(records(), &["end"], 60, true)],
                "x > n0 > n1 > n2 > n3 > n4 > n5 > n6 > n7 > n8 > n9",
                Some(60),
                End::Endless,
            ),
        ];
        for (row, answers, names, ttl, end) in rows {
            let mut chain = Chain::new(&Name::from_ascii("x.").expect("a name"));
            for (i, said) in answers.iter().enumerate() {
                if i > 0 && chain.end != End::Unknown {
                    break;
                }
                chain.go(said, i == 0);
            }
            assert_eq!(
                (chain.names.join(" > ").as_str(), chain.ttl, chain.end),
                (names, ttl, end),
                "{row}"
            );
        }
    }
}
