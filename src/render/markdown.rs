//! The report for chats and tickets.

use std::fmt::Write as _;

use launchgate_core::report::Report;

use super::words::{self, countdown, tame};

pub(super) fn render(report: &Report) -> String {
    let mut out = String::new();
    write(&mut out, report).expect("a String takes all");
    out
}

fn write(out: &mut String, report: &Report) -> std::fmt::Result {
    writeln!(out, "# {}: {}\n", report.verdict.name(), escape(&report.question))?;
    writeln!(
        out,
        "**{}** · {} · version {} · {} · as of {:.0}\n",
        escape(&report.title),
        countdown(report.seconds_to_go_live),
        escape(&report.version),
        report.phase.name(),
        report.as_of
    )?;
    for alarm in &report.alarms {
        writeln!(out, "> **Alarm:** {}\n", escape(alarm))?;
    }
    if !report.blockers.is_empty() {
        writeln!(out, "## Blockers\n\n| why | what | because | who |\n|---|---|---|---|")?;
        for blocker in &report.blockers {
            let what = blocker.check.as_ref().map(ToString::to_string).unwrap_or_default();
            let who = blocker.owner.as_ref().map(ToString::to_string).unwrap_or_default();
            let because = escape(&blocker.because);
            writeln!(
                out,
                "| {} | {} | {because} | {} |",
                blocker.why.name(),
                escape(&what),
                escape(&who)
            )?;
        }
        writeln!(out)?;
    }
    writeln!(out, "## Checklists\n\n| verdict | checklist | due | state |\n|---|---|---|---|")?;
    for list in &report.checklists {
        let (state, _) = words::due(list.state);
        writeln!(
            out,
            "| {} | {} | {} | {state} |",
            list.verdict.name(),
            escape(&list.title),
            list.due
        )?;
    }
    if !report.triggers.is_empty() {
        writeln!(out, "\n## Triggers\n\n| state | trigger | because |\n|---|---|---|")?;
        for trigger in &report.triggers {
            let because = escape(&trigger.because);
            writeln!(out, "| {} | {} | {because} |", trigger.state.name(), trigger.id)?;
        }
    }
    for run in &report.runs {
        writeln!(
            out,
            "\n## Run {}: {}\n\n{}\n",
            escape(&run.id.0),
            run.status.name(),
            escape(&run.cause)
        )?;
        for (step, state) in run.procedure.steps.iter().zip(&run.steps) {
            let (word, _, evidence) = words::step(state);
            let said = escape(evidence.lines().next().unwrap_or_default());
            writeln!(out, "1. {}: {word} {said}", step.id)?;
        }
    }
    Ok(())
}

/// A text that Markdown takes as text.
fn escape(text: &str) -> String {
    let mut out = String::new();
    for c in tame(text).chars() {
        if "\\`*_{}[]<>()#+!|~&".contains(c) {
            out.push('\\');
        }
        out.push(c);
    }
    out
}
