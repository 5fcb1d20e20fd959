//! The sentence that a trigger is told in, the same on every surface: what is known, since when, and what will and will
//! not happen.

use jiff::Timestamp;

use super::{Memory, Status, Trigger, Window};
use crate::time::{Moment, add, elapsed, format_duration};

/// Adds a sentence to others, of which the last may have its full stop.
fn say(text: &mut String, sentence: &str) {
    let stop = if text.ends_with('.') { " " } else { ". " };
    *text += stop;
    *text += sentence;
}

impl Memory {
    /// The sentence for people at `now`.
    pub fn because(&self, trigger: &Trigger, now: Moment) -> String {
        let mut text = match self.status {
            Status::Disarmed => format!("armed from {}", trigger.armed_from),
            Status::Expired => "its window has ended".to_owned(),
            Status::Arming => self.arming(trigger, now),
            Status::Watching => self.because.clone(),
            Status::Pending | Status::Fired => {
                format!("{}, {}", self.because, self.progress(trigger))
            }
            Status::Suspended | Status::Blind => self.blind(trigger, now),
        };
        if self.flapping && self.status.is_armed() {
            let changes = self.changes();
            say(&mut text, &format!("Flapping: {changes} changes in the last 20 samples"));
        }
        if let Some(hold) = &self.hold {
            let until = clock(hold.until);
            say(&mut text, &format!("Held by {} until {until}: {}", hold.by, hold.reason));
        }
        if let Some(blocked) = &self.blocked {
            say(&mut text, &format!("Does not fire: {blocked}"));
        }
        if self.unconfirmed && self.status.is_armed() {
            say(&mut text, "Not seen live since the restart");
        }
        if let Some(first) = &self.rearm_asked {
            say(&mut text, &format!("{first} asks to arm it again; a second person must too"));
        }
        self.told_answer(trigger, text)
    }

    fn told_answer(&self, trigger: &Trigger, mut text: String) -> String {
        if let (Status::Fired, Some(asked)) = (self.status, &self.asked) {
            text += &match (&asked.declined, asked.unanswered) {
                (Some((by, reason)), _) => format!(". Declined by {by}: {reason}"),
                (None, true) => ". Nobody answered in time; nothing was done".to_owned(),
                (None, false) => {
                    let until = clock(asked.deadline);
                    format!(
                        ". {} decides until {until}; without an answer nothing is done",
                        trigger.ask.role
                    )
                }
            };
        }
        text
    }

    /// How much of what it takes has been seen.
    pub(super) fn progress(&self, trigger: &Trigger) -> String {
        if let Some(Window { breaches, of }) = trigger.window {
            let seen = self.slots.iter().filter(|(_, breach)| *breach).count();
            return format!("{seen} of {breaches} breaches in the last {of} looks");
        }
        let lasts = format_duration(trigger.lasts);
        format!("for {} of {lasts}", format_duration(self.credit))
    }

    fn arming(&self, trigger: &Trigger, now: Moment) -> String {
        let counts_from = self.armed_at.map(|at| add(at.wall, trigger.arm_delay));
        match counts_from {
            Some(at) if at > now.wall => {
                let left = format_duration(elapsed(now.wall, at));
                format!("{}. Breaches count in {left}", self.because)
            }
            _ => self.because.clone(),
        }
    }

    fn blind(&self, trigger: &Trigger, now: Moment) -> String {
        let since = self.unknown_since.map_or_else(String::new, |at| {
            format!(" since {} ({})", clock(at), format_duration(elapsed(at, now.wall)))
        });
        let times = if self.unknowns > 1 { format!(" x{}", self.unknowns) } else { String::new() };
        let mut text = format!("UNKNOWN{since}: {}{times}.", self.because);
        if let (Some(at), false) = (self.last_evidence, self.last_words.is_empty()) {
            text += &format!(" Last seen {}: {}.", clock(at.wall), self.last_words);
        }
        if self.status == Status::Suspended {
            let until = self.last_evidence.map(|at| add(at.wall, trigger.retention()));
            let until = until.map_or_else(String::new, |at| format!(" until {}", clock(at)));
            text += &format!(" Pending {} is kept{until}.", self.kept(trigger));
        }
        text + " Will not fire without new data."
    }

    fn kept(&self, trigger: &Trigger) -> String {
        let progress = self.progress(trigger);
        progress.strip_prefix("for ").unwrap_or(&progress).to_owned()
    }
}

/// A time of day in UTC, for texts that are read within the day.
fn clock(at: Timestamp) -> String {
    at.strftime("%H:%M:%SZ").to_string()
}
