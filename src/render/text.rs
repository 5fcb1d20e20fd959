//! The report for a terminal: what an on-call person needs first stands first.

use std::fmt::Write as _;

use launchgate_core::check::Level;
use launchgate_core::report::{CheckReport, ChecklistReport, Report};

use super::Options;
use super::words::{self, Tone, countdown, tame};

/// A page of text, coloured or not.
struct Page {
    text: String,
    colour: bool,
}

pub(super) fn render(report: &Report, options: Options) -> String {
    let mut page = Page { text: String::new(), colour: options.colour };
    page.headline(report);
    page.alarms(report);
    page.blockers(report);
    for list in &report.checklists {
        page.checklist(list, report);
    }
    page.triggers(report);
    page.runs(report);
    page.milestones(report);
    page.text
}

impl Page {
    fn line(&mut self, text: &str) {
        self.text.push_str(text);
        self.text.push('\n');
    }

    fn toned(&self, text: &str, tone: Tone) -> String {
        if self.colour {
            let style = tone.style();
            format!("{style}{text}{style:#}")
        } else {
            text.to_owned()
        }
    }

    /// A text in a column, padded before it is coloured.
    fn cell(&self, text: &str, width: usize, tone: Tone) -> String {
        self.toned(&format!("{text:<width$}"), tone)
    }

    fn headline(&mut self, report: &Report) {
        let verdict = self.toned(report.verdict.name(), words::verdict(report.verdict));
        self.line(&format!("{verdict}  {}", report.question));
        self.line(&format!(
            "{} · {} · version {} · {}",
            tame(&report.title),
            countdown(report.seconds_to_go_live),
            tame(&report.version),
            report.phase.name()
        ));
        self.line(&format!("as of {:.0} · go-live {}", report.as_of, report.go_live));
        if !report.on_schedule {
            let names: Vec<String> = report.overdue.iter().map(ToString::to_string).collect();
            let late = self.toned(&format!("overdue: {}", names.join(", ")), Tone::Bad);
            self.line(&late);
        }
    }

    fn alarms(&mut self, report: &Report) {
        for alarm in &report.alarms {
            let text = self.toned(&format!("ALARM  {}", tame(alarm)), Tone::Bad);
            self.line("");
            self.line(&text);
        }
    }

    fn blockers(&mut self, report: &Report) {
        if report.blockers.is_empty() {
            return;
        }
        self.line("\nBlockers");
        for blocker in &report.blockers {
            let what = blocker.check.as_ref().map_or_else(
                || blocker.checklist.as_ref().map_or_else(String::new, ToString::to_string),
                ToString::to_string,
            );
            let owner = blocker.owner.as_ref().map_or_else(String::new, |o| format!(" [{o}]"));
            let tone = if blocker.why == launchgate_core::gate::Why::Failed {
                Tone::Bad
            } else {
                Tone::Open
            };
            let why = self.cell(blocker.why.name(), 12, tone);
            self.line(&format!("  {why} {what}{owner}  {}", tame(&blocker.title)));
            self.line(&format!("               {}", tame(&blocker.because)));
        }
    }

    fn checklist(&mut self, list: &ChecklistReport, report: &Report) {
        let verdict = self.cell(list.verdict.name(), 6, words::verdict(list.verdict));
        let (state, tone) = words::due(list.state);
        let state = self.toned(state, tone);
        let owner = list.owner.as_ref().map_or_else(String::new, |o| format!(" · {o}"));
        let warnings = match list.warnings {
            0 => String::new(),
            1 => " · 1 warning".to_owned(),
            n => format!(" · {n} warnings"),
        };
        self.line(&format!(
            "\n{verdict} {} · {} · due {}, {state}{owner}{warnings}",
            list.id,
            tame(&list.title),
            list.due
        ));
        for check in &list.checks {
            self.check(check, report);
        }
    }

    fn check(&mut self, check: &CheckReport, report: &Report) {
        let (mark, tone) = words::outcome(check.outcome);
        let mark = self.toned(mark, tone);
        let advisory = if check.level == Level::Advisory { " (advisory)" } else { "" };
        let age = check
            .observed_at
            .map_or_else(String::new, |at| format!(" · {}", words::ago(at, report.as_of)));
        let name = format!("{}{advisory}", check.id.check);
        let because = tame(&check.because);
        self.line(&format!("  {mark} {name:<22} {because}{age}"));
    }

    fn triggers(&mut self, report: &Report) {
        if report.triggers.is_empty() {
            return;
        }
        self.line("\nTriggers");
        for trigger in &report.triggers {
            let state = self.cell(trigger.state.name(), 10, words::trigger(trigger.state));
            let mode = format!("{:?}", trigger.mode).to_lowercase();
            self.line(&format!(
                "  {state} {:<16} {mode:<8} {}",
                trigger.id.to_string(),
                tame(&trigger.because)
            ));
        }
    }

    fn runs(&mut self, report: &Report) {
        for run in &report.runs {
            let status = self.toned(run.status.name(), words::run(run.status));
            self.line(&format!("\nRun {} · {status}", run.id));
            self.line(&format!("  {}", tame(&run.cause)));
            for (index, (step, state)) in run.procedure.steps.iter().zip(&run.steps).enumerate() {
                let (word, tone, evidence) = words::step(state);
                let word = self.cell(word, 10, tone);
                let said = tame(evidence.lines().next().unwrap_or_default());
                self.line(&format!(
                    "  {:>2}. {word} {:<16} {said}",
                    index + 1,
                    step.id.to_string()
                ));
            }
            if let Some(step) = run.asking() {
                let id = &run.procedure.steps[step].id;
                let ask = format!(
                    "  `{id}` waits for a person: launchgate run retry|mark-succeeded|abort {} --reason …",
                    run.id
                );
                let ask = self.toned(&ask, Tone::Bad);
                self.line(&ask);
            }
        }
    }

    fn milestones(&mut self, report: &Report) {
        if report.milestones.is_empty() {
            return;
        }
        let mut line = String::from("\nMilestones");
        for reached in &report.milestones {
            write!(line, "\n  {:.0}  {}, by {}", reached.at, reached.milestone, tame(&reached.by))
                .expect("a String takes all");
        }
        self.line(&line);
    }
}
