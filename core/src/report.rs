//! The report: the one value that the page, the terminal, the API, the metrics and the exit code are drawn from.

use std::borrow::Cow;
use std::sync::Arc;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::announcement::AnnouncementReport;
use crate::cadence::WatchReport;
use crate::check::{Level, Outcome, Reason};
use crate::decision::{Decision, Word};
use crate::gate::{Blocker, Gates, Verdict};
use crate::message::Outgoing;
use crate::milestone::{Phase, Reached};
use crate::name::{CheckPath, Name};
use crate::reading::{Readings, Unit};
use crate::rehearsal::Rehearsal;
use crate::run::{Held, Run, RunId, StepState};
use crate::trigger::{Flag, Hold, Mode, Status};
use crate::waiver::Waiver;

mod read;

/// Everything a reader may see of a launch, at one instant.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Report {
    /// The launch.
    pub launch: Name,
    /// Its title.
    pub title: String,
    /// What kind of launch it is, if its file says so.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// The version that is launched.
    pub version: String,
    /// Where the launch stands.
    pub phase: Phase,
    /// The question that the verdict answers.
    pub question: String,
    /// The answer.
    pub verdict: Verdict,
    /// Whether every checklist that is due by now is GO.
    pub on_schedule: bool,
    /// The checklists that are due and not GO.
    pub overdue: Vec<Name>,
    /// When the report was made.
    pub as_of: Timestamp,
    /// What it rests on, if it is of another instant than it was made at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub basis: Option<Basis>,
    /// The planned go-live, with its zone.
    pub go_live: String,
    /// Seconds until the planned go-live; negative after it.
    pub seconds_to_go_live: i64,
    /// How long the launch window is, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub window: Option<f64>,
    /// When the window ends, in the launch's zone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub window_ends: Option<String>,
    /// Why the verdict is not GO.
    pub blockers: Vec<Blocker>,
    /// What is wrong with launchgate itself: a launch file that does not compile, a store that cannot be written.
    pub alarms: Vec<String>,
    /// The checks that somebody wanted looked at again, and that have not been yet.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub looking_again: Vec<CheckPath>,
    /// The checklists.
    pub checklists: Vec<ChecklistReport>,
    /// The triggers.
    pub triggers: Vec<TriggerReport>,
    /// The launch day, if there is a plan of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub day: Option<DayReport>,
    /// The watch after the launch, if there is a plan of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub watch: Option<WatchingReport>,
    /// The runs, newest first.
    pub runs: Vec<Run>,
    /// The last rehearsals by people, newest first.
    pub rehearsals: Vec<Rehearsal>,
    /// What was told to people, and what waits to be.
    pub messages: MessageReport,
    /// What the incident commander decided, newest first.
    pub decisions: Vec<DecisionReport>,
    /// How the launch file's announcements stand, in its order.
    pub announcements: Vec<AnnouncementReport>,
    /// The milestones reached, oldest first.
    pub milestones: Vec<Reached>,
    /// The links of the launch file.
    pub links: std::collections::BTreeMap<String, String>,
}

/// What a report of another instant rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Basis {
    /// It is of an instant to come, as if nothing else were seen until then.
    Projected {
        /// When it was made.
        seen_at: Timestamp,
    },
    /// It is of an instant that is past, from what was kept by then. How triggers stood is not kept.
    Recorded,
}

/// A checklist in a report.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct ChecklistReport {
    /// The name.
    pub id: Name,
    /// The title.
    pub title: String,
    /// The role that answers for it.
    pub owner: Option<Name>,
    /// Who holds that role.
    pub people: Vec<Name>,
    /// Which question it gates.
    pub gates: Gates,
    /// When it is due, as written.
    pub due: String,
    /// When it is due, as an instant.
    pub due_at: Timestamp,
    /// Whether it is open, due or overdue.
    pub state: DueState,
    /// Its answer.
    pub verdict: Verdict,
    /// How many of its checks warn.
    pub warnings: usize,
    /// The checks.
    pub checks: Vec<Arc<CheckReport>>,
}

/// How a checklist stands against its due time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DueState {
    /// Not due yet.
    NotYetDue,
    /// Due, and GO.
    Met,
    /// Due, and not GO.
    Overdue,
}

/// A check in a report.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(remote = "Self")]
pub struct CheckReport {
    /// The full name.
    pub id: CheckPath,
    /// The title.
    pub title: String,
    /// Whether the gate hangs on it.
    pub level: Level,
    /// How it stands.
    #[serde(serialize_with = "as_word", deserialize_with = "read::outcome")]
    #[schemars(with = "String")]
    pub outcome: Outcome,
    /// Why it is unknown, if it is.
    pub reason: Option<Reason>,
    /// The sentence.
    pub because: String,
    /// The probe kind, or `sign_off`.
    pub probe: Name,
    /// From where it is looked at, if not from the daemon's host as it is.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub vantages: Vec<Name>,
    /// What was last seen.
    pub readings: Option<Readings>,
    /// What its numbers are held against.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub limits: Vec<LimitReport>,
    /// When it was last seen.
    pub observed_at: Option<Timestamp>,
    /// How long that counts, in seconds; none for sign-offs.
    pub fresh_for: Option<f64>,
    /// When it is looked at next, at the latest; none for sign-offs, and before the first look.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_at: Option<Timestamp>,
    /// Who accepted that it does not pass, until when.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waiver: Option<Waiver>,
    /// Who may sign, and what a signature must bring, if people answer it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signing: Option<SigningReport>,
    /// Who signed, with what.
    pub sign_offs: Vec<crate::attestation::SignOff>,
}

/// What is asked of those who sign a check off.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SigningReport {
    /// The role that may sign.
    pub by: Name,
    /// Who holds it.
    pub people: Vec<Name>,
    /// How many different people must sign.
    pub quorum: u32,
    /// Whether a signature needs evidence.
    pub evidence_required: bool,
    /// The values that a signature records.
    pub record: Vec<Name>,
}

/// A number that a check's reading is held against.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LimitReport {
    /// The reading.
    pub reading: Name,
    /// What it counts.
    pub unit: Unit,
    /// The number, in the base of the unit.
    pub value: f64,
    /// How the two must compare, as the launch file says it: `<`, `<=`, `==`, `>=` or `>`.
    pub operator: Cow<'static, str>,
    /// Whether beyond it the check warns, rather than fails.
    pub warns: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands references")]
fn as_word<S: serde::Serializer>(outcome: &Outcome, s: S) -> Result<S::Ok, S::Error> {
    s.serialize_str(outcome.name())
}

/// A decision in a report.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct DecisionReport {
    /// Its number, counted from 1.
    pub number: usize,
    /// What was decided.
    pub decision: Word,
    /// Who.
    pub person: Name,
    /// When.
    pub at: Timestamp,
    /// Why, or under which conditions.
    pub note: Option<String>,
    /// The question that it answers.
    pub question: String,
    /// The verdict that it was made on.
    pub verdict: Verdict,
    /// The version that it was made for.
    pub version: String,
    /// Whether the facts have changed since.
    pub stale: bool,
    /// What has changed, in words.
    pub changes: Vec<String>,
    /// The decision as it is kept, with the report that it was made on; none in a report that was read from a text.
    #[serde(skip)]
    pub kept: Option<Arc<Decision>>,
}

/// The launch day: the plan, and how far it has come.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DayReport {
    /// The procedure.
    pub procedure: Name,
    /// Its newest run, if it was begun.
    pub run: Option<RunId>,
    /// How it stands, in words.
    pub standing: String,
    /// Who keeps it from going on.
    pub held: Option<Held>,
    /// The step that is under way, or comes next.
    pub next: Option<Name>,
    /// The steps, in order.
    pub steps: Vec<DayStep>,
}

/// A step of the launch day.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DayStep {
    /// Its name.
    pub step: Name,
    /// What it does.
    pub action: Name,
    /// The role that does it or watches it.
    pub owner: Option<Name>,
    /// Who holds that role.
    pub people: Vec<Name>,
    /// When it is planned, as written.
    pub planned: Option<String>,
    /// When it is planned, as an instant; it moves with the start of the deployment.
    pub planned_at: Option<Timestamp>,
    /// Where it stands.
    #[serde(flatten)]
    pub state: StepState,
    /// By how many seconds it is late, or began late, if it is a minute or more.
    pub late: Option<f64>,
    /// What a person is to do.
    pub instructions: Option<String>,
}

/// Where the watch after the launch stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct WatchingReport {
    /// When its next report is compiled; none before the launch is live and after the watch.
    pub next_at: Option<Timestamp>,
    /// When it ends, as written.
    pub ends: String,
    /// When it ends, as an instant.
    pub ends_at: Timestamp,
    /// Its newest reports, newest first.
    pub reports: Vec<WatchReport>,
}

/// The messages of a launch in short.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MessageReport {
    /// How many wait to be delivered.
    pub waiting: usize,
    /// Since when the oldest of them waits.
    pub oldest_waiting: Option<Timestamp>,
    /// How many of those remembered were given up.
    pub given_up: usize,
    /// The last ones, newest first.
    pub last: Vec<Outgoing>,
}

/// A trigger in a report.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TriggerReport {
    /// The name.
    pub id: Name,
    /// Where it stands.
    pub state: Status,
    /// The sentence.
    pub because: String,
    /// Since when it is in breach or blind.
    pub since: Option<Timestamp>,
    /// Seconds of breach credited.
    pub credit: f64,
    /// Seconds of breach needed.
    #[serde(rename = "for")]
    pub lasts: f64,
    /// What firing does.
    pub mode: Mode,
    /// The check at whose looks it is judged.
    pub check: CheckPath,
    /// The whole condition, in words.
    pub watches: String,
    /// What stands beside its state.
    pub flags: Vec<Flag>,
    /// Who keeps it from firing.
    pub hold: Option<Hold>,
    /// The procedure that it calls for.
    pub procedure: Name,
}

impl Report {
    /// The process exit code for a verdict: 0 GO, 1 NO-GO, 2 HOLD.
    pub fn exit_code(verdict: Verdict) -> u8 {
        match verdict {
            Verdict::Go => 0,
            Verdict::NoGo => 1,
            Verdict::Hold => 2,
        }
    }

    /// The worst verdict of the checklists that are due by now.
    pub fn due_verdict(&self) -> Verdict {
        let due = self.checklists.iter().filter(|list| list.state != DueState::NotYetDue);
        due.map(|list| list.verdict).max().unwrap_or(Verdict::Go)
    }
}
