//! The report for a terminal: what an on-call person needs first stands first, in a width that a split window has.

mod day;

use launchgate_core::check::Level;
use launchgate_core::report::{CheckReport, ChecklistReport, Report, TriggerReport};
use launchgate_core::run::{Run, StepState};

use unicode_width::UnicodeWidthStr as _;

use super::Options;
use super::words::{self, Tone, ago, countdown, tame};

/// No line has more columns, unless one word has: what a terminal has that nobody widened, and a chat leaves whole.
const WIDTH: usize = 80;
/// A check's name takes no more room than this beside its sentence.
const MAX_NAME: usize = 24;
/// How many reports of the watch are printed.
const WATCH_REPORTS: usize = 5;

/// A page of text, coloured or not.
struct Page {
    text: String,
    colour: bool,
}

pub(super) fn render(report: &Report, options: Options) -> String {
    let mut page = Page { text: String::new(), colour: options.colour };
    page.headline(report);
    page.alarms(report);
    page.decision(report);
    page.blockers(report);
    page.day(report);
    let day = report.day.as_ref().and_then(|day| day.run.as_ref());
    for run in report.runs.iter().filter(|run| Some(&run.id) != day) {
        page.run(run, report);
    }
    page.triggers(report);
    for list in &report.checklists {
        page.checklist(list, report);
    }
    page.watch(report);
    page.announcements(report);
    page.milestones(report);
    page.links(report);
    page.text
}

/// How many columns a terminal gives to a word; its colours take none.
fn columns(word: &str) -> usize {
    let mut shown = 0;
    let mut rest = word;
    while let Some((before, after)) = rest.split_once('\u{1b}') {
        shown += before.width();
        rest = after.split_once('m').map_or("", |(_, rest)| rest);
    }
    shown + rest.width()
}

impl Page {
    fn line(&mut self, text: &str) {
        self.text.push_str(text);
        self.text.push('\n');
    }

    /// Writes words after a head of `used` columns, and on further lines below them.
    fn wrapped(&mut self, head: &str, used: usize, text: &str) {
        let mut line = head.to_owned();
        let mut column = used;
        for word in text.split_whitespace() {
            let length = columns(word);
            // A word and the blank before it.
            if column > used && column + 1 + length > WIDTH {
                self.line(&line);
                line = " ".repeat(used);
                column = used;
            } else if column > used {
                line.push(' ');
                column += 1;
            }
            line.push_str(word);
            column += length;
        }
        self.line(line.trim_end());
    }

    fn toned(&self, text: &str, tone: Tone) -> String {
        if self.colour {
            let style = tone.style();
            format!("{style}{text}{style:#}")
        } else {
            text.to_owned()
        }
    }

    /// A mark and a word in a column, padded before they are coloured.
    fn badge(&self, word: &str, width: usize, tone: Tone) -> String {
        self.toned(&format!("{} {word:<width$}", tone.mark()), tone)
    }

    fn headline(&mut self, report: &Report) {
        let verdict = self.badge(report.verdict.name(), 0, words::verdict(report.verdict));
        let used = columns(&verdict) + 2;
        self.wrapped(&format!("{verdict}  "), used, &tame(&report.question));
        let facts = format!(
            "{} · {} · {}",
            words::about(report),
            countdown(report.seconds_to_go_live),
            report.phase.name()
        );
        self.wrapped("", 0, &facts);
        let basis = words::basis(report);
        let when =
            format!("as of {:.0}{basis} · go-live {}", report.as_of, words::schedule(report));
        self.wrapped("", 0, &when);
        if let Some(again) = words::looking_again(report) {
            self.wrapped("… ", 2, &again);
        }
        if !report.on_schedule {
            let late = self.toned("✗ overdue:", Tone::Bad);
            self.wrapped(&format!("{late} "), 11, &words::names(&report.overdue));
        }
    }

    fn alarms(&mut self, report: &Report) {
        for alarm in &report.alarms {
            let head = self.toned("✗ ALARM", Tone::Bad);
            self.line("");
            self.wrapped(&format!("{head}  "), 9, &tame(alarm));
        }
    }

    /// The last decision; those before it are history.
    fn decision(&mut self, report: &Report) {
        if let Some(made) = report.decisions.first() {
            let word = self.badge(made.decision.name(), 0, words::decision(made, report));
            self.line("");
            self.wrapped(&format!("Decided {word} "), 17, &words::decided(made, report));
        }
    }

    fn blockers(&mut self, report: &Report) {
        if report.blockers.is_empty() {
            return;
        }
        self.line("\nBlockers");
        for blocker in &report.blockers {
            let why = self.badge(blocker.why.name(), 12, words::why(blocker.why));
            self.wrapped(&format!("  {why} "), 17, &words::blocked(blocker));
            self.wrapped(&" ".repeat(17), 17, &tame(&blocker.because));
            if let Some(who) = words::who(blocker, report) {
                self.wrapped(&" ".repeat(17), 17, &format!("owner: {who}"));
            }
            for reach in &blocker.contacts {
                let turn_to = format!("turn to: {}", words::reach(reach));
                self.wrapped(&" ".repeat(17), 17, &turn_to);
            }
        }
    }

    fn checklist(&mut self, list: &ChecklistReport, report: &Report) {
        let verdict = self.badge(list.verdict.name(), 5, words::verdict(list.verdict));
        let (state, _) = words::due(list.state);
        let owner = list.owner.as_ref().map(|role| words::holders(role, &list.people));
        let owner = owner.map_or_else(String::new, |who| format!(" · {who}"));
        let gates = words::gates(list.gates);
        let warnings = match list.warnings {
            0 => String::new(),
            1 => " · 1 warning".to_owned(),
            n => format!(" · {n} warnings"),
        };
        let title = tame(&list.title);
        let facts =
            format!("{} · {title} · due {}, {state} · {gates}{owner}{warnings}", list.id, list.due);
        self.wrapped(&format!("\n{verdict}  "), 9, &facts);
        let name = |check: &CheckReport| check.id.check.as_str().len();
        let width = list.checks.iter().map(|c| name(c)).max().unwrap_or_default().min(MAX_NAME);
        for check in &list.checks {
            self.check(check, width, report);
        }
    }

    fn check(&mut self, check: &CheckReport, width: usize, report: &Report) {
        let (mark, tone) = words::outcome(check.outcome);
        let outcome = self.toned(&format!("{mark} {:<7}", check.outcome.name()), tone);
        let name = check.id.check.as_str();
        let advisory = if check.level == Level::Advisory { "advisory: " } else { "" };
        let age = words::age(check, report).map(|age| format!(" · {age}"));
        let said = format!("{advisory}{}{}", tame(&check.because), age.unwrap_or_default());
        let head = format!("  {outcome}  {name:<width$}  ");
        if name.len() > width {
            self.line(head.trim_end());
            self.wrapped(&" ".repeat(15), 15, &said);
        } else {
            self.wrapped(&head, 15 + width, &said);
        }
    }

    fn triggers(&mut self, report: &Report) {
        if report.triggers.is_empty() {
            return;
        }
        self.line("\nTriggers");
        for trigger in &report.triggers {
            self.trigger(trigger, report);
        }
    }

    fn trigger(&mut self, trigger: &TriggerReport, report: &Report) {
        let state = self.badge(trigger.state.name(), 9, words::trigger(trigger.state));
        let since = trigger.since.map(|at| format!(" · since {}", ago(at, report.as_of)));
        let facts = format!(
            "{}{} · {}{} · {} {} · watches {}",
            trigger.id,
            words::flags(trigger),
            words::credit(trigger),
            since.unwrap_or_default(),
            words::mode(trigger.mode),
            trigger.procedure,
            trigger.watches
        );
        self.wrapped(&format!("  {state}  "), 15, &facts);
        self.wrapped(&" ".repeat(15), 15, &tame(&trigger.because));
    }

    fn run(&mut self, run: &Run, report: &Report) {
        let status = self.badge(run.standing(), 0, words::run(run.status));
        self.line("");
        self.wrapped("", 0, &format!("Run {} · {status} · {}", run.id, ago(run.at, report.as_of)));
        self.wrapped("  ", 2, &tame(&run.cause));
        for (index, (step, state)) in run.procedure.steps.iter().zip(&run.steps).enumerate() {
            let (word, tone, evidence) = words::step(state);
            let word = self.badge(word, 10, tone);
            let when = match state {
                StepState::Started { at, .. } | StepState::Ended { at, .. } => {
                    format!(" · {}", ago(*at, report.as_of))
                }
                StepState::Planned | StepState::Skipped { .. } | StepState::Again { .. } => {
                    String::new()
                }
            };
            let facts = format!("{} ({}){when}", step.id, step.action);
            self.wrapped(&format!("  {:>2}. {word}  ", index + 1), 20, &facts);
            if !evidence.is_empty() {
                self.wrapped(&" ".repeat(20), 20, &tame(evidence));
            }
        }
        self.asking(run);
    }

    /// What a person must do for a run to go on, and the command for it, on lines that can be copied whole.
    fn asking(&mut self, run: &Run) {
        let Some(step) = run.asking() else { return };
        let (task, command) = words::ask(run, step);
        let head = self.toned("  ! WAITS FOR A PERSON", Tone::Bad);
        self.wrapped(&format!("{head}  "), 24, &task);
        self.wrapped("    ", 4, &command);
    }

    fn watch(&mut self, report: &Report) {
        let Some(watch) = &report.watch else { return };
        if watch.next_at.is_none() && watch.reports.is_empty() {
            return;
        }
        let next = watch.next_at.map_or_else(
            || "over".to_owned(),
            |at| format!("next report at {at:.0}, until {}", watch.ends),
        );
        self.line("");
        self.wrapped("", 0, &format!("Watch · {next}"));
        for kept in watch.reports.iter().take(WATCH_REPORTS) {
            let word = self.badge(kept.verdict.name(), 6, words::verdict(kept.verdict));
            let text = words::watched(kept);
            self.line(&format!("  {:.0}  {word}", kept.at));
            self.wrapped("    ", 4, &text);
        }
    }

    fn announcements(&mut self, report: &Report) {
        if report.announcements.is_empty() {
            return;
        }
        self.line("\nAnnouncements");
        for each in &report.announcements {
            let state = self.badge(each.state.name(), 7, words::told(each.state));
            self.wrapped(&format!("  {state}  "), 13, &words::announcement(each));
            self.wrapped(&" ".repeat(13), 13, &words::standing(each, report));
        }
    }

    fn milestones(&mut self, report: &Report) {
        if report.milestones.is_empty() {
            return;
        }
        self.line("\nMilestones");
        for reached in &report.milestones {
            let said = format!("{}, by {}", reached.milestone, tame(&reached.by));
            self.wrapped(&format!("  {:.0}  ", reached.at), 24, &said);
        }
    }

    fn links(&mut self, report: &Report) {
        if report.links.is_empty() {
            return;
        }
        self.line("\nLinks");
        for (name, url) in &report.links {
            let (name, url) = (tame(name), tame(url));
            if columns(&name) + columns(&url) + 4 > WIDTH {
                self.wrapped("  ", 2, &name);
                self.wrapped("    ", 4, &url);
            } else {
                self.line(&format!("  {name}  {url}"));
            }
        }
    }
}
