//! `http`: one request. It is not repeated: a step that may be is marked `idempotent`, and the run begins it again.

use std::time::Duration;

use launchgate_core::run::Ended;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, Url};
use secrecy::ExposeSecret as _;

use super::settings::HttpSettings;
use super::{Attempt, Done};
use crate::http::{self, Sent};

impl Attempt {
    pub(super) async fn http(&self) -> Done {
        match self.send_request().await {
            Ok(done) | Err(done) => done,
        }
    }

    async fn send_request(&self) -> Result<Done, Done> {
        let settings: HttpSettings = self.settings()?;
        let failed = |message: String| (Ended::Failed, message);
        let url: Url = self
            .secret(&settings.url)?
            .expose_secret()
            .parse()
            .map_err(|e| failed(format!("the address cannot be read: {e}")))?;
        let method: Method = settings
            .method
            .to_uppercase()
            .parse()
            .map_err(|_| failed(format!("`{}` is no method", settings.method)))?;
        let mut headers = self.own_headers();
        for (name, value) in &settings.headers {
            let name: HeaderName =
                name.parse().map_err(|_| failed(format!("`{name}` is no header")))?;
            let mut value = HeaderValue::from_str(self.secret(value)?.expose_secret())
                .map_err(|_| failed(format!("the header `{name}` holds control characters")))?;
            value.set_sensitive(true);
            headers.insert(name, value);
        }
        let body = settings.body.as_deref().map(|body| self.filled(body)).unwrap_or_default();
        let within = self.perform.step.timeout;
        let sent = http::send(method, &url, headers, body.into_bytes(), within).await;
        Ok(judged(&sent, &settings.expect_status, within))
    }

    /// By which the other side can tell a repetition, and a request of a deployment that is over.
    fn own_headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("idempotency-key", self.perform.idempotency_key()),
            ("x-launchgate-fencing-token", self.perform.generation.to_string()),
        ] {
            let value = HeaderValue::from_str(&value).expect("names and numbers are header values");
            headers.insert(name, value);
        }
        headers
    }
}

fn judged(sent: &Sent, expected: &[u16], within: Duration) -> Done {
    match sent {
        Sent::Answered { status, body } => {
            let fits = match expected {
                [] => (200..300).contains(status),
                list => list.contains(status),
            };
            let how = if fits { Ended::Succeeded } else { Ended::Failed };
            let line = body.lines().next().unwrap_or_default();
            (how, format!("status {status}\n{line}").trim_end().to_owned())
        }
        Sent::NotSent(why) => (Ended::Failed, format!("nothing was sent: {why}")),
        Sent::NoAnswer(why) => {
            // It may have been carried out.
            let within = launchgate_core::time::format_duration(within);
            (Ended::InDoubt, format!("sent, and no answer within {within}: {why}"))
        }
    }
}
