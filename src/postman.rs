//! The postman: carries messages to their channels, each until it arrives, is refused, or is a day old.
//!
//! Nothing waits for it. That a message is to be sent is on record before it is handed over, and what became of it is
//! put on record; a daemon that comes back sends what had not arrived. A message that got no answer is sent again: two
//! are better than none. Every receiver is given the message's name, so that it can tell.

mod carrier;
mod email;
mod pagerduty;
mod post;
mod slack;
mod status_page;
mod teams;
mod turns;
mod undelivered;
mod webhook;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

pub(crate) use carrier::{Carrier, schemas};
use jiff::Timestamp;
use launchgate_core::message::{Delivery, Message};
use launchgate_core::name::Name;
use launchgate_core::plan::Plan;
use launchgate_core::state::Event;
use launchgate_core::time::elapsed;
use reqwest::Url;
pub use turns::Turns;
pub(crate) use undelivered::Undelivered;

use crate::clock::Clock;
use crate::engine::Handle;
use crate::telemetry::Posting;

/// Between the first tries; each pause is twice the one before.
const PAUSE: Duration = Duration::from_millis(500);
/// No pause is longer, unless the channel asks for it.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// No pause is longer, whatever the channel asks for.
const LONGEST_WISH: Duration = Duration::from_secs(15 * 60);
/// When a message is given up.
const TOO_OLD: Duration = Duration::from_secs(24 * 3_600);

/// Begins to deliver a message, behind those of its matter, and notes the tries. What becomes of it reaches the engine through `handle`.
pub fn send(
    plan: &Arc<Plan>,
    folder: &Path,
    handle: Handle,
    clock: Arc<dyn Clock>,
    turns: &Turns,
    posting: Posting,
    message: Message,
) {
    let (plan, folder) = (Arc::clone(plan), folder.to_owned());
    let kind = plan.channels.get(&message.channel).map(|channel| channel.kind.as_str());
    let mut turn = turns.take(kind, &message);
    let kind = kind.unwrap_or("none").to_owned();
    tokio::spawn(async move {
        turn.come().await;
        let mut tries = 0;
        let delivery = loop {
            let tried = deliver(&plan, &folder, &message).await;
            tries += 1;
            let at = clock.now().wall;
            posting.tried(&kind, result(&tried, is_too_old(&message, at)));
            let wish = match tried {
                Ok(()) => break Delivery::Sent { at },
                Err(Undelivered::ForGood(because)) => break Delivery::GivenUp { at, because },
                Err(Undelivered::Yet { because, .. }) if is_too_old(&message, at) => {
                    break Delivery::GivenUp { at, because };
                }
                Err(Undelivered::Yet { because, after }) => {
                    tracing::warn!(channel = %message.channel, %because, "a message waits");
                    after
                }
            };
            if handle.is_gone() {
                return;
            }
            tokio::time::sleep(pause(tries, wish)).await;
        };
        handle.tell(Event::Delivered { id: message.id, delivery }).await;
        drop(turn);
    });
}

/// What came of a try, in a word.
fn result(tried: &Result<(), Undelivered>, is_too_old: bool) -> &'static str {
    match tried {
        Ok(()) => "sent",
        Err(Undelivered::ForGood(_)) => "refused",
        Err(Undelivered::Yet { .. }) if is_too_old => "too_old",
        Err(Undelivered::Yet { .. }) => "later",
    }
}

fn is_too_old(message: &Message, now: Timestamp) -> bool {
    elapsed(message.at, now) > TOO_OLD
}

/// How long to wait after so many tries, of a channel that may have asked for some time.
fn pause(tries: u32, wish: Option<Duration>) -> Duration {
    let own = PAUSE.saturating_mul(1 << tries.saturating_sub(1).min(16)).min(LONGEST_PAUSE);
    own.max(wish.unwrap_or_default().min(LONGEST_WISH))
}

/// Tries once.
pub(crate) async fn deliver(
    plan: &Plan,
    folder: &Path,
    message: &Message,
) -> Result<(), Undelivered> {
    carrier(plan, &message.channel)?.deliver(plan, folder, message).await
}

/// Where a channel's messages go, with its secrets found; it may hold some, and stands in no message.
pub(crate) fn door(plan: &Plan, folder: &Path, channel: &Name) -> Result<Url, Undelivered> {
    carrier(plan, channel)?.door(folder)
}

fn carrier(plan: &Plan, channel: &Name) -> Result<Carrier, Undelivered> {
    let missing = || Undelivered::ForGood(format!("there is no channel `{channel}`"));
    let channel = plan.channels.get(channel).ok_or_else(missing)?;
    Carrier::read(channel.kind.as_str(), channel.settings.clone()).map_err(|problems| {
        let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
        Undelivered::ForGood(format!("its settings: {}", problems.join("; ")))
    })
}

#[cfg(test)]
mod tests;
