//! What a drill showed, and for how long it stands.

use std::time::Duration;

use jiff::Timestamp;
use launchgate_core::observation::Failure;
use launchgate_core::reading::Readings;
use launchgate_core::time::format_duration;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// When a drill that did not arrive is repeated.
pub(super) const AFTER_FAILURE: Duration = Duration::from_secs(600);

/// The alert as Alertmanager shows it.
#[derive(Debug, Deserialize)]
pub(super) struct Seen {
    #[serde(default)]
    receivers: Vec<Receiver>,
    status: Status,
}

#[derive(Debug, Deserialize)]
struct Receiver {
    name: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    #[serde(default)]
    silenced_by: Vec<String>,
    #[serde(default)]
    inhibited_by: Vec<String>,
}

/// A drill that was made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Drill {
    /// What was tried.
    what: String,
    at: Timestamp,
    /// Whether it arrived; nothing when that could not be seen.
    arrived: Option<bool>,
    /// How long it took, in seconds.
    took: Option<f64>,
    receivers: Vec<String>,
    silenced: bool,
    inhibited: bool,
    /// What went wrong once it was fired.
    faults: Vec<String>,
}

impl Drill {
    /// A drill that was just fired.
    pub(super) fn new(what: String, at: Timestamp) -> Self {
        Self {
            what,
            at,
            arrived: None,
            took: None,
            receivers: Vec::new(),
            silenced: false,
            inhibited: false,
            faults: Vec::new(),
        }
    }

    pub(super) fn arrived(&mut self, took: Duration) {
        (self.arrived, self.took) = (Some(true), Some(took.as_secs_f64()));
    }

    pub(super) fn lost(&mut self) {
        self.arrived = Some(false);
    }

    pub(super) fn fault(&mut self, fault: &Failure) {
        self.faults.push(fault.to_string());
    }

    /// What Alertmanager made of it.
    pub(super) fn seen(&mut self, seen: &Seen) {
        self.receivers = seen.receivers.iter().map(|receiver| receiver.name.clone()).collect();
        self.silenced = !seen.status.silenced_by.is_empty();
        self.inhibited = !seen.status.inhibited_by.is_empty();
    }

    /// The drill of an earlier look; nothing that was written otherwise.
    pub(super) fn remembered(memory: &Value) -> Option<Self> {
        serde_json::from_value(memory.get("drill")?.clone()).ok()
    }

    fn age(&self, now: Timestamp) -> Duration {
        Duration::try_from(now.duration_since(self.at)).unwrap_or_default()
    }

    fn again_after(&self, arrived: Duration) -> Duration {
        if self.arrived == Some(true) { arrived } else { AFTER_FAILURE.min(arrived) }
    }

    /// Whether `what` need not be tried again yet. A drill of the future is none that was made.
    pub(super) fn stands(&self, what: &str, now: Timestamp, again_after: Duration) -> bool {
        self.what == what && self.at <= now && self.age(now) < self.again_after(again_after)
    }

    pub(super) fn readings(&self, now: Timestamp, again_after: Duration) -> Readings {
        let mut readings = Readings::new()
            .time("fired_ago", self.age(now))
            .texts("receivers", &self.receivers)
            .flag("silenced", self.silenced)
            .flag("inhibited", self.inhibited)
            .remember(json!({ "drill": self }));
        if let Some(arrived) = self.arrived {
            readings = readings.flag("arrived", arrived);
        }
        for fault in &self.faults {
            readings = readings.part("the drill", fault, true);
        }
        if let Some(took) = self.took {
            readings = readings.number("took", took);
        }
        let kept = [
            (self.silenced, "a silence keeps it back"),
            (self.inhibited, "another alert keeps it back"),
        ];
        for (_, says) in kept.iter().filter(|(holds, _)| *holds) {
            readings = readings.part("the drill", *says, true);
        }
        let next = self.again_after(again_after).saturating_sub(self.age(now));
        readings.note(format!("the next drill is due in {}", format_duration(next)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + seconds).expect("in range")
    }

    #[test]
    fn what_a_drill_showed_stands_for_a_time() {
        let day = Duration::from_secs(86_400);
        let rows = [
            ("arrived just now", Some(2), 0, true),
            ("arrived within the time", Some(2), 86_399, true),
            ("arrived too long ago", Some(2), 86_400, false),
            ("lost just now", None, 599, true),
            ("lost ten minutes ago", None, 600, false),
            ("of a clock that was set back", Some(2), -1, false),
        ];
        for (row, took, later, stands) in rows {
            let mut drill = Drill::new("a".to_owned(), at(0));
            match took {
                Some(took) => drill.arrived(Duration::from_secs(took)),
                None => drill.lost(),
            }
            assert_eq!(drill.stands("a", at(later), day), stands, "{row}");
            assert!(!drill.stands("b", at(later), day), "{row}: another alert");
        }
        let unseen = Drill::new("a".to_owned(), at(0));
        assert!(unseen.stands("a", at(599), day) && !unseen.stands("a", at(600), day));
        assert!(unseen.readings(at(1), day).get("arrived").is_none());
    }

    #[test]
    fn a_drill_is_remembered_whole_and_nothing_else_is_taken_for_one() {
        let seen: Seen = serde_json::from_value(json!({
            "receivers": [{"name": "pager"}],
            "status": {"state": "suppressed", "silencedBy": ["a"], "inhibitedBy": []},
        }))
        .expect("an alert");
        let mut drill = Drill::new("a".to_owned(), at(0));
        drill.seen(&seen);
        assert!(drill.silenced && !drill.inhibited);
        let memory = json!({ "drill": drill });
        assert_eq!(Drill::remembered(&memory), Some(drill));
        for other in [json!(null), json!({}), json!({"drill": {"at": 1}})] {
            assert_eq!(Drill::remembered(&other), None, "{other}");
        }
    }
}
