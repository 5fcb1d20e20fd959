//! Mail by SMTP, over TLS from the first byte or from STARTTLS on, with the `Message-ID` made of the message's name.
//!
//! One mail goes to all recipients: if the server refuses one of them it is refused as a whole. A server that took the
//! mail and could not say so is given it again under the same `Message-ID`; most show it once.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use launchgate_core::message::Message;
use launchgate_core::problem::Problem;
use launchgate_probes::secret::{Credential, TextOrCredential};
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Mailbox, Message as Mail};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use lettre::transport::smtp::{AsyncSmtpTransport, Error as SmtpError};
use lettre::{AsyncTransport as _, Tokio1Executor};
use reqwest::Url;
use schemars::JsonSchema;
use secrecy::ExposeSecret as _;
use serde::Deserialize;

use super::about::About;
use super::post;
use super::undelivered::Undelivered;

/// How long the server may take for one answer, and for all of them.
const ANSWER: Duration = Duration::from_secs(30);
const WHOLE: Duration = Duration::from_secs(120);
/// The longest subject.
const MAX_SUBJECT: usize = 200;
/// The longest text.
const MAX_TEXT: usize = 100_000;
/// The most recipients.
const MAX_RECIPIENTS: usize = 100;
/// The largest file of certificates, in bytes.
const MAX_CA_FILE: u64 = 1 << 20;

/// `kind: email`: mail by SMTP.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    /// The mail server's name, which its certificate must hold.
    server: String,
    /// Its port; 465 for `implicit`, 587 for `starttls`, 25 for `none` by default.
    #[serde(default)]
    port: Option<u16>,
    /// How the connection is kept secret; `starttls` by default.
    #[serde(default)]
    tls: TlsMode,
    /// A PEM file of certificates to trust beside the system's; relative to the launch file.
    #[serde(default)]
    ca_file: Option<PathBuf>,
    /// The user, if the server wants one.
    #[serde(default)]
    user: Option<TextOrCredential>,
    /// The user's password.
    #[serde(default)]
    password: Option<Credential>,
    /// The sender: `Launches <launches@shop.example>`.
    from: String,
    /// The recipients.
    to: Vec<String>,
    /// The name by which launchgate greets the server.
    #[serde(default)]
    hello: Option<String>,
}

/// How the connection is kept secret.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum TlsMode {
    /// TLS from the first byte.
    Implicit,
    /// TLS after STARTTLS, without which nothing is sent.
    #[default]
    Starttls,
    /// Not at all; to a server on this host alone.
    None,
}

impl Settings {
    pub(super) fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        let mut mailbox = |key: &str, text: &str| {
            if text.parse::<Mailbox>().is_err() {
                let hint = "write it like `Launches <launches@shop.example>`";
                let message = format!("`{text}` is no address of mail");
                problems.push(Problem::at(key, message).hint(hint));
            }
        };
        mailbox("from", &self.from);
        self.to.iter().for_each(|to| mailbox("to", to));
        if self.to.is_empty() || self.to.len() > MAX_RECIPIENTS {
            let message = format!("a mail has between 1 and {MAX_RECIPIENTS} recipients");
            let hint = "a longer list belongs on the mail server, under one address";
            problems.push(Problem::at("to", message).hint(hint));
        }
        if self.tls == TlsMode::None && !is_here(&self.server) {
            let message = format!("mail to {} would go over the network as it is", self.server);
            let hint = "write `tls: starttls` or `tls: implicit`";
            problems.push(Problem::at("tls", message).hint(hint));
        }
        if self.user.is_some() != self.password.is_some() {
            let (key, missing) = if self.user.is_some() {
                ("user", "`password` is missing")
            } else {
                ("password", "`user` is missing")
            };
            problems.push(Problem::at(key, missing));
        }
        problems
    }

    fn port(&self) -> u16 {
        self.port.unwrap_or(match self.tls {
            TlsMode::Implicit => 465,
            TlsMode::Starttls => 587,
            TlsMode::None => 25,
        })
    }

    pub(super) fn door(&self, folder: &Path) -> Result<Url, Undelivered> {
        self.credentials(folder)?;
        self.parameters(folder)?;
        let host = match self.server.parse::<IpAddr>() {
            Ok(IpAddr::V6(address)) => format!("[{address}]"),
            _ => self.server.clone(),
        };
        format!("smtp://{host}:{}", self.port())
            .parse()
            .map_err(|e| Undelivered::ForGood(format!("its server's name cannot be read: {e}")))
    }

    pub(super) async fn deliver(
        &self,
        about: &About,
        folder: &Path,
        message: &Message,
    ) -> Result<(), Undelivered> {
        let mail = self.mail(about, message).map_err(Undelivered::ForGood)?;
        let tls = match (self.tls, self.parameters(folder)?) {
            (TlsMode::Implicit, Some(parameters)) => Tls::Wrapper(parameters),
            (TlsMode::Starttls, Some(parameters)) => Tls::Required(parameters),
            _ => Tls::None,
        };
        let mut transport = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&*self.server)
            .port(self.port())
            .tls(tls)
            .timeout(Some(ANSWER));
        if let Some(name) = &self.hello {
            transport = transport.hello_name(ClientId::Domain(name.clone()));
        }
        if let Some(credentials) = self.credentials(folder)? {
            transport = transport.credentials(credentials);
        }
        match tokio::time::timeout(WHOLE, transport.build().send(mail)).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(judged(&error)),
            Err(_) => Err(Undelivered::yet("no answer in time")),
        }
    }

    fn credentials(&self, folder: &Path) -> Result<Option<Credentials>, Undelivered> {
        let (Some(user), Some(password)) = (&self.user, &self.password) else { return Ok(None) };
        let user = post::text(user, folder)?;
        let password = password.resolve_in(folder).map_err(Undelivered::without_secret)?;
        let [user, password] = [user, password].map(|secret| secret.expose_secret().to_owned());
        Ok(Some(Credentials::new(user, password)))
    }

    fn parameters(&self, folder: &Path) -> Result<Option<TlsParameters>, Undelivered> {
        if self.tls == TlsMode::None {
            return Ok(None);
        }
        let mut parameters = TlsParameters::builder(self.server.clone());
        if let Some(file) = &self.ca_file {
            let fail = |why: &dyn std::fmt::Display| {
                Undelivered::yet(format!("the file of certificates {}: {why}", file.display()))
            };
            let path = folder.join(file);
            let length = std::fs::metadata(&path).map_err(|e| fail(&e))?.len();
            if length > MAX_CA_FILE {
                return Err(fail(&"it is larger than 1 MiB"));
            }
            let pem = std::fs::read(&path).map_err(|e| fail(&e))?;
            let certificate = Certificate::from_pem(&pem).map_err(|e| fail(&e))?;
            parameters = parameters.add_root_certificate(certificate);
        }
        let parameters = parameters.build_rustls().map_err(|e| Undelivered::yet(e.to_string()))?;
        Ok(Some(parameters))
    }

    /// The mail, or why there can be none.
    fn mail(&self, about: &About, message: &Message) -> Result<Mail, String> {
        let from: Mailbox = self.from.parse().map_err(|e| format!("its sender: {e}"))?;
        let id = message_id(message, from.email.domain());
        let name = HeaderName::new_from_ascii_str("X-Launchgate-Message");
        let kind = HeaderName::new_from_ascii_str("Auto-Submitted");
        let mut mail = Mail::builder()
            .date(SystemTime::from(message.at))
            .message_id(Some(id))
            .raw_header(HeaderValue::new(name, message.id.clone()))
            .raw_header(HeaderValue::new(kind, "auto-generated".to_owned()))
            .subject(subject(about, message))
            .header(ContentType::TEXT_PLAIN)
            .from(from);
        for to in &self.to {
            mail = mail.to(to.parse().map_err(|e| format!("the recipient {to}: {e}"))?);
        }
        mail.body(text(about, message)).map_err(|e| e.to_string())
    }
}

/// The message's name as a `Message-ID`: the same for every try.
fn message_id(message: &Message, domain: &str) -> String {
    let hash = post::digest(&message.id);
    format!("<launchgate.{}@{domain}>", &hash[..32])
}

fn subject(about: &About, message: &Message) -> String {
    let line = message.title.as_deref().or_else(|| message.text.lines().next());
    let line: String =
        line.unwrap_or_default().chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let begins = format!("[{}]", about.launch);
    let line = if line.starts_with(&begins) { line } else { format!("{begins} {line}") };
    post::cut(&line, MAX_SUBJECT)
}

fn text(about: &About, message: &Message) -> String {
    let mut text = post::cut(&message.text, MAX_TEXT);
    text += &format!("\n\n-- \n{}, version {}\n", about.title, about.version);
    for (name, url) in &about.links {
        text += &format!("{name}: {url}\n");
    }
    text
}

/// Whether a server is on this host.
fn is_here(server: &str) -> bool {
    server == "localhost" || server.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// What a failure means: a server that says 5xx refuses the mail; everything else can end otherwise.
fn judged(error: &SmtpError) -> Undelivered {
    let mut because = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(deeper) = source {
        let said = deeper.to_string();
        if !because.contains(&said) {
            because += &format!(": {said}");
        }
        source = deeper.source();
    }
    let because = post::cut(&because.replace(['\r', '\n'], " "), 300);
    if error.is_permanent() { Undelivered::ForGood(because) } else { Undelivered::yet(because) }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{message, shop};
    use super::*;

    fn settings(more: &str) -> Settings {
        let text = format!(
            r#"{{"server": "mail.shop.example", "from": "Launches <launches@shop.example>", "to": ["team@shop.example"]{more}}}"#
        );
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn a_mail_is_what_it_should_be() {
        let message = Message {
            at: "2026-12-01T09:00:00Z".parse().unwrap(),
            title: Some("We are live\r\nBcc: everybody@evil.example".into()),
            text: "Grüße,\nit runs.".into(),
            ..message("mail")
        };
        let mail = settings("").mail(&shop(), &message).unwrap();
        insta::assert_snapshot!(String::from_utf8(mail.formatted()).unwrap().replace('\r', ""), @r#"
        Date: Tue, 01 Dec 2026 09:00:00 +0000
        Message-ID: <launchgate.069fe12501ca0157308ea0d5996ad151@shop.example>
        X-Launchgate-Message: run-1/announce/room
        Auto-Submitted: auto-generated
        Subject: [shop] We are live  Bcc: everybody@evil.example
        Content-Type: text/plain; charset=utf-8
        From: Launches <launches@shop.example>
        To: team@shop.example
        Content-Transfer-Encoding: quoted-printable

        Gr=C3=BC=C3=9Fe,
        it runs.

        --=20
        Shop, version 2.4
        "#);
    }

    #[test]
    fn a_name_is_one_message_id() {
        let again = message_id(&message("a"), "shop.example");
        assert_eq!(message_id(&message("b"), "shop.example"), again, "the name alone counts");
        let other = Message { id: "other".into(), ..message("a") };
        assert_ne!(message_id(&other, "shop.example"), again);
        assert!(again.starts_with("<launchgate.") && again.ends_with("@shop.example>"), "{again}");
    }

    #[test]
    fn settings_that_cannot_be_meant_are_told() {
        let rows = [
            ("as usual", "", vec![]),
            ("with a user", r#", "user": "u", "password": {"env": "P"}"#, vec![]),
            ("no password", r#", "user": "u""#, vec!["user: `password` is missing"]),
            ("no user", r#", "password": {"env": "P"}"#, vec!["password: `user` is missing"]),
            (
                "in the open",
                r#", "tls": "none""#,
                vec![
                    "tls: mail to mail.shop.example would go over the network as it is (write `tls: starttls` or `tls: implicit`)",
                ],
            ),
        ];
        for (row, more, expected) in rows {
            let problems = settings(more).problems();
            let told: Vec<String> = problems.iter().map(ToString::to_string).collect();
            assert_eq!(told, expected, "{row}");
        }
        let nobody: Settings = serde_json::from_str(
            r#"{"server": "127.0.0.1", "tls": "none", "from": "nobody", "to": []}"#,
        )
        .unwrap();
        let keys: Vec<String> = nobody.problems().iter().map(|p| p.path.to_string()).collect();
        assert_eq!(keys, ["from", "to"]);
        let ports = [("", 587), (r#", "tls": "implicit""#, 465), (r#", "port": 2525"#, 2_525)];
        for (more, port) in ports {
            assert_eq!(settings(more).port(), port, "{more}");
        }
    }
}
