//! DMARC (RFC 9989): which policy holds for a domain, found by walking up the tree, and who gets the reports.
//!
//! No list of public suffixes is used: the tree says where organisations begin.

use launchgate_core::observation::Failure;
use launchgate_core::reading::Readings;

use super::names::{Names, texts};
use super::section::Section;
use super::tags::Tags;

/// The most questions of one walk.
const MAX_STEPS: usize = 8;
/// The most addresses for reports that are looked at.
const MAX_REPORTS: usize = 10;

/// What is asked of receivers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    /// Nothing.
    None,
    /// To treat it with suspicion.
    Quarantine,
    /// To refuse it.
    Reject,
}

impl Action {
    fn read(text: &str) -> Option<Self> {
        [Self::None, Self::Quarantine, Self::Reject]
            .into_iter()
            .find(|action| text.eq_ignore_ascii_case(action.name()))
    }

    fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Quarantine => "quarantine",
            Self::Reject => "reject",
        }
    }
}

/// A policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Policy {
    /// For the domain itself; *none* where it is missing or makes no sense.
    pub(super) own: Action,
    /// For names below it.
    pub(super) below: Action,
    /// For names below it that do not exist.
    pub(super) nonexistent: Action,
    /// Whether it is only tried out.
    pub(super) testing: bool,
    /// Whether the domain says that others register names below it (`y`), or that it is an organisation's own (`n`).
    pub(super) public_suffix: Option<bool>,
    /// Where reports go: the part of each address behind the `@`.
    pub(super) reports: Vec<String>,
    /// The share that the policy was once applied to, which the standard no longer knows.
    pub(super) share: Option<u8>,
}

/// Reads a policy; none when the text is no DMARC record. Tags that nobody knows, and values that make no sense, are
/// passed over.
pub(super) fn parse(text: &[u8]) -> Option<Policy> {
    let tags = Tags::read(text);
    if tags.first() != Some(("v", "DMARC1")) || !text.starts_with(b"v") {
        return None;
    }
    let action = |tag: &str| tags.get(tag).and_then(Action::read);
    let own = action("p").unwrap_or(Action::None);
    let below = action("sp").unwrap_or(own);
    let reports = tags.get("rua").unwrap_or_default().split(',').filter_map(report_host);
    Some(Policy {
        own,
        below,
        nonexistent: action("np").unwrap_or(below),
        testing: tags.get("t").is_some_and(|t| t.eq_ignore_ascii_case("y")),
        public_suffix: match tags.get("psd") {
            Some("y" | "Y") => Some(true),
            Some("n" | "N") => Some(false),
            _ => None,
        },
        reports: reports.take(MAX_REPORTS).collect(),
        share: tags.get("pct").and_then(|pct| pct.parse().ok()).filter(|pct| *pct <= 100),
    })
}

/// The host of a `mailto:` address, without a limit of size behind it.
fn report_host(uri: &str) -> Option<String> {
    let uri = uri.trim();
    let (scheme, address) = uri.split_once(':')?;
    let address = address.split(['!', '?']).next()?;
    let (mailbox, host) = address.rsplit_once('@')?;
    let good = scheme.eq_ignore_ascii_case("mailto")
        && !mailbox.is_empty()
        && super::question::name(host).is_some();
    good.then(|| host.trim_end_matches('.').to_ascii_lowercase())
}

/// The policies on the way up from a domain, lowest first.
type Walked = Vec<(String, Policy)>;

async fn walk(names: &impl Names, domain: &str) -> Result<Walked, Failure> {
    let labels: Vec<&str> = domain.split('.').collect();
    let (mut walked, mut from) = (Vec::new(), 0);
    for _ in 0..MAX_STEPS {
        let at = labels[from..].join(".");
        let mut policies =
            texts(names, &format!("_dmarc.{at}")).await?.into_iter().filter_map(|t| parse(&t));
        // Several are as good as none.
        if let (Some(policy), None) = (policies.next(), policies.next()) {
            let ends = match policy.public_suffix {
                Some(false) => true,
                Some(true) => from > 0,
                None => false,
            };
            // What stands at the top counts only for those who say that it is one.
            if from == 0 || labels.len() - from > 1 || policy.public_suffix == Some(true) {
                walked.push((at, policy));
            }
            if ends {
                break;
            }
        }
        let left = labels.len() - from;
        from = if left > MAX_STEPS - 1 { labels.len() - (MAX_STEPS - 1) } else { from + 1 };
        if from >= labels.len() {
            break;
        }
    }
    Ok(walked)
}

/// The organisation that a domain belongs to, by what was found on the way up from it.
fn organisation(domain: &str, walked: &Walked) -> Option<String> {
    if let Some((own, _)) = walked.iter().find(|(_, p)| p.public_suffix == Some(false)) {
        return Some(own.clone());
    }
    let suffix = walked.iter().find(|(at, p)| p.public_suffix == Some(true) && at != domain);
    if let Some((suffix, _)) = suffix {
        let above = domain.strip_suffix(suffix.as_str())?.strip_suffix('.')?;
        let label = above.rsplit('.').next()?;
        return Some(format!("{label}.{suffix}"));
    }
    walked.last().map(|(at, _)| at.clone())
}

/// The policy that holds for a domain, whose it is, and what it asks for this domain.
fn applicable<'w>(domain: &str, walked: &'w Walked) -> Option<(&'w str, &'w Policy, Action)> {
    let at = |name: &str| walked.iter().find(|(at, _)| at == name);
    if let Some((own, policy)) = at(domain) {
        return Some((own, policy, policy.own));
    }
    let found = organisation(domain, walked).and_then(|name| at(&name));
    let suffix = || walked.iter().find(|(_, p)| p.public_suffix == Some(true));
    let (name, policy) = found.or_else(suffix)?;
    Some((name, policy, policy.below))
}

/// Looks for the policy, and whether those who get the reports agree to.
pub(super) async fn look(names: &impl Names, domain: &str) -> Section {
    let walked = match walk(names, domain).await {
        Ok(walked) => walked,
        Err(failure) => return Section::failed("DMARC", failure),
    };
    let Some((name, policy, action)) = applicable(domain, &walked) else {
        let readings = Readings::new()
            .text("dmarc_policy", "missing")
            .flag("dmarc_reports", false)
            .part("DMARC", "there is no policy", true);
        return Section { readings, failure: None };
    };
    let inherited = name != domain;
    let mut readings = Readings::new()
        .text("dmarc_policy", action.name())
        .text("dmarc_subdomain_policy", policy.below.name())
        .text("dmarc_nonexistent_policy", policy.nonexistent.name())
        .flag("dmarc_testing", policy.testing)
        .text("dmarc_domain", name)
        .part(
            format!("DMARC of {name}"),
            format!("{}{}", action.name(), if policy.testing { ", in test mode" } else { "" }),
            policy.testing || action == Action::None,
        );
    if inherited {
        readings =
            readings.note(format!("{domain} has no policy of its own: that of {name} holds"));
    }
    if let Some(share) = policy.share {
        readings = readings.number("dmarc_pct", f64::from(share)).note(
            "`pct` is no longer in the standard: some receivers still apply the policy to that share alone",
        );
    }
    let mut refused = Vec::new();
    for host in &policy.reports {
        match accepts(names, (name, organisation(name, &walked)), host).await {
            Ok(true) => {}
            Ok(false) => refused.push(host.as_str()),
            Err(failure) => return Section { readings, failure: Some(failure) },
        }
    }
    let reports = !policy.reports.is_empty() && refused.is_empty();
    readings = readings.flag("dmarc_reports", reports).texts("dmarc_reports_refused", refused);
    Section { readings, failure: None }
}

/// Whether a host takes reports about a domain: its own organisation does, others have to say so (RFC 9990).
async fn accepts(
    names: &impl Names,
    of: (&str, Option<String>),
    host: &str,
) -> Result<bool, Failure> {
    let (domain, organisation_of_domain) = of;
    if host == domain {
        return Ok(true);
    }
    let theirs = organisation(host, &walk(names, host).await?);
    if theirs.is_some() && theirs == organisation_of_domain {
        return Ok(true);
    }
    let name = format!("{domain}._report._dmarc.{host}");
    Ok(texts(names, &name).await?.iter().any(|t| Tags::read(t).first() == Some(("v", "DMARC1"))))
}

#[cfg(test)]
#[path = "dmarc_tests.rs"]
mod tests;
