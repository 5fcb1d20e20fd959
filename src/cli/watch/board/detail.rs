//! An item looked at closely: everything that the report says of it.

use launchgate_core::attestation::{Decision, SignOff};
use launchgate_core::check::Level;
use launchgate_core::gate::Blocker;
use launchgate_core::name::Name;
use launchgate_core::reading::Unit;
use launchgate_core::report::{CheckReport, ChecklistReport, LimitReport, Report, TriggerReport};
use launchgate_core::run::{Run, RunId, StepState};
use ratatui::text::{Line, Span};

use super::pane::Subject;
use super::text::{badge, bold, calm, column, plain, toned, wrap};
use super::{blockers, checklists, runs, triggers};
use crate::render::words::{self, Tone, ago, tame};

/// The column that what is said begins in.
const LABEL: usize = 12;

/// What is said of a subject; nothing when the report does not know it any more.
pub(super) fn lines(
    report: &Report,
    subject: &Subject,
    width: usize,
) -> Option<Vec<Line<'static>>> {
    let mut page = Page { lines: Vec::new(), width };
    match subject {
        Subject::Check(id) => {
            let list = report.checklists.iter().find(|list| list.id == id.checklist)?;
            let check = list.checks.iter().find(|check| check.id == *id)?;
            page.check(check, list, report);
        }
        Subject::List(id) => {
            page.list(report.checklists.iter().find(|list| list.id == *id)?, report);
        }
        Subject::Trigger(id) => {
            page.trigger(report.triggers.iter().find(|trigger| trigger.id == *id)?, report);
        }
        Subject::Blocker(title) => {
            let found = report.blockers.iter().find(|each| each.title == *title)?;
            page.says(vec![bold(words::blocked(found))]);
            page.blocker(found, report);
        }
        Subject::Run(Some(id)) => page.run(report.runs.iter().find(|run| run.id == *id)?, report),
        Subject::Run(None) => page.plan(report)?,
        Subject::Step(run, index) => page.step(run.as_ref(), *index, report)?,
        Subject::Event(at, says) => {
            page.label("at", vec![plain(format!("{at:.0} · {}", ago(*at, report.as_of)))]);
            page.says(vec![plain(says.clone())]);
        }
        Subject::Launch(_) => return None,
    }
    Some(page.lines)
}

struct Page {
    lines: Vec<Line<'static>>,
    width: usize,
}

impl Page {
    fn says(&mut self, words: Vec<Span<'static>>) {
        self.lines.extend(wrap(vec![], words, self.width, usize::MAX));
    }

    /// What is said about something, beside its name.
    fn label(&mut self, name: &str, words: Vec<Span<'static>>) {
        let head = vec![calm(format!("{name:<LABEL$}"))];
        self.lines.extend(wrap(head, words, self.width, usize::MAX));
    }

    fn gap(&mut self) {
        self.lines.push(Line::default());
    }

    fn check(&mut self, check: &CheckReport, list: &ChecklistReport, report: &Report) {
        self.says(vec![bold(tame(&check.title))]);
        let (mark, tone) = words::outcome(check.outcome);
        let mut stands = vec![toned(format!("{mark} {}", check.outcome.name()), tone)];
        if let Some(reason) = check.reason {
            stands.push(plain(format!(" · {}", reason.name().replace('_', " "))));
        }
        let level = if check.level == Level::Advisory { "advisory" } else { "required" };
        stands.push(plain(format!(" · {level} · probe {}", check.probe)));
        self.label("stands", stands);
        self.label("because", vec![plain(tame(&check.because))]);
        if let Some(at) = check.observed_at {
            let counts = check.fresh_for.map(|s| format!(", counts for {}", words::seconds(s)));
            let counts = counts.unwrap_or_default();
            let seen = format!("{at:.0} · {}{counts}", ago(at, report.as_of));
            self.label("seen", vec![plain(seen)]);
        }
        if !check.vantages.is_empty() {
            self.label("from", vec![plain(words::names(&check.vantages))]);
        }
        self.readings(check);
        self.people(check, report);
        self.gap();
        let owner = list.owner.as_ref().map(|role| words::holders(role, &list.people));
        self.label(
            "checklist",
            vec![
                badge(list.verdict.name(), words::verdict(list.verdict)),
                plain(format!(" {} · {} · due {}", list.id, tame(&list.title), list.due)),
            ],
        );
        if let Some(owner) = owner {
            self.label("owner", vec![plain(owner)]);
        }
        for blocker in report.blockers.iter().filter(|each| each.check.as_ref() == Some(&check.id))
        {
            for contact in &blocker.contacts {
                self.label("turn to", vec![plain(words::reach(contact))]);
            }
        }
    }

    /// What was seen, what the check hangs on first, each number with what it is held against.
    fn readings(&mut self, check: &CheckReport) {
        let Some(readings) = &check.readings else { return };
        self.gap();
        let held = |name: &Name| {
            let name = name.clone();
            check.limits.iter().filter(move |limit| limit.reading == name)
        };
        let mut values: Vec<_> = readings.values.iter().collect();
        values.sort_by_key(|(name, _)| held(name).next().is_none());
        for (name, value) in values {
            let unit = held(name).next().map_or(Unit::One, |limit| limit.unit);
            let mut says = vec![bold(tame(&value.show(unit)))];
            let limits: Vec<String> = held(name).map(limit).collect();
            if !limits.is_empty() {
                says.push(calm(format!(" · {}", limits.join(", "))));
            }
            self.label(&format!("{name} "), says);
        }
        if let Some(at) = readings.sampled_at {
            self.label("sampled", vec![plain(format!("{at:.0}"))]);
        }
        // What stands out is what one looks for.
        let (odd, plainer): (Vec<_>, Vec<_>) = readings.parts.iter().partition(|part| part.odd);
        for part in odd.into_iter().chain(plainer) {
            let tone = if part.odd { Tone::Open } else { Tone::Calm };
            let head = toned(format!("{} {}: ", tone.mark(), tame(&part.subject)), tone);
            self.says(vec![plain("  "), head, plain(tame(&part.says))]);
        }
        for note in &readings.notes {
            self.label("note", vec![plain(tame(note))]);
        }
    }

    /// What people said of a check: a waiver, what a signature takes, and the signatures.
    fn people(&mut self, check: &CheckReport, report: &Report) {
        if let Some(waiver) = &check.waiver {
            self.gap();
            self.label(
                "waived",
                vec![
                    toned("~ ", Tone::Open),
                    plain(format!(
                        "by {} at {:.0}, until {:.0}: {}",
                        waiver.person,
                        waiver.at,
                        waiver.until,
                        tame(&waiver.reason)
                    )),
                ],
            );
        }
        if let Some(asks) = &check.signing {
            self.gap();
            let mut says = format!(
                "by {} · {} must sign",
                words::holders(&asks.by, &asks.people),
                asks.quorum
            );
            if asks.evidence_required {
                says += " · with evidence";
            }
            if !asks.record.is_empty() {
                says += &format!(" · records {}", words::names(&asks.record));
            }
            self.label("sign-off", vec![plain(says)]);
        }
        for signed in &check.sign_offs {
            self.sign_off(signed, report);
        }
    }

    fn sign_off(&mut self, signed: &SignOff, report: &Report) {
        let head = match signed.decision {
            Decision::Approved => toned("✓ approved", Tone::Good),
            Decision::Rejected => toned("✗ rejected", Tone::Bad),
        };
        let version = tame(&signed.version);
        let by =
            format!(" by {} {} for version {version}", signed.person, ago(signed.at, report.as_of));
        self.label("signed", vec![head, plain(by)]);
        if let Some(evidence) = &signed.evidence {
            self.label("  evidence", vec![plain(tame(evidence))]);
        }
        for (name, value) in &signed.values {
            self.label(&format!("  {name} "), vec![plain(tame(value))]);
        }
        if let Some(note) = &signed.note {
            self.label("  note", vec![plain(tame(note))]);
        }
    }

    fn blocker(&mut self, blocker: &Blocker, report: &Report) {
        let why = badge(blocker.why.name(), words::why(blocker.why));
        self.label("blocks", vec![why]);
        self.label("because", vec![plain(tame(&blocker.because))]);
        let act = blockers::actors(blocker, report);
        if !act.is_empty() {
            self.label("to act", vec![plain(act)]);
        }
    }

    fn list(&mut self, list: &ChecklistReport, report: &Report) {
        self.says(vec![bold(tame(&list.title))]);
        let (state, tone) = words::due(list.state);
        self.label(
            "verdict",
            vec![
                badge(list.verdict.name(), words::verdict(list.verdict)),
                plain(format!(" · {} · {}", words::gates(list.gates), words::counts(list))),
            ],
        );
        let due = format!("{} · {:.0} · ", list.due, list.due_at);
        self.label("due", vec![plain(due), toned(state, tone)]);
        if let Some(owner) = &list.owner {
            self.label("owner", vec![plain(words::holders(owner, &list.people))]);
        }
        self.gap();
        for check in &list.checks {
            let head = vec![checklists::outcome(check), plain(" ")];
            let mut says = vec![
                bold(check.id.check.to_string()),
                plain(format!(" · {}: ", tame(&check.title))),
            ];
            says.extend(checklists::standing(check, report));
            self.lines.extend(wrap(head, says, self.width, usize::MAX));
        }
    }

    fn trigger(&mut self, trigger: &TriggerReport, report: &Report) {
        self.says(triggers::line(trigger));
        self.label("because", vec![plain(tame(&trigger.because))]);
        self.label("watches", vec![plain(trigger.watches.clone())]);
        self.label("looks at", vec![plain(trigger.check.to_string())]);
        if let Some(since) = trigger.since {
            let since = format!("{since:.0} · {}", ago(since, report.as_of));
            self.label("since", vec![plain(since)]);
        }
        let does = format!("{} {}", words::mode(trigger.mode), trigger.procedure);
        self.label("fired, it", vec![plain(does)]);
        if let Some(hold) = &trigger.hold {
            let says = format!("by {} until {:.0}: {}", hold.by, hold.until, tame(&hold.reason));
            self.label("held", vec![plain(says)]);
        }
    }

    fn run(&mut self, run: &Run, report: &Report) {
        self.says(vec![
            bold(run.id.to_string()),
            plain("  "),
            badge(run.standing(), words::run(run.status)),
        ]);
        self.label("cause", vec![plain(tame(&run.cause))]);
        self.label("began", vec![plain(format!("{:.0} · {}", run.at, ago(run.at, report.as_of)))]);
        if let Some(step) = run.asking() {
            let (task, command) = words::ask(run, step);
            self.label("to do", vec![toned("! ", Tone::Bad), bold(task)]);
            self.label("command", vec![plain(command)]);
        }
        self.gap();
        for (index, (step, state)) in run.procedure.steps.iter().zip(&run.steps).enumerate() {
            self.state(index, &format!("{} ({})", step.id, step.action), state, report);
        }
    }

    fn state(&mut self, index: usize, says: &str, state: &StepState, report: &Report) {
        let (word, tone, evidence) = words::step(state);
        let head = vec![
            plain(format!("{:>3}. ", index + 1)),
            column(tone.mark(), word, 10, tone),
            plain(" "),
        ];
        let mut words = vec![plain(says.to_owned())];
        if let StepState::Started { at, .. } | StepState::Ended { at, .. } = state {
            words.push(calm(format!(" · {}", ago(*at, report.as_of))));
        }
        self.lines.extend(wrap(head, words, self.width, usize::MAX));
        if !evidence.is_empty() {
            self.label("", vec![plain(tame(evidence))]);
        }
    }

    /// The launch day before it is begun.
    fn plan(&mut self, report: &Report) -> Option<()> {
        let day = report.day.as_ref()?;
        self.says(vec![
            bold("Launch day"),
            plain(format!(" · {} · {}", day.procedure, day.standing)),
        ]);
        self.gap();
        for (index, step) in day.steps.iter().enumerate() {
            let planned = words::planned(step, report);
            let owner = step.owner.as_ref().map(|role| words::holders(role, &step.people));
            let says = format!(
                "{} ({}) · {planned} · {}",
                step.step,
                step.action,
                owner.unwrap_or_default()
            );
            self.state(index, says.trim_end_matches([' ', '·']), &step.state, report);
        }
        Some(())
    }

    fn step(&mut self, run: Option<&RunId>, index: usize, report: &Report) -> Option<()> {
        let of_day = report.day.as_ref().filter(|day| day.run.as_ref() == run);
        let run = report.runs.iter().find(|each| Some(&each.id) == run);
        if let Some(step) = of_day.and_then(|day| day.steps.get(index)) {
            self.says(runs::of_day(step, false, report));
            self.state(index, step.step.as_str(), &step.state, report);
            if let Some(instructions) = &step.instructions {
                self.label("to do", vec![bold(tame(instructions))]);
            }
        } else {
            let run = run?;
            let (step, state) = (run.procedure.steps.get(index)?, run.steps.get(index)?);
            self.says(vec![bold(step.id.to_string()), plain(format!(" of {}", run.id))]);
            self.state(index, step.action.as_str(), state, report);
            if let Some(owner) = &step.owner {
                self.label("owner", vec![plain(owner.to_string())]);
            }
            self.label("timeout", vec![plain(words::seconds(step.timeout.as_secs_f64()))]);
        }
        if let Some(run) = run.filter(|run| run.asking() == Some(index)) {
            let (task, command) = words::ask(run, index);
            self.label("waits for", vec![toned("! ", Tone::Bad), bold(task)]);
            self.label("command", vec![plain(command)]);
        }
        Some(())
    }
}

/// What a number is held against: `fails unless < 1%`.
fn limit(limit: &LimitReport) -> String {
    let what = if limit.warns { "warns" } else { "fails" };
    format!("{what} unless {} {}", limit.operator, limit.unit.format(limit.value))
}
