//! A webhook of one's own: the message as JSON, signed if there is a key.
//!
//! The signature is an HMAC-SHA256 over the body's bytes, in the header that many receivers know. The body holds the
//! message's name and time, so that a receiver can tell a repetition from a new message.

use std::collections::BTreeMap;
use std::path::Path;

use aws_lc_rs::hmac;
use launchgate_core::message::Message;
use launchgate_core::problem::Problem;
use launchgate_probes::secret::{Credential, TextOrCredential};
use reqwest::header::{HeaderName, HeaderValue};
use reqwest::{Method, Url};
use schemars::JsonSchema;
use secrecy::ExposeSecret as _;
use serde::Deserialize;
use serde_json::{Value, json};

use super::about::About;
use super::post;
use super::undelivered::Undelivered;

/// `kind: webhook`: an endpoint that takes JSON with `text`, `launch`, `version` and more.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    /// Where messages are posted.
    url: TextOrCredential,
    /// More headers.
    #[serde(default)]
    headers: BTreeMap<String, TextOrCredential>,
    /// Signs each message.
    #[serde(default)]
    signature: Option<Signature>,
}

/// How messages are signed: `sha256=` and the HMAC-SHA256 over the body, in hexadecimal.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Signature {
    /// What both sides know, and nobody else.
    secret: Credential,
    /// The header that carries the signature.
    #[serde(default = "signature_header")]
    header: String,
}

fn signature_header() -> String {
    "X-Launchgate-Signature".to_owned()
}

impl Settings {
    pub(super) fn problems(&self) -> Vec<Problem> {
        let names = self.headers.keys().map(|name| ("headers", name));
        let header = self.signature.iter().map(|signature| ("signature", &signature.header));
        let bad = names.chain(header).filter(|(_, name)| name.parse::<HeaderName>().is_err());
        let bad = bad.map(|(key, name)| Problem::at(key, format!("`{name}` is no header")));
        post::problem("url", &self.url).into_iter().chain(bad).collect()
    }

    pub(super) fn door(&self, folder: &Path) -> Result<Url, Undelivered> {
        for value in self.headers.values() {
            post::text(value, folder)?;
        }
        if let Some(signature) = &self.signature {
            signature.secret.resolve_in(folder).map_err(Undelivered::without_secret)?;
        }
        post::url(&self.url, folder)
    }

    pub(super) async fn deliver(
        &self,
        about: &About,
        folder: &Path,
        message: &Message,
    ) -> Result<(), Undelivered> {
        let url = post::url(&self.url, folder)?;
        let body = body(about, message);
        let mut headers = post::headers(message);
        for (name, value) in &self.headers {
            let value = post::text(value, folder)?;
            let (Ok(name), Ok(mut value)) =
                (name.parse::<HeaderName>(), HeaderValue::from_str(value.expose_secret()))
            else {
                return Err(Undelivered::ForGood(format!("the header `{name}` cannot be sent")));
            };
            value.set_sensitive(true);
            headers.insert(name, value);
        }
        if let Some(Signature { secret, header }) = &self.signature {
            let key = secret.resolve_in(folder).map_err(Undelivered::without_secret)?;
            let signed = signature(key.expose_secret().as_bytes(), body.to_string().as_bytes());
            let (Ok(name), Ok(value)) = (header.parse::<HeaderName>(), signed.parse()) else {
                return Err(Undelivered::ForGood(format!("the header `{header}` cannot be sent")));
            };
            headers.insert(name, value);
        }
        post::post(Method::POST, &url, headers, &body).await.map(drop)
    }
}

/// What is posted.
fn body(about: &About, message: &Message) -> Value {
    json!({
        "id": message.id,
        "text": message.text,
        "title": message.title,
        "launch": about.launch,
        "version": about.version,
        "run": message.run,
        "matter": message.matter,
        "at": message.at,
    })
}

/// `sha256=` and the HMAC in hexadecimal.
fn signature(key: &[u8], body: &[u8]) -> String {
    use std::fmt::Write as _;
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), body);
    tag.as_ref().iter().fold("sha256=".to_owned(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a String takes all");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::{message, shop};
    use super::*;

    #[test]
    fn the_body_holds_what_a_receiver_needs() {
        let message = Message { at: "2026-12-01T09:00:00Z".parse().unwrap(), ..message("room") };
        insta::assert_snapshot!(
            serde_json::to_string_pretty(&body(&shop(), &message)).unwrap(),
            @r#"
            {
              "id": "run-1/announce/room",
              "text": "rolling back",
              "title": null,
              "launch": "shop",
              "version": "2.4",
              "run": null,
              "matter": null,
              "at": "2026-12-01T09:00:00Z"
            }
            "#
        );
    }

    #[test]
    fn signatures_are_those_of_rfc_4231() {
        let rows: [(&str, &[u8], &[u8], &str); 2] = [
            (
                "test case 1",
                &[0x0b; 20],
                b"Hi There",
                "sha256=b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
            ),
            (
                "test case 2",
                b"Jefe",
                b"what do ya want for nothing?",
                "sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
            ),
        ];
        for (row, key, body, expected) in rows {
            assert_eq!(signature(key, body), expected, "{row}");
        }
    }
}
