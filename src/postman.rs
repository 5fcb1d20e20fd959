//! The postman: carries messages to their channels, each until it arrives, is refused, or is a day old.
//!
//! Nothing waits for it. That a message is to be sent is on record before it is handed over, and what became of it is
//! put on record; a daemon that comes back sends what had not arrived. Each try is made by a courier, a process that
//! outlives the daemon and keeps what came of it: what was brought just before the daemon was killed is not brought again.
//! A message that got no answer is sent again: two are better than none. Every receiver is given the message's name, so
//! that it can tell.

mod about;
mod carrier;
mod courier;
mod couriers;
mod email;
mod pagerduty;
mod post;
mod slack;
mod status_page;
mod teams;
mod turns;
mod undelivered;
mod webhook;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

pub(crate) use carrier::{Carrier, schemas};
pub use courier::main as courier;
use courier::{Order, Tried};
pub use couriers::Couriers;
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

/// The plan in force, for whatever outlives a reload.
pub type InForce = Arc<Mutex<Arc<Plan>>>;

/// The postman of one launch.
pub struct Postman {
    /// The plan in force: a channel that is mended reaches the messages that wait for it.
    pub plan: InForce,
    /// The launch file's folder.
    pub folder: PathBuf,
    /// Who is told what became of a message.
    pub handle: Handle,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// Who makes the tries.
    pub couriers: Arc<Couriers>,
    /// What is measured.
    pub posting: Posting,
    /// The order of messages about one matter.
    pub turns: Turns,
}

impl Postman {
    /// Begins to deliver a message, behind those of its matter. What becomes of it reaches the engine.
    pub fn send(&self, message: Message) {
        let plan = in_force(&self.plan);
        let kind = plan.channels.get(&message.channel).map(|channel| channel.kind.as_str());
        let mut turn = self.turns.take(kind, &message);
        let id = message.id.clone();
        let delivering = Delivering {
            kind: kind.unwrap_or("none").to_owned(),
            message,
            plan: Arc::clone(&self.plan),
            folder: self.folder.clone(),
            clock: Arc::clone(&self.clock),
            couriers: Arc::clone(&self.couriers),
            posting: self.posting.clone(),
        };
        let handle = self.handle.clone();
        tokio::spawn(async move {
            turn.come().await;
            if let Some(delivery) = delivering.see_it_through(|| handle.is_gone()).await {
                handle.tell(Event::Delivered { id, delivery }).await;
            }
            drop(turn);
        });
    }
}

fn in_force(plan: &InForce) -> Arc<Plan> {
    Arc::clone(&plan.lock().unwrap_or_else(PoisonError::into_inner))
}

/// A message on its way.
struct Delivering {
    kind: String,
    message: Message,
    plan: InForce,
    folder: PathBuf,
    clock: Arc<dyn Clock>,
    couriers: Arc<Couriers>,
    posting: Posting,
}

impl Delivering {
    /// Tries until it has arrived or is given up; or until nobody wants to know, since the daemon ends.
    async fn see_it_through(self, nobody_cares: impl Fn() -> bool) -> Option<Delivery> {
        let mut tries = 0;
        loop {
            let tried = self.once().await;
            tries += 1;
            let at = self.clock.now().wall;
            let is_too_old = self.is_too_old();
            self.posting.tried(&self.kind, result(&tried, is_too_old));
            let wish = match tried {
                Ok(()) => return Some(Delivery::Sent { at }),
                Err(Undelivered::ForGood(because)) => {
                    return Some(Delivery::GivenUp { at, because });
                }
                Err(Undelivered::Yet { because, .. }) if is_too_old => {
                    return Some(Delivery::GivenUp { at, because });
                }
                Err(Undelivered::Yet { because, after }) => {
                    let Message { id, channel, .. } = &self.message;
                    tracing::warn!(message = %id, %channel, %because, "a message waits");
                    after
                }
            };
            if nobody_cares() {
                return None;
            }
            tokio::time::sleep(pause(tries, wish)).await;
        }
    }

    /// Tries once, under the plan in force. What is too old by then, since the daemon was away, is not told any more.
    async fn once(&self) -> Tried {
        let order = Order::of(&in_force(&self.plan), &self.folder, self.message.clone())
            .map_err(Undelivered::ForGood)?;
        if !self.is_too_old() {
            return self.couriers.send(&order).await;
        }
        let unknown = || Err(Undelivered::yet("within a day it was not known to have arrived"));
        self.couriers.end_of(&order).unwrap_or_else(unknown)
    }

    fn is_too_old(&self) -> bool {
        elapsed(self.message.at, self.clock.now().wall) > TOO_OLD
    }
}

/// What came of a try, in a word.
fn result(tried: &Tried, is_too_old: bool) -> &'static str {
    match tried {
        Ok(()) => "sent",
        Err(Undelivered::ForGood(_)) => "refused",
        Err(Undelivered::Yet { .. }) if is_too_old => "too_old",
        Err(Undelivered::Yet { .. }) => "later",
    }
}

/// How long to wait after so many tries, of a channel that may have asked for some time.
fn pause(tries: u32, wish: Option<Duration>) -> Duration {
    let own = PAUSE.saturating_mul(1 << tries.saturating_sub(1).min(16)).min(LONGEST_PAUSE);
    own.max(wish.unwrap_or_default().min(LONGEST_WISH))
}

/// Where a channel's messages go, with its secrets found; it may hold some, and stands in no message.
pub(crate) fn door(plan: &Plan, folder: &Path, channel: &Name) -> Result<Url, Undelivered> {
    let missing = || Undelivered::ForGood(format!("there is no channel `{channel}`"));
    let channel = plan.channels.get(channel).ok_or_else(missing)?;
    Carrier::read(channel.kind.as_str(), channel.settings.clone())
        .map_err(|problems| Undelivered::of_settings(&problems))?
        .door(folder)
}

#[cfg(test)]
mod tests;
