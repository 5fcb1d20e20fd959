//! From what every server said to readings: what the zone says, and how many resolvers have heard of it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use jiff::Timestamp;
use launchgate_core::observation::{Cause, Failure};
use launchgate_core::reading::Readings;

use super::answer::{Known, Said, code_name};
use super::edns;
use super::soa::Soa;

/// One server and what it said.
#[derive(Debug, Clone)]
pub(crate) struct Server {
    /// Its address.
    pub(crate) address: SocketAddr,
    /// Its name, of a name server that was found by it.
    pub(crate) name: Option<String>,
    /// What it said to the question.
    pub(crate) said: Said,
    /// The extended errors that came with that.
    pub(crate) errors: Vec<u16>,
    /// Whether it says to have validated that.
    pub(crate) authentic: bool,
    /// What a resolver said when asked not to validate, as it had declined before.
    pub(crate) unchecked: Option<Said>,
    /// The zone's start of authority as it has it; asked of authorities only.
    pub(crate) soa: Option<Soa>,
    /// The zone's name servers as it has them; asked of authorities only.
    pub(crate) names: Option<BTreeSet<String>>,
    /// When the first of the signatures ends that it gave.
    pub(crate) signed_until: Option<Timestamp>,
}

impl Server {
    /// A server of which nothing is known but what it said.
    pub(crate) fn new(address: SocketAddr, said: Said) -> Self {
        Self {
            address,
            name: None,
            said,
            errors: Vec::new(),
            authentic: false,
            unchecked: None,
            soa: None,
            names: None,
            signed_until: None,
        }
    }

    /// What a name server is called in reports.
    pub(crate) fn subject(&self) -> String {
        match &self.name {
            Some(name) => format!("name server {name} ({})", self.address),
            None => format!("name server {}", self.address),
        }
    }
}

/// What the authorities say as one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Authority<'a> {
    /// None was asked, or none answered.
    Absent,
    /// All that answered did so with authority, and the same.
    Agrees(&'a Known),
    /// They differ, or one answered without knowing.
    Differs,
}

/// Reads all servers together.
///
/// # Errors
/// When no server answered: the cause that all share, or *unreachable*, with every server named.
pub(crate) fn read(authorities: &[Server], resolvers: &[Server]) -> Result<Readings, Failure> {
    let all = || authorities.iter().chain(resolvers);
    let asked = all().count();
    let responding = all().filter(|s| !matches!(s.said, Said::Silent(_))).count();
    if responding == 0 {
        return Err(silence(all()));
    }
    let authority = agreed(authorities);
    let majority = majority(resolvers);
    let reference = match authority {
        Authority::Agrees(known) => Some(known),
        Authority::Absent | Authority::Differs => majority,
    };
    let mut readings = Readings::new().number("responding", percent(responding, asked));
    readings = match authority {
        Authority::Absent => readings,
        Authority::Agrees(_) => readings.flag("authorities_agree", true),
        Authority::Differs => readings.flag("authorities_agree", false),
    };
    if !resolvers.is_empty() {
        let agreeing = match authority {
            Authority::Agrees(alias @ Known::Alias(_)) => {
                largest(resolvers.iter().filter(|s| s.said.agrees(alias)))
            }
            Authority::Agrees(known) => resolvers.iter().filter(|s| s.said.agrees(known)).count(),
            Authority::Absent | Authority::Differs => largest(resolvers),
        };
        readings = readings.number("agreement", percent(agreeing, resolvers.len()));
    }
    readings = match answers(reference, resolvers) {
        Some(answers) => readings.texts("answers", answers),
        None => readings.note("no answer is held by a majority, so there is no reading `answers`"),
    };
    // Where they differ, the longest is what has to be waited for.
    if let Some(ttl) = authorities.iter().filter_map(|s| ttl(&s.said)).max() {
        readings = readings.number("ttl", f64::from(ttl));
    }
    if let Some(code) = code(authorities, resolvers) {
        readings = readings.text("rcode", code);
    }
    let serials: BTreeSet<u32> =
        authorities.iter().filter_map(|s| Some(s.soa.as_ref()?.serial)).collect();
    if !serials.is_empty() {
        readings = readings.texts("serials", serials.iter().map(ToString::to_string));
    }
    if let Some(Known::Alias(target)) = reference {
        readings = readings.note(format!(
            "the zone's alias leads to {target}, beyond its own servers: `answers` is what the resolvers that follow it \
             say, and `ttl` the alias's own"
        ));
    }
    Ok(parts(readings, authorities, resolvers, reference))
}

/// What all authorities that answered say.
pub(crate) fn agreed(authorities: &[Server]) -> Authority<'_> {
    let answered: Vec<&Said> =
        authorities.iter().map(|s| &s.said).filter(|s| !matches!(s, Said::Silent(_))).collect();
    let Some(votes) = answered.iter().map(|said| vote(said)).collect::<Option<Vec<_>>>() else {
        return Authority::Differs;
    };
    // A server that has the alias's target as well says more than one that has not, and nothing else.
    let alias = votes.iter().find(|known| matches!(known, Known::Alias(_)));
    let Some(known) = alias.or(votes.first()) else { return Authority::Absent };
    if answered.iter().all(|said| said.agrees(known)) {
        Authority::Agrees(known)
    } else {
        Authority::Differs
    }
}

/// What an authority's answer counts for: nothing unless it was given with authority.
pub(crate) fn vote(said: &Said) -> Option<&Known> {
    match said {
        Said::Knows { known, authoritative: true, .. } => Some(known),
        Said::Knows { .. } | Said::Declines(_) | Said::Refers | Said::Silent(_) => None,
    }
}

/// The servers by what they know.
fn groups<'a>(servers: impl IntoIterator<Item = &'a Server>) -> BTreeMap<&'a Known, usize> {
    let mut groups = BTreeMap::new();
    for known in servers.into_iter().filter_map(|s| s.said.known()) {
        *groups.entry(known).or_insert(0) += 1;
    }
    groups
}

fn largest<'a>(servers: impl IntoIterator<Item = &'a Server>) -> usize {
    groups(servers).into_values().max().unwrap_or(0)
}

/// What more servers know than know anything else; nothing when there is a tie.
fn majority<'a>(servers: impl IntoIterator<Item = &'a Server>) -> Option<&'a Known> {
    let groups = groups(servers);
    let most = groups.values().max()?;
    let mut leading = groups.iter().filter(|(_, count)| *count == most);
    match (leading.next(), leading.next()) {
        (Some((known, _)), None) => Some(known),
        _ => None,
    }
}

fn answers(reference: Option<&Known>, resolvers: &[Server]) -> Option<Vec<String>> {
    match reference? {
        Known::Records(records) => Some(records.iter().cloned().collect()),
        Known::NoData | Known::NoName => Some(Vec::new()),
        alias @ Known::Alias(_) => {
            let following = resolvers.iter().filter(|s| s.said.agrees(alias));
            match majority(following)? {
                Known::Records(records) => Some(records.iter().cloned().collect()),
                Known::NoData | Known::NoName => Some(Vec::new()),
                Known::Alias(_) => None,
            }
        }
    }
}

/// The time to live as an authority gives it; a cache's counts down.
pub(crate) fn ttl(said: &Said) -> Option<u32> {
    match said {
        Said::Knows { ttl, authoritative: true, .. } => *ttl,
        Said::Knows { .. } | Said::Declines(_) | Said::Refers | Said::Silent(_) => None,
    }
}

/// The response code that most authorities gave, or most resolvers where no authority answered.
fn code(authorities: &[Server], resolvers: &[Server]) -> Option<&'static str> {
    let most = |servers: &[Server]| {
        let mut counts = BTreeMap::new();
        for code in servers.iter().filter_map(|s| s.said.code()) {
            *counts.entry(code_name(code)).or_insert(0_usize) += 1;
        }
        counts.into_iter().max_by_key(|(_, count)| *count).map(|(code, _)| code)
    };
    most(authorities).or_else(|| most(resolvers))
}

fn parts(
    mut readings: Readings,
    authorities: &[Server],
    resolvers: &[Server],
    reference: Option<&Known>,
) -> Readings {
    for server in authorities {
        let lame = matches!(server.said, Said::Knows { authoritative: false, .. });
        let agrees = reference.is_some_and(|known| server.said.agrees(known));
        let odd = vote(&server.said).is_none() || !agrees;
        let says = if lame {
            format!("{}, without authority", server.said)
        } else {
            server.said.to_string()
        };
        readings = readings.part(server.subject(), says, odd);
    }
    for server in resolvers {
        let odd = !reference.is_some_and(|known| server.said.agrees(known));
        let mut says = server.said.to_string();
        for code in &server.errors {
            says.push_str(&format!(", {}", edns::error_name(*code)));
        }
        readings = readings.part(format!("resolver {}", server.address), says, odd);
    }
    readings
}

/// The failure when none of these answered.
pub(crate) fn silence<'a>(servers: impl Iterator<Item = &'a Server>) -> Failure {
    let (mut causes, mut said) = (BTreeSet::new(), Vec::new());
    for server in servers {
        if let Said::Silent(failure) = &server.said {
            causes.insert(failure.cause);
            said.push(failure.message.clone());
        }
    }
    let cause = match causes.first() {
        Some(cause) if causes.len() == 1 => *cause,
        _ => Cause::Unreachable,
    };
    Failure::new(cause, format!("no server answered: {}", said.join("; ")))
}

/// A share in percent.
#[expect(clippy::cast_precision_loss, reason = "there are few servers")]
pub(crate) fn percent(part: usize, whole: usize) -> f64 {
    100.0 * part as f64 / whole as f64
}

#[cfg(test)]
mod tests {
    use hickory_resolver::proto::op::ResponseCode;

    use super::*;

    fn server(known: Known, aliases: &[&str], authoritative: bool) -> Server {
        let aliases = aliases.iter().map(ToString::to_string).collect();
        let (ttl, own_ttl, uneven) = (Some(60), Some(60), false);
        let said = Said::Knows { known, aliases, ttl, own_ttl, uneven, authoritative };
        Server::new("192.0.2.53:53".parse().expect("an address"), said)
    }

    #[test]
    fn name_servers_agree_when_none_says_otherwise() {
        let records = |r: &str| Known::Records(BTreeSet::from([r.to_owned()]));
        let one = || server(records("1"), &[], true);
        let alias = || server(Known::Alias("lb".to_owned()), &["lb"], true);
        let refuses = || Server { said: Said::Declines(ResponseCode::Refused), ..one() };
        let agrees = |known| (Some(known), false);
        let differs = (None, true);
        let rows = [
            ("nobody", vec![], (None, false)),
            ("the same", vec![one(), one()], agrees(records("1"))),
            ("others", vec![one(), server(records("2"), &[], true)], differs.clone()),
            ("one refuses", vec![one(), refuses()], differs.clone()),
            ("without authority", vec![one(), server(records("1"), &[], false)], differs.clone()),
            (
                "one has the alias's target as well",
                vec![server(records("1"), &["lb"], true), alias()],
                agrees(Known::Alias("lb".to_owned())),
            ),
            ("one has no alias", vec![alias(), one()], differs),
        ];
        for (row, servers, (known, differs)) in rows {
            let agreed = agreed(&servers);
            let is = match agreed {
                Authority::Agrees(known) => Some(known),
                Authority::Absent | Authority::Differs => None,
            };
            assert_eq!(is, known.as_ref(), "{row}");
            assert_eq!(agreed == Authority::Differs, differs, "{row}");
        }
    }
}
