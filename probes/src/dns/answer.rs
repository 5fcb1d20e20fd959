//! What one server said, reduced to what can be compared with others: a set of records, or how there are none.
//!
//! It compares what records mean, not how they are written; it asks nobody.

use std::collections::BTreeSet;
use std::fmt;

use hickory_resolver::proto::op::{Message, ResponseCode};
use hickory_resolver::proto::rr::{Name, RData, Record, RecordType};
use hickory_resolver::proto::serialize::binary::BinDecodable;
use launchgate_core::observation::Failure;

use super::edns;

/// The most aliases that are followed within one answer.
pub(crate) const MAX_ALIASES: usize = 10;
/// The most records of an answer that its summary names.
const MAX_SUMMARY: usize = 8;

/// What is known of a name, comparable between servers: order, letter case and the cutting of texts say nothing.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Known {
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
pub(crate) enum Said {
    /// It knows.
    Knows {
        /// What.
        known: Known,
        /// The aliases on the way, in order.
        aliases: Vec<String>,
        /// The least time to live on the way, in seconds; none where there are no records.
        ttl: Option<u32>,
        /// The time to live of what stands at the name itself, alias or records.
        own_ttl: Option<u32>,
        /// Whether records of one set have different times to live (RFC 2181 §5.2).
        uneven: bool,
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
    /// It knows this, and nothing else is to be said of it.
    #[cfg(test)]
    pub(crate) fn knows(known: Known) -> Self {
        let (ttl, own_ttl, uneven, authoritative) = (None, None, false, false);
        Self::Knows { known, aliases: Vec::new(), ttl, own_ttl, uneven, authoritative }
    }

    /// What it knows.
    pub(crate) fn known(&self) -> Option<&Known> {
        match self {
            Self::Knows { known, .. } => Some(known),
            Self::Declines(_) | Self::Refers | Self::Silent(_) => None,
        }
    }

    /// Whether it says the same as `reference`; an alias is agreed with by following it.
    pub(crate) fn agrees(&self, reference: &Known) -> bool {
        match (self, reference) {
            (Self::Knows { aliases, .. }, Known::Alias(target)) => aliases.contains(target),
            (Self::Knows { known, .. }, _) => known == reference,
            (Self::Declines(_) | Self::Refers | Self::Silent(_), _) => false,
        }
    }

    /// The response code, if it answered.
    pub(crate) fn code(&self) -> Option<ResponseCode> {
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
            Self::Knows { known, aliases, ttl, authoritative, .. } => {
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
pub(crate) fn code_name(code: ResponseCode) -> &'static str {
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
pub(crate) fn read(message: &Message, name: &Name, kind: RecordType) -> Said {
    let code = message.metadata.response_code;
    if code != ResponseCode::NoError && code != ResponseCode::NXDomain {
        return Said::Declines(code);
    }
    let authoritative = message.metadata.authoritative;
    let (aliases, owner, alias_ttls) = follow(&message.answers, name, kind);
    let at_owner = |r: &&Record| r.name == owner && r.record_type() == kind;
    let found: Vec<&Record> = message.answers.iter().filter(at_owner).collect();
    let least = found.iter().map(|r| r.ttl).min();
    let uneven = found.iter().any(|r| Some(r.ttl) != least);
    let ttl = alias_ttls.iter().copied().chain(least).min();
    let own_ttl = alias_ttls.first().copied().or(least);
    let records: BTreeSet<String> = found.iter().filter_map(|r| shown(&r.data)).collect();
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
    let is_there = matches!(known, Known::Records(_) | Known::Alias(_));
    let ttl = ttl.filter(|_| is_there);
    let own_ttl = own_ttl.filter(|_| is_there || !aliases.is_empty());
    Said::Knows { known, aliases, ttl, own_ttl, uneven, authoritative }
}

/// Follows the aliases from `name`: those on the way, where they end, and the time to live of each.
fn follow(answers: &[Record], name: &Name, kind: RecordType) -> (Vec<String>, Name, Vec<u32>) {
    let (mut aliases, mut owner, mut ttls) = (Vec::new(), name.clone(), Vec::new());
    while kind != RecordType::CNAME && aliases.len() < MAX_ALIASES {
        let next = answers.iter().find_map(|r| match &r.data {
            RData::CNAME(target) if r.name == owner => Some((target.0.clone(), r.ttl)),
            _ => None,
        });
        // Servers put the alias that a DNAME means beside it; an old one may not.
        let renamed = || answers.iter().find_map(|r| Some((renamed(r, &owner)?, r.ttl)));
        let Some((target, left)) = next.or_else(renamed) else { break };
        aliases.push(plain(&target));
        ttls.push(left);
        owner = target;
    }
    (aliases, owner, ttls)
}

/// What a DNAME record (RFC 6672) makes of a name below its owner.
fn renamed(record: &Record, name: &Name) -> Option<Name> {
    let RData::Unknown { code: RecordType::DNAME, rdata } = &record.data else { return None };
    if record.name == *name || !record.name.zone_of(name) {
        return None;
    }
    let target = dname_target(&rdata.anything)?;
    let above = usize::from(record.name.num_labels());
    let labels: Vec<&[u8]> = name.iter().collect();
    let below = labels.get(..labels.len().checked_sub(above)?)?;
    Name::from_labels(below.iter().copied()).ok()?.append_domain(&target).ok()
}

/// Reads the data of a DNAME, a name that is not compressed. It takes any bytes.
fn dname_target(rdata: &[u8]) -> Option<Name> {
    Name::from_bytes(rdata).ok()
}

/// An answer in a line, for people who want to know what came.
pub(crate) fn summary(message: &Message) -> String {
    let metadata = &message.metadata;
    let mut text = code_name(metadata.response_code).to_owned();
    for (is, word) in
        [(metadata.authoritative, ", with authority"), (metadata.authentic_data, ", validated")]
    {
        if is {
            text.push_str(word);
        }
    }
    for code in edns::extended_errors(message) {
        text.push_str(&format!(", {}", edns::error_name(code)));
    }
    for record in message.answers.iter().take(MAX_SUMMARY) {
        let data = shown(&record.data).unwrap_or_default();
        text.push_str(&format!(
            "; {} {}s {} {data}",
            plain(&record.name),
            record.ttl,
            record.record_type()
        ));
    }
    if message.answers.len() > MAX_SUMMARY {
        text.push_str(&format!("; and {} more", message.answers.len() - MAX_SUMMARY));
    }
    let names =
        |kind: RecordType| message.authorities.iter().filter(move |r| r.record_type() == kind);
    if message.answers.is_empty() {
        let referral: Vec<String> = names(RecordType::NS).filter_map(|r| shown(&r.data)).collect();
        if !referral.is_empty() {
            text.push_str(&format!("; see {}", referral.join(", ")));
        }
        if let Some(soa) = names(RecordType::SOA).next() {
            text.push_str(&format!("; the zone is {}", plain(&soa.name)));
        }
    }
    text
}

/// A record's data as people write it, in a form that compares.
fn shown(data: &RData) -> Option<String> {
    match data {
        RData::A(ip) => Some(ip.0.to_string()),
        RData::AAAA(ip) => Some(ip.0.to_string()),
        RData::CNAME(name) => Some(plain(&name.0)),
        RData::NS(name) => Some(plain(&name.0)),
        RData::PTR(name) => Some(plain(&name.0)),
        RData::SRV(srv) => {
            let target = plain(&srv.target);
            Some(format!("{} {} {} {target}", srv.priority, srv.weight, srv.port))
        }
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
pub(crate) fn plain(name: &Name) -> String {
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
    use hickory_resolver::proto::rr::rdata::{A, CNAME, MX, NS, NULL, TXT};

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
    fn a_renamed_tree_is_followed_also_without_the_alias_beside_it() {
        let dname = |owner: &str, rdata: &[u8]| {
            let rdata = NULL::with(rdata.to_vec());
            let data = RData::Unknown { code: RecordType::DNAME, rdata };
            Record::from_rdata(name(owner), 40, data)
        };
        let to_new: &[u8] = b"\x03new\x07example\x00";
        let rows = [
            (
                "followed",
                dname("shop.example.", to_new),
                "203.0.113.1 by way of www.new.example (kept for another 30s)",
            ),
            ("not of the name itself", dname("www.shop.example.", to_new), "no such records"),
            ("rubbish", dname("shop.example.", b"\x3fnew"), "no such records"),
        ];
        for (row, record, said) in rows {
            let answers = vec![record, a("www.new.example.", 1, 30)];
            assert_eq!(says(answers, vec![], RecordType::A).to_string(), said, "{row}");
        }
    }

    #[test]
    fn times_to_live_are_kept_apart() {
        let www = "www.shop.example.";
        let far = vec![alias(www, "lb.cdn.example.", 600), a("lb.cdn.example.", 1, 30)];
        let rows = [
            ("by an alias", far, (Some(30), Some(600), false)),
            ("uneven", vec![a(www, 1, 30), a(www, 2, 60)], (Some(30), Some(30), true)),
            ("none", vec![], (None, None, false)),
        ];
        for (row, answers, expected) in rows {
            let Said::Knows { ttl, own_ttl, uneven, .. } = says(answers, vec![], RecordType::A)
            else {
                panic!("{row}: it knows")
            };
            assert_eq!((ttl, own_ttl, uneven), expected, "{row}");
        }
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
