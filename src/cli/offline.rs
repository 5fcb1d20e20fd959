//! The commands that need no daemon: `check`, `validate`, `schema`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use launchgate_core::attestation::Decision;
use launchgate_core::state::{Event, State};
use launchgate_probes::builtin;

use super::args::{Check, SchemaFormat, Signature};
use super::exit::{Exit, Failed};
use super::terminal::Terminal;
use crate::clock::{Clock, SystemClock};
use crate::launch::{looks, surroundings};
use crate::render::{Options, render};
use crate::runner::{Limits, Seen, look_once};
use crate::settings::launch::{Compiled, compile_file, reference, schema};

fn compile(file: &Path) -> Result<Compiled, Failed> {
    compile_file(file, &builtin()).map_err(|problems| Failed::usage(problems.to_string()))
}

pub(super) async fn check(args: Check, terminal: Terminal) -> Result<Exit, Failed> {
    let compiled = compile(&args.file)?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let around = surroundings(&compiled);
    let shows = terminal.progress;
    let progress = |seen: &Seen, done: usize, of: usize| {
        if shows {
            terminal.complain(&format!("\r\x1b[2K{done}/{of} {}", seen.0));
        }
    };
    let looks = looks(&compiled);
    let limits = Arc::new(Limits::default());
    let seen = look_once(looks, around, limits, Arc::clone(&clock), progress).await;
    if shows {
        terminal.complain("\r\x1b[2K");
    }
    let mut state = State::new(Arc::clone(&compiled.plan));
    for (check, observation) in seen {
        state
            .apply(Event::Observed { check, observation }, clock.now())
            .map_err(|rejected| Failed::internal(rejected.to_string()))?;
    }
    for Signature { check, person, evidence } in args.signatures {
        let decision = Decision::Approved;
        let signed = Event::SignedOff {
            check,
            person,
            decision,
            evidence,
            note: None,
            values: BTreeMap::new(),
        };
        state.apply(signed, clock.now()).map_err(|e| Failed::usage(e.to_string()))?;
    }
    let now = clock.now();
    let mut report = match args.at.map(|asked| state.at(asked, now)) {
        None => state.report(now),
        Some(at) if at >= now.wall => state.projected(at, now),
        Some(at) => {
            return Err(Failed::usage(format!(
                "{at:.0} is past, and `check` looks now: ask a daemon with `report --at`"
            )));
        }
    };
    // What was told is a daemon's to know.
    report.announcements.clear();
    terminal.print(&render(&report, args.format, Options { colour: terminal.colour }));
    Ok(Exit::Verdict(if args.due { report.due_verdict() } else { report.verdict }))
}

pub(super) fn validate(files: &[PathBuf], terminal: Terminal) -> Result<Exit, Failed> {
    let mut problems = Vec::new();
    for file in files {
        match compile(file) {
            Ok(compiled) => {
                let plan = &compiled.plan;
                terminal.print(&format!(
                    "{}: {} checklists, {} checks, {} triggers, {} procedures\n",
                    file.display(),
                    plan.checklists.len(),
                    plan.checks().count(),
                    plan.triggers.len(),
                    plan.procedures.len()
                ));
            }
            Err(failed) => problems.push(failed.message),
        }
    }
    if problems.is_empty() { Ok(Exit::Success) } else { Err(Failed::usage(problems.join("\n"))) }
}

pub(super) fn print_schema(format: SchemaFormat, terminal: Terminal) -> Exit {
    terminal.print(&match format {
        SchemaFormat::Json => format!("{:#}\n", schema(&builtin())),
        SchemaFormat::Markdown => reference(&builtin()),
    });
    Exit::Success
}
