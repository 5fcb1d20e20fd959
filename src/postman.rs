//! The postman: carries messages to their channels, each until it arrives, is refused, or is a day old.
//!
//! Nothing waits for it. That a message is to be sent is on record before it is handed over, and what became of it is
//! put on record; a daemon that comes back sends what had not arrived. A message that got no answer is sent again: two
//! are better than none.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use launchgate_core::message::{Delivery, Message};
use launchgate_core::name::Name;
use launchgate_core::plan::Plan;
use launchgate_core::state::Event;
use launchgate_core::time::elapsed;
use launchgate_probes::secret::TextOrCredential;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, Url};
use secrecy::ExposeSecret as _;
use serde_json::json;

use crate::clock::Clock;
use crate::engine::Handle;
use crate::http::{self, Sent};

/// How long one try may take.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Between the first tries; each pause is twice the one before.
const PAUSE: Duration = Duration::from_millis(500);
/// No pause is longer.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// When a message is given up.
const TOO_OLD: Duration = Duration::from_secs(24 * 3_600);

/// Why a try came to nothing.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Undelivered {
    /// Another try can end otherwise.
    Yet(String),
    /// The channel refuses it, or there is no such channel.
    ForGood(String),
}

/// Begins to deliver a message. What becomes of it reaches the engine through `handle`.
pub fn send(
    plan: &Arc<Plan>,
    folder: &Path,
    handle: Handle,
    clock: Arc<dyn Clock>,
    message: Message,
) {
    let (plan, folder) = (Arc::clone(plan), folder.to_owned());
    tokio::spawn(async move {
        let mut pause = PAUSE;
        let delivery = loop {
            let tried = deliver(&plan, &folder, &message).await;
            let at = clock.now().wall;
            match tried {
                Ok(()) => break Delivery::Sent { at },
                Err(Undelivered::ForGood(because)) => break Delivery::GivenUp { at, because },
                Err(Undelivered::Yet(because)) if is_too_old(&message, at) => {
                    break Delivery::GivenUp { at, because };
                }
                Err(Undelivered::Yet(because)) => {
                    tracing::warn!(channel = %message.channel, %because, "a message waits");
                }
            }
            if handle.is_gone() {
                return;
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        };
        handle.tell(Event::Delivered { id: message.id, delivery }).await;
    });
}

fn is_too_old(message: &Message, now: Timestamp) -> bool {
    elapsed(message.at, now) > TOO_OLD
}

/// Tries once.
pub(crate) async fn deliver(
    plan: &Plan,
    folder: &Path,
    message: &Message,
) -> Result<(), Undelivered> {
    let url = address(plan, folder, &message.channel)?;
    let body = json!({
        "text": message.text,
        "launch": plan.launch,
        "version": plan.version,
        "run": message.run,
    });
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Ok(key) = HeaderValue::from_str(&message.id) {
        headers.insert(HeaderName::from_static("idempotency-key"), key);
    }
    let body = body.to_string().into_bytes();
    match http::send(Method::POST, &url, headers, body, TIMEOUT).await {
        Sent::Answered { status: 200..=299, .. } => Ok(()),
        Sent::Answered { status, .. } if may_change(status) => {
            Err(Undelivered::Yet(format!("status {status}")))
        }
        Sent::Answered { status, .. } => Err(Undelivered::ForGood(format!("status {status}"))),
        Sent::NotSent(why) | Sent::NoAnswer(why) => Err(Undelivered::Yet(why)),
    }
}

/// Where a channel is. Its address may be a secret, and stands in no message.
pub(crate) fn address(plan: &Plan, folder: &Path, channel: &Name) -> Result<Url, Undelivered> {
    let settings = plan.channels.get(channel).map(|channel| &channel.settings["url"]);
    let missing = || Undelivered::ForGood(format!("there is no channel `{channel}`"));
    let url: TextOrCredential = serde_json::from_value(settings.ok_or_else(missing)?.clone())
        .map_err(|e| Undelivered::ForGood(format!("its address: {e}")))?;
    let text = match url {
        TextOrCredential::Text(text) => text.into(),
        // The file or the variable may be put right meanwhile.
        TextOrCredential::Credential(credential) => {
            credential.resolve_in(folder).map_err(|failure| Undelivered::Yet(failure.message))?
        }
    };
    text.expose_secret()
        .parse()
        .map_err(|e| Undelivered::ForGood(format!("its address cannot be read: {e}")))
}

/// Whether another try can end otherwise: the channel was busy or broken, and did not refuse the message.
fn may_change(status: u16) -> bool {
    status >= 500 || matches!(status, 408 | 425 | 429)
}

#[cfg(test)]
mod tests;
