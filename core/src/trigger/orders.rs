//! What people do to a trigger: hold it, release it, say that they have seen it, decline what it suggests, arm it again.

use schemars::JsonSchema;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Memory, Mode, Status, Trigger};
use crate::name::Name;
use crate::time::{Moment, add, elapsed, format_duration};

/// The longest hold.
pub(super) const LONGEST_HOLD: Duration = Duration::from_secs(4 * 3_600);
/// How many live breaches it takes to fire once a hold has ended.
const AFTER_HOLD: u32 = 2;

/// Who keeps a trigger from firing, until when, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Hold {
    /// Who.
    pub by: Name,
    /// Until when; it ends by itself.
    pub until: Timestamp,
    /// Why.
    pub reason: String,
}

/// The question that a suggestion puts, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// Until when an answer is expected. Nothing is done when it has passed: the default is never to act.
    pub deadline: Timestamp,
    /// When they are reminded next.
    pub remind_at: Timestamp,
    /// Whether the deadline has passed without an answer.
    pub unanswered: bool,
    /// Who declined, and why.
    pub declined: Option<(Name, String)>,
}

/// An order to a trigger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Order {
    /// Keep it from firing for a while; evaluation goes on.
    Hold {
        /// For how long; at most four hours.
        lasts: Duration,
        /// Why.
        reason: String,
    },
    /// End a hold.
    Release,
    /// Stop reminders. Evaluation is untouched.
    Ack,
    /// Do not do what it suggests.
    Decline {
        /// Why.
        reason: String,
    },
    /// Arm a trigger that fired again, for the same deployment.
    Rearm {
        /// Why.
        reason: String,
    },
}

impl Order {
    /// The word on every surface.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Hold { .. } => "hold",
            Self::Release => "release",
            Self::Ack => "ack",
            Self::Decline { .. } => "decline",
            Self::Rearm { .. } => "rearm",
        }
    }
}

/// Why an order is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OrderError {
    /// A hold that lasts too long, or not at all.
    #[error("a hold lasts between a second and {}", format_duration(LONGEST_HOLD))]
    HoldTooLong,
    /// There is no hold to end.
    #[error("the trigger is not held")]
    NotHeld,
    /// There is nothing that reminds of it.
    #[error("a trigger that is {} reminds nobody", .0.name())]
    NothingToAck(Status),
    /// It suggests nothing.
    #[error("the trigger suggests nothing")]
    NothingSuggested,
    /// It has not fired.
    #[error("only a trigger that fired is armed again; this one is {}", .0.name())]
    NotFired(Status),
    /// The condition is still in breach.
    #[error("the condition has not been good for {}", format_duration(*.0))]
    NotCleared(Duration),
    /// The first of two cannot be the second.
    #[error("{0} asked already: a protected trigger takes two people")]
    SecondPerson(Name),
}

impl Memory {
    /// Carries out a person's order.
    ///
    /// # Errors
    /// What does not fit where the trigger stands; nothing is changed.
    pub fn order(
        &mut self,
        trigger: &Trigger,
        order: &Order,
        person: &Name,
        now: Moment,
    ) -> Result<(), OrderError> {
        match order {
            Order::Hold { lasts, reason } => {
                if *lasts < Duration::from_secs(1) || *lasts > LONGEST_HOLD {
                    return Err(OrderError::HoldTooLong);
                }
                let until = add(now.wall, *lasts);
                self.hold = Some(Hold { by: person.clone(), until, reason: reason.clone() });
            }
            Order::Release => {
                self.hold.take().ok_or(OrderError::NotHeld)?;
                self.after_hold();
            }
            Order::Ack => {
                let quiet =
                    matches!(self.status, Status::Watching | Status::Disarmed | Status::Expired);
                if quiet {
                    return Err(OrderError::NothingToAck(self.status));
                }
                self.acked = Some(person.clone());
            }
            Order::Decline { reason } => {
                let asked = self.asked.as_mut().filter(|asked| asked.declined.is_none());
                let asked = asked.ok_or(OrderError::NothingSuggested)?;
                asked.declined = Some((person.clone(), reason.clone()));
            }
            Order::Rearm { .. } => self.rearm(trigger, person, now)?,
        }
        Ok(())
    }

    fn rearm(&mut self, trigger: &Trigger, person: &Name, now: Moment) -> Result<(), OrderError> {
        if self.status != Status::Fired {
            return Err(OrderError::NotFired(self.status));
        }
        if !self.has_recovered(trigger, now) {
            return Err(OrderError::NotCleared(trigger.recover_for()));
        }
        if trigger.protected {
            match &self.rearm_asked {
                None => {
                    self.rearm_asked = Some(person.clone());
                    return Ok(());
                }
                Some(first) if first == person => {
                    return Err(OrderError::SecondPerson(first.clone()));
                }
                Some(_) => {}
            }
        }
        self.bad_before = None;
        self.arm(self.generation, now);
        Ok(())
    }

    fn after_hold(&mut self) {
        self.blocked = None;
        if matches!(self.status, Status::Pending | Status::Suspended) {
            self.confirm = AFTER_HOLD;
        }
    }

    /// Ends a hold whose time is over.
    pub(super) fn end_hold(&mut self, now: Moment) {
        if self.hold.as_ref().is_some_and(|hold| hold.until <= now.wall) {
            self.hold = None;
            self.after_hold();
        }
    }

    /// Puts the question of a suggestion, once.
    pub fn ask(&mut self, trigger: &Trigger, now: Moment) {
        self.asked = Some(Asked {
            deadline: add(now.wall, trigger.ask.within),
            remind_at: add(now.wall, trigger.ask.remind),
            unanswered: false,
            declined: None,
        });
    }

    /// Whether people are asked and have not answered.
    pub fn is_asking(&self, trigger: &Trigger) -> bool {
        self.status == Status::Fired
            && trigger.mode == Mode::Suggest
            && self.asked.as_ref().is_none_or(|asked| asked.declined.is_none())
    }

    /// What is to be said to them now, if it is time: a reminder, or that nobody answered.
    pub fn remind(&mut self, trigger: &Trigger, now: Moment) -> Option<String> {
        if !self.is_asking(trigger) {
            return None;
        }
        let acked = self.acked.is_some();
        let asked = self.asked.as_mut()?;
        if now.wall >= asked.deadline && !asked.unanswered {
            asked.unanswered = true;
            asked.remind_at = add(now.wall, trigger.ask.remind);
            return Some(format!(
                "nobody answered within {}: nothing was done, and nothing will be without an order",
                format_duration(trigger.ask.within)
            ));
        }
        if now.wall < asked.remind_at || acked {
            return None;
        }
        asked.remind_at = add(now.wall, trigger.ask.remind);
        Some(if asked.unanswered {
            "still unanswered: nothing was done, and nothing will be without an order".to_owned()
        } else {
            let left = format_duration(elapsed(now.wall, asked.deadline));
            format!("it waits for an answer, {left} left; without one nothing is done")
        })
    }
}
