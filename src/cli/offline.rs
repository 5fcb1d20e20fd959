//! The commands that need no daemon: `check`, `validate`, `probe`, `schema`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use launchgate_core::attestation::Decision;
use launchgate_core::observation::Observation;
use launchgate_core::state::{Event, State};
use launchgate_core::time::format_duration;
use launchgate_probes::builtin;
use serde_json::Value;

use super::args::{Check, Probe, Signature};
use super::exit::{Exit, Failed};
use super::terminal::Terminal;
use crate::clock::{Clock, SystemClock};
use crate::launch::looks;
use crate::render::{Options, render};
use crate::runner::{Limits, Seen, Surroundings, look, look_once};
use crate::settings::launch::{Compiled, compile_file, schema};

fn compile(file: &Path) -> Result<Compiled, Failed> {
    compile_file(file, &builtin()).map_err(|problems| Failed::usage(problems.to_string()))
}

pub(super) async fn check(args: Check, terminal: Terminal) -> Result<Exit, Failed> {
    let compiled = compile(&args.file)?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let around = Surroundings {
        go_live: Some(compiled.plan.go_live.timestamp()),
        folder: compiled.folder.clone(),
    };
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
        let signed = Event::SignedOff { check, person, decision, evidence, note: None };
        state.apply(signed, clock.now()).map_err(|e| Failed::usage(e.to_string()))?;
    }
    let report = state.report(clock.now());
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

pub(super) async fn probe(args: Probe, terminal: Terminal) -> Result<Exit, Failed> {
    let settings = settings(&args.with)?;
    let probe = builtin().build(&args.kind, settings).map_err(|problems| {
        let lines: Vec<String> = problems
            .iter()
            .map(|p| {
                let hint = p.hint.as_ref().map_or_else(String::new, |h| format!("\n  = hint: {h}"));
                if p.path.0.is_empty() {
                    format!("{}{hint}", p.message)
                } else {
                    format!("{}: {}{hint}", p.path, p.message)
                }
            })
            .collect();
        Failed::usage(lines.join("\n"))
    })?;
    let around = Surroundings { go_live: None, folder: PathBuf::from(".") };
    let seen = look(&probe, args.timeout, &around, &SystemClock::new()).await;
    if args.json {
        let json = serde_json::to_value(&seen).map_err(|e| Failed::internal(e.to_string()))?;
        terminal.print(&format!("{json:#}\n"));
    } else {
        terminal.print(&told(&seen, &probe.readings()));
    }
    match &seen.outcome {
        Ok(_) => Ok(Exit::Success),
        Err(_) => Ok(Exit::Verdict(launchgate_core::gate::Verdict::Hold)),
    }
}

/// Reads `a.b=value` pairs into settings; a value is YAML, so that lists and numbers can be given.
fn settings(pairs: &[String]) -> Result<Value, Failed> {
    let mut settings = Value::Object(serde_json::Map::new());
    for pair in pairs {
        let (key, text) = pair.split_once('=').ok_or_else(|| {
            Failed::usage(format!("`{pair}` is no setting: write --with key=value"))
        })?;
        let value = crate::settings::document::value(text)
            .map_err(|e| Failed::usage(format!("the value of `{key}` is no YAML: {e}")))?;
        let mut place = &mut settings;
        for part in key.split('.') {
            if !place.is_object() {
                return Err(Failed::usage(format!("`{key}`: `{part}` lies below a value")));
            }
            place = &mut place[part];
            if place.is_null() {
                *place = Value::Object(serde_json::Map::new());
            }
        }
        *place = value;
    }
    Ok(settings)
}

fn told(seen: &Observation, specs: &[launchgate_core::reading::ReadingSpec]) -> String {
    use std::fmt::Write as _;
    let took = format_duration(seen.took);
    let readings = match &seen.outcome {
        Ok(readings) => readings,
        Err(failure) => return format!("unknown after {took}: {failure}\n"),
    };
    let mut text = String::new();
    for spec in specs {
        let value = readings
            .get(spec.name.as_str())
            .map_or_else(|| "(not had)".to_owned(), |value| value.show(spec.kind.unit()));
        writeln!(text, "{:<28} {value}", spec.name.as_str()).expect("a String takes all");
    }
    for part in &readings.parts {
        let mark = if part.odd { '!' } else { ' ' };
        writeln!(text, "{mark} {}: {}", part.subject, part.says).expect("a String takes all");
    }
    for note in &readings.notes {
        writeln!(text, "  {note}").expect("a String takes all");
    }
    writeln!(text, "seen in {took}").expect("a String takes all");
    text
}

pub(super) fn print_schema(terminal: Terminal) -> Exit {
    terminal.print(&format!("{:#}\n", schema(&builtin())));
    Exit::Success
}
