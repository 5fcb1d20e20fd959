//! `mail_auth`: whether mail from the launch's servers would be believed, and who takes mail for the domain.
//!
//! SPF is evaluated for each address that sends, as a receiver would; DKIM keys and the DMARC policy are read as
//! published. No mail is sent, no signature verified, and no reputation asked for.

mod dkim;
mod dmarc;
mod exchangers;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
mod names;
pub(crate) mod question;
mod section;
mod spf;
mod tags;
mod transport;

use std::net::{IpAddr, SocketAddr};

use futures_util::future::{join, join3};
use launchgate_core::observation::Failure;
use launchgate_core::problem::{KeyPath, Problem};
use launchgate_core::reading::{ReadingSpec, ReadingType, Readings, Unit};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::dns::servers;
use crate::probe::{Context, Probe};
use names::Resolved;

/// The most addresses that send.
const MAX_SENDERS: usize = 64;
/// The most selectors.
const MAX_SELECTORS: usize = 32;

/// Settings of the `mail_auth` probe.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The domain that stands in the mails' `From`, in its ASCII form (`xn--…`).
    pub domain: String,
    /// The addresses that send in its name, 64 at most: each must pass SPF.
    pub senders: Vec<String>,
    /// The DKIM selectors in use, 32 at most. They cannot be found by asking, so they have to be given.
    pub selectors: Vec<String>,
    /// The resolvers that are asked in order, `ip` or `ip:port`; the vantage's, or else this machine's, if not given.
    #[serde(default)]
    pub resolvers: Vec<String>,
}

/// The `mail_auth` probe; see the module's documentation.
#[derive(Debug)]
pub struct MailAuth {
    domain: String,
    senders: Vec<IpAddr>,
    selectors: Vec<String>,
    resolvers: Vec<SocketAddr>,
}

impl Probe for MailAuth {
    const KIND: &'static str = "mail_auth";
    const EXAMPLE: &'static str = "\
domain: shop.example
senders: [203.0.113.25, 203.0.113.26]
selectors: [s2026]
";
    type Settings = Settings;

    fn new(settings: Settings) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let domain = settings.domain.trim_end_matches('.').to_ascii_lowercase();
        if !domain.contains('.') || !domain.is_ascii() || question::name(&domain).is_none() {
            let said = format!("`{}` is no domain that sends mail", settings.domain);
            problems.push(Problem::at("domain", said).hint("write it like `shop.example`"));
        }
        let mut senders = Vec::new();
        for (i, text) in settings.senders.iter().enumerate() {
            if let Ok(ip) = text.parse::<IpAddr>() {
                senders.push(ip.to_canonical());
            } else {
                let path = KeyPath::root().entry("senders").index(i);
                problems.push(Problem::new(path, format!("`{text}` is no address")));
            }
        }
        senders.dedup();
        for (i, text) in settings.selectors.iter().enumerate() {
            if text.ends_with('.') || question::name(text).is_none() {
                let path = KeyPath::root().entry("selectors").index(i);
                problems.push(Problem::new(path, format!("`{text}` is no selector")));
            }
        }
        let lists = [
            ("senders", settings.senders.len(), MAX_SENDERS),
            ("selectors", settings.selectors.len(), MAX_SELECTORS),
        ];
        for (key, count, most) in lists {
            if count == 0 || count > most {
                problems.push(Problem::at(key, format!("there must be 1 to {most} of them")));
            }
        }
        let resolvers = servers::read("resolvers", &settings.resolvers, &mut problems);
        if problems.is_empty() {
            Ok(Self { domain, senders, selectors: settings.selectors, resolvers })
        } else {
            Err(problems)
        }
    }

    fn readings(&self) -> Vec<ReadingSpec> {
        use ReadingType::{Flag, Number, Text, Texts};
        let spec = ReadingSpec::new;
        vec![
            spec("spf_result", Text, "what SPF says of the senders, at worst: `pass`, `fail` …"),
            spec("spf_stranger", Text, "what SPF says of 192.0.2.1, which is nobody's"),
            spec("spf_lookups", Number(Unit::One), "the look-ups that SPF took, at most; 10 may"),
            spec("spf_void_lookups", Number(Unit::One), "those that came to nothing; 2 may"),
            spec("spf_uses_ptr", Flag, "whether SPF rests on `ptr`, which should not be used"),
            spec("spf_record_size", Number(Unit::Bytes), "the size of the domain's SPF record"),
            spec("dkim_ok", Flag, "whether every selector's key verifies, none in test mode"),
            spec("dkim_unusable", Texts, "the selectors whose key does not"),
            spec("dkim_testing", Texts, "the selectors in test mode"),
            spec("dkim_bits", Number(Unit::One), "the bits of the shortest RSA key"),
            spec("dmarc_policy", Text, "`reject`, `quarantine`, `none`, or `missing`"),
            spec("dmarc_subdomain_policy", Text, "the same for names below the policy's domain"),
            spec("dmarc_nonexistent_policy", Text, "the same for names that do not exist"),
            spec("dmarc_testing", Flag, "whether the policy is only tried out (`t=y`)"),
            spec("dmarc_domain", Text, "the domain whose policy holds"),
            spec("dmarc_pct", Number(Unit::Percent), "the outdated tag `pct`, where it stands"),
            spec("dmarc_reports", Flag, "whether reports go somewhere, and are taken there"),
            spec("dmarc_reports_refused", Texts, "the hosts that do not say that they take them"),
            spec("mx_ok", Flag, "whether there are exchangers with addresses, none an alias"),
            spec("mx_null", Flag, "whether the domain says that it takes no mail"),
            spec("mx_broken", Texts, "the exchangers without an address, or that are aliases"),
            spec("ptr_confirmed", Flag, "whether every sender has a name that leads back to it"),
            spec("ptr_unconfirmed", Texts, "the senders that have none"),
            spec("mta_sts_mode", Text, "`enforce`, `testing`, `none`, `missing` or `unusable`"),
            spec("mta_sts_max_age", Number(Unit::Time), "for how long senders keep that policy"),
            spec("mta_sts_covers_mx", Flag, "whether that policy names every exchanger"),
            spec("tls_reports", Flag, "whether reports about TLS are asked for"),
        ]
    }

    fn hosts(&self) -> Vec<String> {
        self.resolvers.iter().map(ToString::to_string).collect()
    }

    async fn observe(&self, cx: &Context) -> Result<Readings, Failure> {
        let names = Resolved::new(cx, question::resolvers(&self.resolvers, cx)?);
        let domain = self.domain.as_str();
        let ((spf, dkim, dmarc), (mx, back, (sts, reports))) = join(
            join3(
                spf::look(&names, domain, &self.senders),
                dkim::look(&names, domain, &self.selectors),
                dmarc::look(&names, domain),
            ),
            join3(
                exchangers::look(&names, domain),
                exchangers::look_back(&names, &self.senders),
                join(
                    transport::look(&names, cx, domain),
                    transport::look_for_reports(&names, domain),
                ),
            ),
        )
        .await;
        cx.trail
            .untested("no mail was sent: whether the servers sign with these keys is not known");
        cx.trail.untested("SPF was asked for postmaster@ the domain and a greeting with its name");
        section::join([spf, dkim, dmarc, mx, back, sts, reports])
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn settings_that_cannot_work_are_refused_with_their_place() {
        let rows = [
            (
                "no senders, no selectors",
                json!({"domain": "a.b", "senders": [], "selectors": []}),
                vec![
                    "senders: there must be 1 to 64 of them",
                    "selectors: there must be 1 to 32 of them",
                ],
            ),
            (
                "slips",
                json!({"domain": "localhost", "senders": ["mx.a.b"], "selectors": ["a..b"]}),
                vec![
                    "domain: `localhost` is no domain that sends mail (write it like `shop.example`)",
                    "senders[0]: `mx.a.b` is no address",
                    "selectors[0]: `a..b` is no selector",
                ],
            ),
        ];
        for (row, settings, said) in rows {
            let settings = crate::strict::read(settings).expect("it has the right shape");
            let problems = MailAuth::new(settings).expect_err(row);
            let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
            assert_eq!(problems, said, "{row}");
        }
    }
}
