//! One rollback, killed at the points of a case and led to its end by a person who looks before deciding.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use serde_json::{Value, json};

use crate::rig::eight::{self, IDEMPOTENT, ONCE};
use crate::rig::mortal::Mortal;
use crate::rig::process::poll_until;
use crate::rig::recorder::Recorder;

const PATIENCE: Duration = Duration::from_secs(90);

/// Points to be killed at: the second by the daemon that comes back after the first.
#[derive(Debug)]
pub(super) struct Case {
    points: Vec<String>,
}

/// What was seen of one rollback.
#[derive(Debug, Clone, Default)]
pub(super) struct Seen {
    /// How often the daemon was killed.
    pub(super) deaths: usize,
    /// How often the step that acted most often did, of those that must not act twice.
    pub(super) most_acts: usize,
    /// How often a person was asked and decided.
    pub(super) decisions: usize,
    /// How many of the decisions were to try again, each with the step seen not to have acted.
    pub(super) retries: usize,
}

/// One rollback under way.
struct Rollback<'c> {
    case: &'c Case,
    room: Recorder,
    recorder: Recorder,
    daemon: Mortal,
    seen: Seen,
    /// What became of the person's order to fire.
    fired: Option<u16>,
}

impl Case {
    pub(super) fn dying_at(points: &[String]) -> Self {
        Self { points: points.to_vec() }
    }

    pub(super) fn name(&self) -> String {
        self.points.join(", then ")
    }

    /// Whether the step that follows a migration is left out.
    fn skips(&self) -> bool {
        self.points[0].contains("skipped")
    }

    /// Lives through it once; otherwise says what must not have been.
    pub(super) fn live_through(&self) -> Result<Seen, String> {
        let (room, recorder) = (Recorder::start(), Recorder::start());
        let daemon = eight::daemon(&recorder, &format!("{}/room", room.url()));
        let seen = Seen::default();
        let mut rollback = Rollback { case: self, room, recorder, daemon, seen, fired: None };
        let lived = catch_unwind(AssertUnwindSafe(|| {
            rollback.fire();
            rollback.come_back();
            let run = rollback.lead_to_the_end();
            rollback.judge(&run);
        }));
        lived.map(|()| rollback.seen.clone()).map_err(|panic| {
            let text = panic.downcast_ref::<String>().cloned();
            let text = text.unwrap_or_else(|| "it broke without a word".to_owned());
            let run = rollback.run().unwrap_or_default();
            format!("{text}\n{run:#}\n{}", rollback.daemon.log())
        })
    }
}

impl Rollback<'_> {
    /// Starts the daemon so that it dies at a point.
    fn start(&mut self, point: Option<&String>) {
        let script = point.filter(|p| p.starts_with("early") || p.starts_with("mid"));
        if let Some(point) = script {
            self.daemon.write(&point.replace(':', "-"), "");
        }
        let own = point.filter(|_| script.is_none()).map(|point| format!("{point}:1"));
        self.daemon.start(own.as_deref());
    }

    fn fire(&mut self) {
        self.start(self.case.points.first());
        self.daemon.milestone("deploy_started");
        if !self.case.skips() {
            self.daemon.milestone("migration_done");
        }
        self.order_to_fire();
        poll_until(PATIENCE, "death", || self.daemon.is_dead().then_some(()));
        self.seen.deaths = 1;
    }

    fn order_to_fire(&mut self) {
        self.fired = self.daemon.post("triggers/broken/fire", &json!({ "reason": "it is broken" }));
    }

    /// Starts the daemon again; with a second point, until it has died of it, or the run is over without.
    fn come_back(&mut self) {
        self.start(self.case.points.get(1));
        if self.case.points.len() == 1 {
            return;
        }
        poll_until(PATIENCE, "second death, and no end of the run", || {
            let dead = self.daemon.is_dead();
            let run = self.run();
            if let Some(run) = &run {
                self.decide(run);
            }
            (dead || run.is_some_and(|run| is_over(&run))).then_some(())
        });
        if self.daemon.is_dead() {
            self.seen.deaths += 1;
            self.start(None);
        }
    }

    fn run(&self) -> Option<Value> {
        let runs = self.daemon.get("runs")?["runs"].as_array()?.clone();
        assert!(runs.len() <= 1, "{} runs", runs.len());
        runs.into_iter().next()
    }

    /// Decides for whoever waits to be, and gives the run when it is over.
    fn lead_to_the_end(&mut self) -> Value {
        poll_until(PATIENCE, "end of the run", || {
            let Some(run) = self.run() else {
                // The order to fire got no answer: it has not happened, and is given again.
                if self.fired != Some(200) {
                    self.order_to_fire();
                }
                return None;
            };
            self.decide(&run);
            is_over(&run).then_some(run)
        })
    }

    /// Answers a run that asks: the step has worked if it left a trace, else it is tried again.
    fn decide(&mut self, run: &Value) {
        let Some((index, step)) = asking(run) else { return };
        poll_until(PATIENCE, "end of what was left running", || {
            (!self.daemon.has_left_something_running()).then_some(())
        });
        let acted = eight::acts(&self.daemon, &self.recorder, &step) > 0;
        let choice = if acted { "mark_succeeded" } else { "retry" };
        let path = format!("runs/{}/decisions", run["id"].as_str().unwrap_or_default());
        let decision = json!({ "choice": choice, "reason": "I have looked", "step": index });
        if self.daemon.post(&path, &decision) == Some(200) {
            self.seen.decisions += 1;
            self.seen.retries += usize::from(!acted);
        }
    }

    fn judge(&mut self, run: &Value) {
        let acts = |step: &&str| eight::acts(&self.daemon, &self.recorder, step);
        let skipped = |step: &&str| self.case.skips() && *step == "down";
        for step in ONCE {
            let expected = usize::from(!skipped(&step));
            assert_eq!(acts(&step), expected, "acts of `{step}`");
        }
        self.seen.most_acts = ONCE.iter().map(acts).max().unwrap_or_default();
        for step in IDEMPOTENT {
            assert!(acts(&step) >= 1, "`{step}` did not act");
        }
        assert_eq!(run["status"], "verified");
        let report = poll_until(PATIENCE, "delivery of every message", || {
            let report = self.daemon.get("report")?;
            (report["messages"]["waiting"] == 0).then_some(report)
        });
        assert_eq!(report["messages"]["given_up"], 0);
        assert_eq!(report["phase"], "rolled_back");
        let arrived = self.room.keys("/room");
        let told = report["messages"]["last"].as_array().cloned().unwrap_or_default();
        let told: Vec<&str> = told.iter().filter_map(|m| m["message"]["id"].as_str()).collect();
        for id in &told {
            assert!(arrived.iter().any(|key| key == id), "{id} is sent and did not arrive");
        }
        let id = run["id"].as_str().unwrap_or_default();
        assert!(told.contains(&format!("{id}/announce/room").as_str()), "{told:?}");
    }
}

fn is_over(run: &Value) -> bool {
    !matches!(run["status"].as_str(), Some("running" | "needs_decision"))
}

/// The step that waits for a person.
fn asking(run: &Value) -> Option<(usize, String)> {
    if run["status"] != "needs_decision" {
        return None;
    }
    let steps = run["steps"].as_array()?;
    let index = steps.iter().position(|s| s["state"] == "ended" && s["how"] != "succeeded")?;
    Some((index, run["procedure"]["steps"][index]["id"].as_str()?.to_owned()))
}
