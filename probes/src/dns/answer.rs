//! What one server said, reduced to what can be compared with others: a set of records, or how there are none.

use std::collections::BTreeSet;
use std::fmt;

use hickory_resolver::proto::op::{Message, ResponseCode};
use hickory_resolver::proto::rr::{Name, RData, Record, RecordType};
use launchgate_core::observation::Failure;

/// The most aliases that are followed within one answer.
const MAX_ALIASES: usize = 10;

/// What is known of a name, comparable between servers: order, letter case and the cutting of texts say nothing.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Known {
    /// These records.
    Records(BTreeSet<String>),
    /// The name exists, without records of this type.
    NoData,
    /// The name does not exist.
    NoName,
    /// An alias that leads to where this server knows nothing.
    Alias(String),
}

impl fmt::Display for Known {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Records(records) => {
                let list: Vec<&str> = records.iter().map(String::as_str).collect();
                f.write_str(&list.join(", "))
            }
            Self::NoData => f.write_str("no such records"),
            Self::NoName => f.write_str("NXDOMAIN"),
            Self::Alias(target) => write!(f, "an alias of {target}"),
        }
    }
}

/// What one server said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Said {
    /// It knows.
    Knows {
        /// What.
        known: Known,
        /// The aliases on the way, in order.
        aliases: Vec<String>,
        /// The least time to live on the way, in seconds; none where there are no records.
        ttl: Option<u32>,
        /// Whether it answered as an authority.
        authoritative: bool,
    },
    /// It answered that it will not or cannot say: SERVFAIL, REFUSED.
    Declines(ResponseCode),
    /// It answered that others should be asked.
    Refers,
    /// It did not answer, or unreadably.
    Silent(Failure),
}

impl Said {
    /// What it knows.
    pub(super) fn known(&self) -> Option<&Known> {
        match self {
            Self::Knows { known, .. } => Some(known),
            Self::Declines(_) | Self::Refers | Self::Silent(_) => None,
        }
    }

    /// Whether it says the same as `reference`; an alias is agreed with by following it.
    pub(super) fn agrees(&self, reference: &Known) -> bool {
        match (self, reference) {
            (Self::Knows { aliases, .. }, Known::Alias(target)) => aliases.contains(target),
            (Self::Knows { known, .. }, _) => known == reference,
            (Self::Declines(_) | Self::Refers | Self::Silent(_), _) => false,
        }
    }

    /// The response code, if it answered.
    pub(super) fn code(&self) -> Option<ResponseCode> {
        match self {
            Self::Knows { known: Known::NoName, .. } => Some(ResponseCode::NXDomain),
            Self::Knows { .. } | Self::Refers => Some(ResponseCode::NoError),
            Self::Declines(code) => Some(*code),
            Self::Silent(_) => None,
        }
    }
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Knows { known, aliases, ttl, authoritative } => {
                write!(f, "{known}")?;
                if !aliases.is_empty() && !matches!(known, Known::Alias(_)) {
                    write!(f, " by way of {}", aliases.join(", "))?;
                }
                match ttl {
                    Some(ttl) if *authoritative => write!(f, " (ttl {ttl}s)"),
                    Some(ttl) => write!(f, " (kept for another {ttl}s)"),
                    None => Ok(()),
                }
            }
            Self::Declines(code) => f.write_str(code_name(*code)),
            Self::Refers => f.write_str("a referral to other servers"),
            Self::Silent(failure) => write!(f, "{failure}"),
        }
    }
}

/// A response code as operators know it.
pub(super) fn code_name(code: ResponseCode) -> &'static str {
    match code {
        ResponseCode::NoError => "NOERROR",
        ResponseCode::FormErr => "FORMERR",
        ResponseCode::ServFail => "SERVFAIL",
        ResponseCode::NXDomain => "NXDOMAIN",
        ResponseCode::NotImp => "NOTIMP",
        ResponseCode::Refused => "REFUSED",
        other => other.to_str(),
    }
}

/// Reads a server's answer to the question for `name` and `kind`.
pub(super) fn read(message: &Message, name: &Name, kind: RecordType) -> Said {
    let code = message.metadata.response_code;
    if code != ResponseCode::NoError && code != ResponseCode::NXDomain {
        return Said::Declines(code);
    }
    let authoritative = message.metadata.authoritative;
    let (aliases, owner, mut ttl) = follow(&message.answers, name, kind);
    let at_owner = |r: &&Record| r.name == owner && r.record_type() == kind;
    let found: Vec<&Record> = message.answers.iter().filter(at_owner).collect();
    ttl = found.iter().map(|r| r.ttl).chain(ttl).min();
    let records: BTreeSet<String> = found.iter().filter_map(|r| text(&r.data)).collect();
    let soa = message.authorities.iter().any(|r| r.record_type() == RecordType::SOA);
    let referred = message.authorities.iter().any(|r| r.record_type() == RecordType::NS);
    let known = if code == ResponseCode::NXDomain {
        Known::NoName
    } else if !records.is_empty() {
        Known::Records(records)
    } else if soa {
        Known::NoData
    } else if let Some(target) = aliases.last() {
        Known::Alias(target.clone())
    } else if referred && !authoritative {
        return Said::Refers;
    } else {
        Known::NoData
    };
    let ttl = ttl.filter(|_| matches!(known, Known::Records(_) | Known::Alias(_)));
    Said::Knows { known, aliases, ttl, authoritative }
}

/// Follows the aliases from `name`: those on the way, where they end, and their least time to live.
fn follow(answers: &[Record], name: &Name, kind: RecordType) -> (Vec<String>, Name, Option<u32>) {
    let (mut aliases, mut owner, mut ttl) = (Vec::new(), name.clone(), None::<u32>);
    while kind != RecordType::CNAME && aliases.len() < MAX_ALIASES {
        let next = answers.iter().find_map(|r| match &r.data {
            RData::CNAME(target) if r.name == owner => Some((target.0.clone(), r.ttl)),
            _ => None,
        });
        let Some((target, left)) = next else { break };
        aliases.push(plain(&target));
        ttl = Some(ttl.map_or(left, |t| t.min(left)));
        owner = target;
    }
    (aliases, owner, ttl)
}

/// The serial in an answer to a question for the SOA, wherever it stands.
pub(super) fn serial(message: &Message) -> Option<u32> {
    message.answers.iter().chain(&message.authorities).find_map(|r| match &r.data {
        RData::SOA(soa) => Some(soa.serial),
        _ => None,
    })
}

/// A record's data as people write it, in a form that compares.
fn text(data: &RData) -> Option<String> {
    match data {
        RData::A(ip) => Some(ip.0.to_string()),
        RData::AAAA(ip) => Some(ip.0.to_string()),
        RData::CNAME(name) => Some(plain(&name.0)),
        RData::NS(name) => Some(plain(&name.0)),
        RData::MX(mx) => Some(format!("{} {}", mx.preference, plain(&mx.exchange))),
        RData::TXT(txt) => {
            let whole: Vec<u8> = txt.txt_data.iter().flat_map(|part| part.to_vec()).collect();
            Some(String::from_utf8_lossy(&whole).into_owned())
        }
        RData::SOA(soa) => Some(format!(
            "{} {} {} {} {} {} {}",
            plain(&soa.mname),
            plain(&soa.rname),
            soa.serial,
            soa.refresh,
            soa.retry,
            soa.expire,
            soa.minimum
        )),
        _ => None,
    }
}

/// A name as it is compared and shown: lower case, no trailing dot (but for the root).
pub(super) fn plain(name: &Name) -> String {
    let text = name.to_ascii().to_ascii_lowercase();
    match text.strip_suffix('.') {
        Some(short) if !short.is_empty() => short.to_owned(),
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use hickory_resolver::proto::op::OpCode;
    use hickory_resolver::proto::rr::rdata::{A, CNAME, MX, NS, TXT};

    use super::*;

    fn name(text: &str) -> Name {
        Name::from_ascii(text).expect("a name")
    }

    fn a(owner: &str, last: u8, ttl: u32) -> Record {
        Record::from_rdata(name(owner), ttl, RData::A(A(Ipv4Addr::new(203, 0, 113, last))))
    }

    fn alias(owner: &str, target: &str, ttl: u32) -> Record {
        Record::from_rdata(name(owner), ttl, RData::CNAME(CNAME(name(target))))
    }

    fn says(answers: Vec<Record>, authorities: Vec<Record>, kind: RecordType) -> Said {
        let mut message = Message::response(1, OpCode::Query);
        message.insert_answers(answers);
        message.insert_authorities(authorities);
        read(&message, &name("www.shop.example."), kind)
    }

    #[test]
    fn answers_are_reduced_to_what_compares() {
        let www = "www.shop.example.";
        let ns = Record::from_rdata(name("shop.example."), 60, RData::NS(NS(name("ns.x."))));
        let txt = TXT::new(vec!["v=spf1 ".into(), "-all".into()]);
        let txt = Record::from_rdata(name(www), 60, RData::TXT(txt));
        let mx =
            Record::from_rdata(name(www), 60, RData::MX(MX::new(10, name("Mail.Shop.Example."))));
        let (kind_a, cname) = (RecordType::A, RecordType::CNAME);
        let far = alias(www, "LB.cdn.example.", 60);
        let rows = [
            (
                "order",
                vec![a(www, 2, 60), a(www, 1, 60)],
                kind_a,
                "203.0.113.1, 203.0.113.2 (kept for another 60s)",
            ),
            (
                "letter case",
                vec![a("WWW.shop.example.", 1, 60)],
                kind_a,
                "203.0.113.1 (kept for another 60s)",
            ),
            ("another owner's", vec![a("x.example.", 1, 60)], kind_a, "no such records"),
            (
                "least time on the way",
                vec![far.clone(), a("lb.cdn.example.", 1, 30)],
                kind_a,
                "203.0.113.1 by way of lb.cdn.example (kept for another 30s)",
            ),
            (
                "an alias that leads away",
                vec![far.clone()],
                kind_a,
                "an alias of lb.cdn.example (kept for another 60s)",
            ),
            ("the alias itself", vec![far], cname, "lb.cdn.example (kept for another 60s)"),
            (
                "a loop",
                vec![alias(www, "a.example.", 9), alias("a.example.", www, 9)],
                kind_a,
                "an alias of www.shop.example (kept for another 9s)",
            ),
            ("texts are joined", vec![txt], RecordType::TXT, "v=spf1 -all (kept for another 60s)"),
            (
                "mail exchangers",
                vec![mx],
                RecordType::MX,
                "10 mail.shop.example (kept for another 60s)",
            ),
        ];
        for (row, answers, kind, said) in rows {
            assert_eq!(says(answers, vec![], kind).to_string(), said, "{row}");
        }
        assert_eq!(says(vec![], vec![ns], kind_a), Said::Refers);
    }

    #[test]
    fn an_alias_is_agreed_with_by_following_it() {
        let www = "www.shop.example.";
        let far = alias(www, "lb.cdn.example.", 60);
        let authority = says(vec![far.clone()], vec![], RecordType::A);
        let reference = authority.known().expect("an alias");
        let follows = says(vec![far, a("lb.cdn.example.", 1, 30)], vec![], RecordType::A);
        assert!(follows.agrees(reference));
        assert!(!says(vec![a(www, 1, 30)], vec![], RecordType::A).agrees(reference));
    }
}
