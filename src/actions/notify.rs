//! `notify`: a message to channels, as JSON with a `text`, to all of them at once, each tried a few times.
//!
//! A message that got no answer is sent again: two are better than none.

use std::time::Duration;

use futures_util::future::join_all;
use launchgate_core::name::Name;
use launchgate_core::run::Ended;
use launchgate_probes::secret::TextOrCredential;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Method, Url};
use secrecy::ExposeSecret as _;
use serde_json::json;
use tokio::time::Instant;

use super::settings::NotifySettings;
use super::{Attempt, Done};
use crate::http::{self, Sent};

const TRIES: u32 = 3;
/// Between two tries.
const PAUSE: Duration = Duration::from_millis(500);
/// How long one try may take, if the step has as much time.
const TIMEOUT: Duration = Duration::from_secs(10);

impl Attempt {
    pub(super) async fn notify(&self) -> Done {
        let settings: NotifySettings = match self.settings() {
            Ok(settings) => settings,
            Err(done) => return done,
        };
        let message = self.filled(&settings.message);
        let deadline = Instant::now() + self.perform.step.timeout;
        let sends = settings.to.iter().map(|channel| self.deliver(channel, &message, deadline));
        let ends = join_all(sends).await;
        let how = if ends.iter().all(Result::is_ok) { Ended::Succeeded } else { Ended::Failed };
        let told: Vec<String> = settings
            .to
            .iter()
            .zip(ends)
            .map(|(channel, end)| match end {
                Ok(()) => format!("{channel}: delivered"),
                Err(why) => format!("{channel}: {why}"),
            })
            .collect();
        (how, told.join("; "))
    }

    async fn deliver(
        &self,
        channel: &Name,
        message: &str,
        deadline: Instant,
    ) -> Result<(), String> {
        let url = self.address(channel)?;
        let body = json!({
            "text": message,
            "launch": self.plan.launch,
            "version": self.plan.version,
            "run": self.perform.run,
        });
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let mut why = String::new();
        for left in (1..=TRIES).rev() {
            let body = body.to_string().into_bytes();
            // A share of what is left, so that the last try has its time as well.
            let within = (deadline.saturating_duration_since(Instant::now()) / left).min(TIMEOUT);
            why = match http::send(Method::POST, &url, headers.clone(), body, within).await {
                Sent::Answered { status: 200..=299, .. } => return Ok(()),
                Sent::Answered { status, .. } if !may_change(status) => {
                    return Err(format!("not delivered: status {status}"));
                }
                Sent::Answered { status, .. } => format!("status {status}"),
                Sent::NotSent(why) | Sent::NoAnswer(why) => why,
            };
            if left > 1 {
                tokio::time::sleep_until(deadline.min(Instant::now() + PAUSE)).await;
            }
        }
        Err(format!("not delivered in {TRIES} tries: {why}"))
    }

    fn address(&self, channel: &Name) -> Result<Url, String> {
        let settings = self.plan.channels.get(channel).map(|channel| &channel.settings["url"]);
        let url = settings.ok_or_else(|| "there is no such channel".to_owned())?;
        let url: TextOrCredential =
            serde_json::from_value(url.clone()).map_err(|e| format!("its address: {e}"))?;
        let url = self.secret(&url).map_err(|(_, why)| why)?;
        url.expose_secret().parse().map_err(|e| format!("its address cannot be read: {e}"))
    }
}

/// Whether another try can end otherwise: the channel was busy or broken, and did not refuse the message.
fn may_change(status: u16) -> bool {
    status >= 500 || matches!(status, 408 | 425 | 429)
}
