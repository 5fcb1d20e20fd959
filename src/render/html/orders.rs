//! The buttons that give orders. They are drawn for a live page only, show themselves to those who have said who they
//! are, and say in their attributes what a script posts and what it asks for first: the page decides nothing.

use launchgate_core::check::Outcome;
use launchgate_core::milestone::{Milestone, Phase};
use launchgate_core::name::Name;
use launchgate_core::report::{CheckReport, DayReport, Report, TriggerReport};
use launchgate_core::run::Run;
use launchgate_core::trigger::{Mode, Status};
use maud::{Markup, html};
use serde_json::{Value, json};

/// What a token must allow for a button to show.
#[derive(Debug, Clone, Copy)]
enum Deed {
    Sign,
    Command,
}

impl Deed {
    fn name(self) -> &'static str {
        match self {
            Self::Sign => "sign",
            Self::Command => "command",
        }
    }
}

/// A button.
struct Order<'a> {
    label: String,
    deed: Deed,
    path: String,
    body: Value,
    fields: Vec<Value>,
    grave: bool,
    /// Whether it is given without being asked for once more: it changes nothing.
    at_once: bool,
    /// Who may, where the report knows it.
    people: Option<&'a [Name]>,
    /// What to know before it is confirmed.
    says: Option<String>,
}

impl<'a> Order<'a> {
    fn new(label: impl Into<String>, deed: Deed, path: impl Into<String>, body: Value) -> Self {
        let (label, path) = (label.into(), path.into());
        let (fields, people, says) = (Vec::new(), None, None);
        Self { label, deed, path, body, fields, grave: false, at_once: false, people, says }
    }

    /// Asks for something first.
    fn field(mut self, name: &str, label: &str, required: bool, hint: &str) -> Self {
        self.fields
            .push(json!({ "name": name, "label": label, "required": required, "hint": hint }));
        self
    }

    fn reason(self) -> Self {
        self.field("reason", "Reason", true, "It stays on record beside your name.")
    }

    fn note(self) -> Self {
        self.field("note", "Note", false, "")
    }

    fn grave(mut self) -> Self {
        self.grave = true;
        self
    }

    /// What the dialog says first.
    fn says(mut self, says: String) -> Self {
        self.says = Some(says);
        self
    }

    fn of(mut self, people: &'a [Name]) -> Self {
        self.people = Some(people);
        self
    }

    fn draw(&self) -> Markup {
        let people =
            self.people.map(|people| people.iter().map(Name::as_str).collect::<Vec<_>>().join(" "));
        html! {
            button.order.grave[self.grave] type="button" data-at-once[self.at_once] data-deed=(self.deed.name()) data-path=(self.path)
                data-body=(self.body) data-fields=(Value::from(self.fields.clone())) data-people=[people] data-says=[&self.says] { (self.label) }
        }
    }
}

/// Has checks looked at at once: these, or all.
fn look_again(label: impl Into<String>, checks: &[&str]) -> Order<'static> {
    let order = Order::new(label, Deed::Sign, "refresh", json!({ "checks": checks }));
    Order { at_once: true, ..order }
}

fn row(orders: &[Order<'_>]) -> Markup {
    html! { @if !orders.is_empty() { div.orders { @for order in orders { (order.draw()) } } } }
}

/// GO or NO-GO, and whether that is still so.
pub(super) fn decision(report: &Report) -> Markup {
    let blockers = match report.blockers.len() {
        0 => String::new(),
        1 => ", and 1 check blocks".to_owned(),
        n => format!(", and {n} checks block"),
    };
    let says = format!("The report says {}{blockers}.", report.verdict.name());
    let word = |label: &str, word: &str| {
        Order::new(label, Deed::Command, "decisions", json!({ "decision": word }))
            .note()
            .says(says.clone())
    };
    let again = look_again("Look again at everything", &[]);
    row(&[again, word("Decide GO", "go"), word("Decide NO-GO", "no_go").grave()])
}

/// What can be said of a check.
pub(super) fn check(check: &CheckReport) -> Markup {
    let id = check.id.to_string();
    if let Some(signing) = &check.signing {
        let mut yes = Order::new(
            format!("Approve {id}"),
            Deed::Sign,
            "sign-offs",
            json!({ "check": id, "decision": "approved" }),
        )
        .field(
            "evidence",
            "Evidence",
            signing.evidence_required,
            "A link, or what was seen.",
        );
        for name in &signing.record {
            yes = yes.field(
                &format!("values.{name}"),
                name.as_str(),
                true,
                "This is recorded with the signature.",
            );
        }
        let no = Order::new(
            format!("Reject {id}"),
            Deed::Sign,
            "sign-offs",
            json!({ "check": id, "decision": "rejected" }),
        );
        return row(&[yes.note().of(&signing.people), no.note().grave().of(&signing.people)]);
    }
    match check.outcome {
        Outcome::Waived => row(&[Order::new(
            format!("End the waiver of {id}"),
            Deed::Command,
            "waivers/end",
            json!({ "check": id }),
        )
        .reason()]),
        Outcome::Fail | Outcome::Warn | Outcome::Unknown(_) => {
            let again = look_again(format!("Look again at {id}"), &[&id]);
            let waive =
                Order::new(format!("Waive {id}"), Deed::Command, "waivers", json!({ "check": id }))
                    .reason()
                    .field(
                        "until",
                        "Until",
                        true,
                        "An instant, or how long from now, such as 12h.",
                    );
            let looked_at = check.fresh_for.is_some();
            row(&if looked_at { vec![again, waive] } else { vec![waive] })
        }
        Outcome::Pass => html! {},
    }
}

/// What can be ordered of a trigger where it stands.
pub(super) fn trigger(trigger: &TriggerReport) -> Markup {
    let id = &trigger.id;
    let order = |word: &str, label: &str| {
        Order::new(
            format!("{label} {id}"),
            Deed::Command,
            format!("triggers/{id}/{word}"),
            json!({}),
        )
    };
    let mut orders = Vec::new();
    match trigger.state {
        Status::Fired => {
            if trigger.mode == Mode::Suggest {
                orders.push(order("decline", "Decline").reason());
            }
            orders.push(order("ack", "Acknowledge"));
            orders.push(order("rearm", "Rearm").reason());
        }
        Status::Arming | Status::Watching | Status::Pending | Status::Suspended | Status::Blind => {
            if trigger.hold.is_some() {
                orders.push(order("release", "Release"));
            } else {
                orders.push(
                    order("hold", "Hold")
                        .field("for", "For", true, "Such as 30m; at most 4h.")
                        .reason(),
                );
            }
            orders.push(order("fire", "Fire").reason().grave());
        }
        Status::Disarmed | Status::Expired => {}
    }
    row(&orders)
}

/// How a step that waits for a person goes on.
pub(super) fn waiting(run: &Run, step: usize) -> Markup {
    let decide = |label: &str, choice: &str, deed| {
        let body = json!({ "choice": choice, "step": step });
        Order::new(label, deed, format!("runs/{}/decisions", run.id), body).reason()
    };
    let mut orders = vec![decide("Mark as succeeded", "mark_succeeded", Deed::Sign)];
    if !run.procedure.steps[step].is_manual() {
        orders.push(decide("Retry", "retry", Deed::Command));
    }
    orders.push(decide("Abort", "abort", Deed::Command).grave());
    row(&orders)
}

/// How the launch day is begun, held, and let go on.
pub(super) fn day(day: &DayReport, report: &Report) -> Markup {
    let run = day.run.as_ref().and_then(|id| report.runs.iter().find(|run| run.id == *id));
    match run.filter(|run| !run.status.is_final()) {
        Some(run) if day.held.is_some() => {
            row(&[Order::new("Go on", Deed::Command, format!("runs/{}/resume", run.id), json!({}))])
        }
        Some(run) => row(&[Order::new(
            "Hold the launch",
            Deed::Command,
            format!("runs/{}/hold", run.id),
            json!({}),
        )
        .reason()]),
        None => {
            let path = format!("procedures/{}/runs", day.procedure);
            row(&[Order::new("Begin the launch day", Deed::Command, path, json!({}))])
        }
    }
}

/// The milestones that may come next.
pub(super) fn milestones(report: &Report) -> Markup {
    let next: &[Milestone] = match report.phase {
        Phase::Preparing => &[Milestone::DeployStarted],
        Phase::Launching => &[Milestone::MigrationDone, Milestone::SmokePassed, Milestone::Live],
        Phase::Watching | Phase::RolledBack => &[Milestone::Closed],
        Phase::RollingBack | Phase::Closed => &[],
    };
    let reached = |m: &Milestone| report.milestones.iter().any(|r| r.milestone == *m);
    let orders: Vec<Order<'_>> = next
        .iter()
        .filter(|m| report.phase != Phase::Launching || !reached(m))
        .map(|m| {
            Order::new(
                format!("Record {m}"),
                Deed::Command,
                "milestones",
                json!({ "milestone": m }),
            )
        })
        .collect();
    row(&orders)
}
