//! People who are known by a client certificate: the list of the settings, and whom of it a certificate names.
//!
//! A certificate is known by a name that its authority vouches for, an e-mail address, a DNS name or a URI in
//! `subjectAltName`, or by itself. The common name of its subject is not looked at: it has no form, so that what an
//! authority lets stand there for a server, a team or a person cannot be told apart. (Servers are not known by it any more
//! either: RFC 9525.)

use launchgate_core::name::Name;
use launchgate_core::problem::{KeyPath, Problem};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::auth::Role;
use super::tls::{Called, Certificate};

/// A certificate, as the settings list it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Listed {
    /// Who acts with it; the name that the launch files' `people` use.
    #[schemars(with = "String")]
    pub identity: Name,
    /// What it allows.
    pub roles: Vec<Role>,
    /// How it is told from others.
    pub known_by: KnownBy,
}

/// By what a certificate is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum KnownBy {
    /// An e-mail address among its names.
    Email(String),
    /// A DNS name among its names.
    Dns(String),
    /// A URI among its names, such as `spiffe://example.com/ci`.
    Uri(String),
    /// The SHA-256 of the certificate, in hexadecimal: `openssl x509 -noout -fingerprint -sha256`.
    Sha256(String),
}

impl KnownBy {
    fn fits(&self, certificate: &Certificate) -> bool {
        let named = |same: &dyn Fn(&Called) -> bool| certificate.names.iter().any(same);
        match self {
            Self::Email(known) => {
                named(&|name| matches!(name, Called::Email(e) if same_email(e, known)))
            }
            Self::Dns(known) => {
                named(&|name| matches!(name, Called::Dns(d) if d.eq_ignore_ascii_case(known)))
            }
            Self::Uri(known) => named(&|name| matches!(name, Called::Uri(u) if u == known)),
            Self::Sha256(known) => plain_hex(known) == certificate.sha256,
        }
    }

    /// What is wrong with it, and what to do about it.
    fn flaw(&self) -> Option<(String, &'static str)> {
        let odd = |text: &str| {
            text.is_empty() || text.contains(|c: char| c.is_whitespace() || c.is_control())
        };
        match self {
            Self::Email(text) => {
                let parts = text.rsplit_once('@').filter(|(user, host)| !odd(user) && !odd(host));
                let hint = "write it as it stands in the certificate, such as `alice@example.com`";
                parts.is_none().then(|| (format!("`{text}` is no e-mail address"), hint))
            }
            Self::Dns(text) => {
                let hint = "write the whole name, such as `ci.example.com`; patterns are not taken";
                (odd(text) || text.contains(['*', '/', ':', '@']))
                    .then(|| (format!("`{text}` is no DNS name"), hint))
            }
            Self::Uri(text) => {
                let parts =
                    text.split_once(':').filter(|(scheme, rest)| !odd(scheme) && !odd(rest));
                let hint =
                    "write it as it stands in the certificate, such as `spiffe://example.com/ci`";
                parts.is_none().then(|| (format!("`{text}` is no URI"), hint))
            }
            Self::Sha256(text) => {
                let hex = plain_hex(text);
                let good = hex.len() == 64 && hex.bytes().all(|b| b.is_ascii_hexdigit());
                let hint = "`openssl x509 -in FILE -noout -fingerprint -sha256` gives it";
                (!good).then(|| ("this is no SHA-256 in hexadecimal".to_owned(), hint))
            }
        }
    }

    /// Equal for what knows the same certificates.
    fn plain(&self) -> (&'static str, String) {
        match self {
            Self::Email(text) => match text.rsplit_once('@') {
                Some((user, host)) => ("email", format!("{user}@{}", host.to_ascii_lowercase())),
                None => ("email", text.clone()),
            },
            Self::Dns(text) => ("dns", text.to_ascii_lowercase()),
            Self::Uri(text) => ("uri", text.clone()),
            Self::Sha256(text) => ("sha256", plain_hex(text)),
        }
    }
}

/// The host of an address is read in any case, the user is not (RFC 5280, section 7.5).
fn same_email(one: &str, other: &str) -> bool {
    match (one.rsplit_once('@'), other.rsplit_once('@')) {
        (Some((a, at)), Some((b, bt))) => a == b && at.eq_ignore_ascii_case(bt),
        _ => false,
    }
}

/// Without the colons of openssl, in small letters.
fn plain_hex(text: &str) -> String {
    text.chars().filter(|c| *c != ':').map(|c| c.to_ascii_lowercase()).collect()
}

/// Whom a certificate names, and what they may: all the roles of the entries that it fits.
///
/// # Errors
/// Why it names nobody.
pub(super) fn holder(
    listed: &[Listed],
    certificate: &Certificate,
) -> Result<(Name, Vec<Role>), String> {
    let fit: Vec<&Listed> = listed.iter().filter(|one| one.known_by.fits(certificate)).collect();
    let Some(first) = fit.first() else {
        return Err("the client certificate is not listed".to_owned());
    };
    if fit.iter().any(|one| one.identity != first.identity) {
        return Err("the client certificate names several people of the list".to_owned());
    }
    let roles = fit.iter().flat_map(|one| &one.roles).copied().collect();
    Ok((first.identity.clone(), roles))
}

/// Everything that is wrong with a list, below it.
pub fn misfits(listed: &[Listed]) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (i, one) in listed.iter().enumerate() {
        let at = KeyPath::root().index(i).entry("known_by");
        if let Some((message, hint)) = one.known_by.flaw() {
            problems.push(Problem::new(at, message).hint(hint));
        } else if listed[..i].iter().any(|before| before.known_by.plain() == one.known_by.plain()) {
            let message = "another entry is known by the same";
            let hint = "one entry may have several roles";
            problems.push(Problem::new(at, message).hint(hint));
        }
    }
    problems
}
