//! The report for chats and tickets. Texts from outside make no link, no picture, no markup and call nobody.

use std::fmt::{Result, Write as _};

use launchgate_core::attestation::Decision;
use launchgate_core::check::{Level, Outcome};
use launchgate_core::report::{CheckReport, ChecklistReport, Report};
use launchgate_core::run::{Run, StepState};

use super::words::{self, Tone, countdown, tame};

pub(super) fn render(report: &Report) -> String {
    let mut out = String::new();
    write(&mut out, report).expect("a String takes all");
    out
}

fn write(out: &mut String, report: &Report) -> Result {
    let verdict = badge(report.verdict.name(), words::verdict(report.verdict));
    writeln!(out, "# {verdict} – {}\n", escape(&report.question))?;
    writeln!(
        out,
        "**{}** · {} · {} · as of {:.0}{} · go-live {}\n",
        escape(&words::about(report)),
        countdown(report.seconds_to_go_live),
        report.phase.name(),
        report.as_of,
        words::basis(report),
        escape(&words::schedule(report))
    )?;
    if let Some(again) = words::looking_again(report) {
        writeln!(out, "*{}*\n", escape(&again))?;
    }
    if !report.on_schedule {
        writeln!(out, "**Overdue:** {}\n", escape(&words::names(&report.overdue)))?;
    }
    for alarm in &report.alarms {
        writeln!(out, "> **Alarm:** {}\n", escape(alarm))?;
    }
    if let Some(made) = report.decisions.first() {
        let word = badge(made.decision.name(), words::decision(made, report));
        writeln!(out, "**Decided {word}** {}\n", escape(&words::decided(made, report)))?;
    }
    blockers(out, report)?;
    day(out, report)?;
    let day = report.day.as_ref().and_then(|day| day.run.as_ref());
    for run in report.runs.iter().filter(|run| Some(&run.id) != day) {
        self::run(out, run)?;
    }
    triggers(out, report)?;
    if !report.checklists.is_empty() {
        writeln!(out, "## Checklists\n")?;
    }
    for list in &report.checklists {
        checklist(out, list, report)?;
    }
    decisions(out, report)?;
    watch(out, report)?;
    announcements(out, report)?;
    if !report.milestones.is_empty() {
        writeln!(out, "## Milestones\n")?;
        for reached in &report.milestones {
            let by = escape(&reached.by);
            writeln!(out, "- {:.0} `{}`, by {by}", reached.at, reached.milestone)?;
        }
    }
    Ok(())
}

fn watch(out: &mut String, report: &Report) -> Result {
    let Some(watch) = report.watch.as_ref().filter(|watch| !watch.reports.is_empty()) else {
        return Ok(());
    };
    writeln!(out, "## Watch, until `{}`\n\n| at | verdict | checks |\n|---|---|---|", watch.ends)?;
    for kept in &watch.reports {
        let word = badge(kept.verdict.name(), words::verdict(kept.verdict));
        writeln!(out, "| {:.0} | {word} | {} |", kept.at, escape(&words::watched(kept)))?;
    }
    writeln!(out)
}

fn badge(word: &str, tone: Tone) -> String {
    format!("{} {word}", tone.mark())
}

fn blockers(out: &mut String, report: &Report) -> Result {
    if report.blockers.is_empty() {
        return Ok(());
    }
    writeln!(out, "## Blockers\n\n| why | what | because | owner |\n|---|---|---|---|")?;
    for blocker in &report.blockers {
        let check = blocker.check.as_ref().map(|check| format!("`{check}` "));
        let contacts: Vec<String> = blocker.contacts.iter().map(words::reach).collect();
        let turn_to = (!contacts.is_empty()).then(|| format!("turn to {}", contacts.join("; ")));
        let who = words::who(blocker, report);
        writeln!(
            out,
            "| {} | {}{} | {} | {} |",
            badge(blocker.why.name(), words::why(blocker.why)),
            check.unwrap_or_default(),
            escape(&blocker.title),
            escape(&blocker.because),
            escape(&[who, turn_to].into_iter().flatten().collect::<Vec<_>>().join("; "))
        )?;
    }
    writeln!(out)
}

fn day(out: &mut String, report: &Report) -> Result {
    let Some(day) = &report.day else { return Ok(()) };
    writeln!(out, "## Launch day – `{}`, {}\n", day.procedure, day.standing)?;
    if let Some(held) = &day.held {
        writeln!(out, "**Held** by {} at {:.0}: {}\n", held.person, held.at, escape(&held.reason))?;
    }
    writeln!(out, "| planned | step | owner | state | notes |\n|---|---|---|---|---|")?;
    for step in &day.steps {
        let (word, tone, evidence) = words::step(&step.state);
        let who = step.owner.as_ref().map(|role| words::holders(role, &step.people));
        let late = step.late.map(|late| format!("late by {}. ", words::seconds(late)));
        writeln!(
            out,
            "| {} | `{}` | {} | {} | {}{} |",
            words::planned(step, report),
            step.step,
            escape(&who.unwrap_or_default()),
            badge(word, tone),
            late.unwrap_or_default(),
            escape(evidence)
        )?;
    }
    writeln!(out)
}

fn run(out: &mut String, run: &Run) -> Result {
    let status = badge(run.standing(), words::run(run.status));
    writeln!(out, "## Run `{}` – {status}\n\nBecause {}\n", run.id, escape(&run.cause))?;
    for (index, (step, state)) in run.procedure.steps.iter().zip(&run.steps).enumerate() {
        let (word, tone, evidence) = words::step(state);
        let (word, said) = (badge(word, tone), escape(evidence));
        let said = if said.is_empty() { said } else { format!(": {said}") };
        let at = match state {
            StepState::Started { at, .. } | StepState::Ended { at, .. } => format!(" at {at:.0}"),
            StepState::Planned | StepState::Skipped { .. } | StepState::Again { .. } => {
                String::new()
            }
        };
        writeln!(out, "{}. `{}` {word}{at}{said}", index + 1, step.id)?;
    }
    if let Some(step) = run.asking() {
        let (task, command) = words::ask(run, step);
        writeln!(out, "\n**A person must act:** {}; `{command}`", escape(&task))?;
    }
    writeln!(out)
}

fn triggers(out: &mut String, report: &Report) -> Result {
    if report.triggers.is_empty() {
        return Ok(());
    }
    writeln!(out, "## Triggers\n\n| state | trigger | credit | because |\n|---|---|---|---|")?;
    for trigger in &report.triggers {
        writeln!(
            out,
            "| {} | `{}`{} {} `{}` | {} | {} |",
            badge(trigger.state.name(), words::trigger(trigger.state)),
            trigger.id,
            words::flags(trigger),
            words::mode(trigger.mode),
            trigger.procedure,
            words::credit(trigger),
            escape(&trigger.because)
        )?;
    }
    writeln!(out)
}

fn announcements(out: &mut String, report: &Report) -> Result {
    if report.announcements.is_empty() {
        return Ok(());
    }
    writeln!(out, "## Announcements\n\n| state | announcement | how it stands |\n|---|---|---|")?;
    for each in &report.announcements {
        let state = badge(each.state.name(), words::told(each.state));
        let (what, stands) = (words::announcement(each), words::standing(each, report));
        writeln!(out, "| {state} | {} | {} |", escape(&what), escape(&stands))?;
    }
    writeln!(out)
}

/// A checklist as it is ticked off, with who said what and what was seen.
fn checklist(out: &mut String, list: &ChecklistReport, report: &Report) -> Result {
    let verdict = badge(list.verdict.name(), words::verdict(list.verdict));
    let (state, _) = words::due(list.state);
    let owner = list.owner.as_ref().map(|role| words::holders(role, &list.people));
    let owner = owner.map_or_else(String::new, |who| format!(" · {}", escape(&who)));
    writeln!(out, "### {verdict} – {}\n", escape(&list.title))?;
    writeln!(
        out,
        "Due {} ({:.0}), {state} · {}{owner}\n",
        list.due,
        list.due_at,
        words::gates(list.gates)
    )?;
    for check in &list.checks {
        self::check(out, check, report)?;
    }
    writeln!(out)
}

fn check(out: &mut String, check: &CheckReport, report: &Report) -> Result {
    let (mark, _) = words::outcome(check.outcome);
    // What lets the gate be GO is ticked off, a warning too.
    let done = matches!(check.outcome, Outcome::Pass | Outcome::Warn | Outcome::Waived);
    let tick = if done { "x" } else { " " };
    let advisory = if check.level == Level::Advisory { " (advisory)" } else { "" };
    let age = words::age(check, report).map(|age| format!(" · {age}"));
    writeln!(
        out,
        "- [{tick}] {mark} {} `{}` {}{advisory}: {}{}",
        check.outcome.name(),
        check.id.check,
        escape(&check.title),
        escape(&check.because),
        age.unwrap_or_default()
    )?;
    for signed in &check.sign_offs {
        let word = match signed.decision {
            Decision::Approved => "✓ approved",
            Decision::Rejected => "✗ rejected",
        };
        write!(out, "  - {word} by {} at {:.0}", signed.person, signed.at)?;
        write!(out, " for version {}", escape(&signed.version))?;
        for (name, value) in &signed.values {
            write!(out, "; {} {}", escape(name.as_str()), escape(value))?;
        }
        for text in [&signed.evidence, &signed.note].into_iter().flatten() {
            write!(out, "; {}", escape(text))?;
        }
        writeln!(out)?;
    }
    if let Some(waiver) = &check.waiver {
        writeln!(
            out,
            "  - ~ waived by {} at {:.0}, until {:.0}: {}",
            waiver.person,
            waiver.at,
            waiver.until,
            escape(&waiver.reason)
        )?;
    }
    Ok(())
}

/// Every decision, the last first.
fn decisions(out: &mut String, report: &Report) -> Result {
    if report.decisions.len() < 2 {
        return Ok(());
    }
    writeln!(out, "## Decisions\n")?;
    for made in &report.decisions {
        let word = badge(made.decision.name(), words::decision(made, report));
        writeln!(out, "- {word} {}", escape(&words::decided(made, report)))?;
    }
    writeln!(out)
}

/// A text that Markdown and the dialects of chats take as text. Angle brackets become entities, since chats read
/// `<!channel>` whatever stands before it; a word joiner takes the meaning from `@name`, `www.` and `://`.
fn escape(text: &str) -> String {
    let mut out = String::new();
    for c in tame(text).chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '@' => out.push_str("@\u{2060}"),
            c => {
                if "\\`*_{}[]()#!|~".contains(c) {
                    out.push('\\');
                }
                out.push(c);
            }
        }
    }
    out.replace("://", ":\u{2060}//").replace("www.", "www\u{2060}.")
}
