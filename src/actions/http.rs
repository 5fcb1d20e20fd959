//! `http`: one request. It is not repeated: a step that may be is marked `idempotent`, and the run begins it again under the
//! same key. Only where the other side says that it is still at work on that key (409) it is asked again, a few times.

use std::time::Duration;

use launchgate_core::run::Ended;
use launchgate_core::time::format_duration;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, Url};
use secrecy::ExposeSecret as _;
use tokio::time::Instant;

use super::settings::HttpSettings;
use super::{Attempt, Done};
use crate::http::{self, Sent};

/// The key is being worked on.
const CONFLICT: u16 = 409;
/// The key was used with another request.
const OTHER_REQUEST: u16 = 422;
/// How often a request is sent at most while the other side says that it is being worked on.
const ASKS: u32 = 6;
/// How long it is given between two of them.
const ASK_AGAIN_AFTER: Duration = Duration::from_secs(1);

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
        let (deadline, body) = (Instant::now() + within, body.into_bytes());
        for _ in 1..ASKS {
            let left = deadline.saturating_duration_since(Instant::now());
            let (method, headers) = (method.clone(), headers.clone());
            let sent = http::send(method, &url, headers, body.clone(), left).await;
            let again = Instant::now() + ASK_AGAIN_AFTER;
            if !is_at_work(&sent, &settings.expect_status) || again >= deadline {
                return Ok(self.judged(&sent, &settings.expect_status));
            }
            tokio::time::sleep_until(again).await;
        }
        let left = deadline.saturating_duration_since(Instant::now());
        let sent = http::send(method, &url, headers, body, left).await;
        Ok(self.judged(&sent, &settings.expect_status))
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

    fn judged(&self, sent: &Sent, expected: &[u16]) -> Done {
        match sent {
            Sent::Answered { status, body, .. } => {
                let line = body.lines().next().unwrap_or_default();
                let says = format!("status {status}\n{line}").trim_end().to_owned();
                match *status {
                    status if fits(status, expected) => (Ended::Succeeded, says),
                    // An earlier attempt under this key may be what it is at work on.
                    CONFLICT if self.perform.attempt > 1 => {
                        (Ended::InDoubt, format!("the other side is still at work on it: {says}"))
                    }
                    OTHER_REQUEST => {
                        (Ended::Failed, format!("refused, and not to be sent again: {says}"))
                    }
                    _ => (Ended::Failed, says),
                }
            }
            Sent::NotSent(why) => (Ended::Failed, format!("nothing was sent: {why}")),
            Sent::NoAnswer(why) => {
                // It may have been carried out.
                let within = format_duration(self.perform.step.timeout);
                (Ended::InDoubt, format!("sent, and no answer within {within}: {why}"))
            }
        }
    }
}

fn fits(status: u16, expected: &[u16]) -> bool {
    match expected {
        [] => (200..300).contains(&status),
        list => list.contains(&status),
    }
}

fn is_at_work(sent: &Sent, expected: &[u16]) -> bool {
    matches!(sent, Sent::Answered { status: CONFLICT, .. } if !fits(CONFLICT, expected))
}
