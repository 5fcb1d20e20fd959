//! `notify`: a message to channels, as JSON with a `text`, each tried a few times.

use std::time::Duration;

use launchgate_core::name::Name;
use launchgate_core::run::Ended;
use launchgate_probes::secret::TextOrCredential;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Method, Url};
use secrecy::ExposeSecret as _;
use serde_json::json;

use super::settings::NotifySettings;
use super::{Attempt, Done};
use crate::http::{self, Sent};

const TRIES: u32 = 3;
const PAUSE: Duration = Duration::from_secs(2);
const TIMEOUT: Duration = Duration::from_secs(10);

impl Attempt {
    pub(super) async fn notify(&self) -> Done {
        let settings: NotifySettings = match self.settings() {
            Ok(settings) => settings,
            Err(done) => return done,
        };
        let message = self.filled(&settings.message);
        let mut told = Vec::new();
        let mut how = Ended::Succeeded;
        for channel in &settings.to {
            match self.deliver(channel, &message).await {
                Ok(()) => told.push(format!("{channel}: delivered")),
                Err(why) => {
                    how = Ended::Failed;
                    told.push(format!("{channel}: {why}"));
                }
            }
        }
        (how, told.join("\n"))
    }

    async fn deliver(&self, channel: &Name, message: &str) -> Result<(), String> {
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
        for attempt in 1..=TRIES {
            let body = body.to_string().into_bytes();
            why = match http::send(Method::POST, &url, headers.clone(), body, TIMEOUT).await {
                Sent::Answered { status: 200..=299, .. } => return Ok(()),
                Sent::Answered { status, .. } => format!("status {status}"),
                Sent::NotSent(why) | Sent::NoAnswer(why) => why,
            };
            if attempt < TRIES {
                tokio::time::sleep(PAUSE).await;
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
