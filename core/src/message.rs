//! A message to people, and what became of it. Messages are kept before they are sent, in the transaction of what they
//! tell, and are sent until they arrive: nothing waits for them.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::announcement::PREFIX;
use crate::matter::Matter;
use crate::name::Name;
use crate::run::RunId;

/// How many messages that ended are remembered.
const ENDED: usize = 100;
/// How many may wait; beyond it the oldest is given up.
const WAITING: usize = 1_000;
/// How many announcements that ended are remembered: by them it is known that they are not made again.
const ANNOUNCED: usize = 1_000;

/// One message to one channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Message {
    /// Its name: what is told twice has the same one, and is sent once.
    pub id: String,
    /// What it is about; a second message about it does not queue behind one that waits.
    pub subject: String,
    /// Where it goes.
    pub channel: Name,
    /// What it says.
    pub text: String,
    /// Since when it waits.
    pub at: Timestamp,
    /// The run that it tells of.
    pub run: Option<RunId>,
    /// A headline, for channels that have a place for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// What it belongs to, for channels that keep states.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub matter: Option<Matter>,
    /// Whether the daemon itself calls for people by it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_call: bool,
}

impl Message {
    /// A message about nothing but itself.
    pub fn new(id: String, channel: Name, text: String, at: Timestamp) -> Self {
        let subject = id.clone();
        Self {
            id,
            subject,
            channel,
            text,
            at,
            run: None,
            title: None,
            matter: None,
            is_call: false,
        }
    }

    /// Whether it is one of the launch file's announcements.
    pub fn is_announcement(&self) -> bool {
        self.id.starts_with(PREFIX)
    }
}

/// What became of a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Delivery {
    /// It has not arrived yet.
    Waiting,
    /// It arrived.
    Sent {
        /// When.
        at: Timestamp,
    },
    /// It was refused, or could not be delivered in time.
    GivenUp {
        /// When.
        at: Timestamp,
        /// Why.
        because: String,
    },
}

/// A message with what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Outgoing {
    /// The message.
    pub message: Message,
    /// What became of it.
    pub delivery: Delivery,
}

/// The messages of a launch, oldest first. It cannot grow without bound.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outbox {
    messages: Vec<Outgoing>,
}

impl Outbox {
    /// The messages, oldest first.
    pub fn messages(&self) -> &[Outgoing] {
        &self.messages
    }

    /// The messages that wait.
    pub fn waiting(&self) -> impl Iterator<Item = &Message> {
        let waiting = self.messages.iter().filter(|m| m.delivery == Delivery::Waiting);
        waiting.map(|outgoing| &outgoing.message)
    }

    /// Whether a message of this name is known.
    pub fn knows(&self, id: &str) -> bool {
        self.messages.iter().any(|m| m.message.id == id)
    }

    /// What became of the message of this name, if one is known.
    pub fn delivery(&self, id: &str) -> Option<&Delivery> {
        let found = self.messages.iter().rfind(|m| m.message.id == id);
        found.map(|outgoing| &outgoing.delivery)
    }

    /// When the newest message about a subject was written, and whether one of them waits.
    pub fn about(&self, subject: &str) -> Option<(Timestamp, bool)> {
        let about = || self.messages.iter().filter(|m| m.message.subject == subject);
        let newest = about().map(|m| m.message.at).max()?;
        Some((newest, about().any(|m| m.delivery == Delivery::Waiting)))
    }

    /// Takes a message in.
    pub fn add(&mut self, message: Message) {
        self.messages.push(Outgoing { message, delivery: Delivery::Waiting });
        self.trim();
    }

    /// Notes what became of a message. Says whether it waited.
    pub fn end(&mut self, id: &str, delivery: Delivery) -> bool {
        let waiting = |m: &&mut Outgoing| m.message.id == id && m.delivery == Delivery::Waiting;
        let Some(found) = self.messages.iter_mut().find(waiting) else { return false };
        found.delivery = delivery;
        self.trim();
        true
    }

    /// What a store kept.
    pub fn restore(messages: Vec<Outgoing>) -> Self {
        let mut outbox = Self { messages };
        outbox.trim();
        outbox
    }

    fn trim(&mut self) {
        for (share, most) in
            [(Share::Waiting, WAITING), (Share::Announced, ANNOUNCED), (Share::Ended, ENDED)]
        {
            let count = self.messages.iter().filter(|m| Share::of(m) == share).count();
            let mut over = count.saturating_sub(most);
            self.messages.retain(|m| {
                let drop = over > 0 && Share::of(m) == share;
                over -= usize::from(drop);
                !drop
            });
        }
    }
}

/// Messages that give way to one another, and to no others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Share {
    Waiting,
    Announced,
    Ended,
}

impl Share {
    fn of(outgoing: &Outgoing) -> Self {
        match outgoing.delivery {
            Delivery::Waiting => Self::Waiting,
            Delivery::Sent { .. } | Delivery::GivenUp { .. } => {
                if outgoing.message.is_announcement() { Self::Announced } else { Self::Ended }
            }
        }
    }
}
