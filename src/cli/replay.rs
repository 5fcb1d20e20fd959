//! `replay`: when would a trigger have fired?

use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use launchgate_core::name::Name;
use launchgate_core::observation::{Cause, Failure, Observation};
use launchgate_core::problem::Flaw;
use launchgate_core::replay::{Tape, replay, sweep};
use launchgate_core::scenario::{self, Window};
use launchgate_probes::builtin;

use super::args::{Replay, ReplayFormat};
use super::client::Client;
use super::exit::{Exit, Failed};
use super::terminal::Terminal;
use crate::clock::{Clock as _, SystemClock};
use crate::replay::prometheus::{self, Span};
use crate::replay::{Origin, Subject, When, json, recorded, tape, text};
use crate::settings::diagnostic::Diagnostics;
use crate::settings::file;
use crate::settings::launch::{Compiled, compile_file};

/// A file of samples may not be larger, in bytes.
const MAX_FILE: u64 = 16 << 20;

pub(super) async fn run(args: Replay, terminal: Terminal) -> Result<Exit, Failed> {
    let compiled = compile_file(&args.file, &builtin())
        .map_err(|problems| Failed::usage(problems.to_string()))?;
    let id = trigger(&compiled, args.trigger.as_ref())?;
    let subject = Subject::of(&compiled, &id)
        .ok_or_else(|| Failed::internal(format!("the trigger `{id}` is gone")))?;
    let (tape, mut incidents, origin) = if let Some(file) = &args.samples {
        let (tape, incidents) = written(file, &subject, &compiled)?;
        (tape, incidents, Origin::Samples)
    } else if args.recorded {
        (of_daemon(&args, &subject, &compiled).await?, Vec::new(), Origin::Recorded)
    } else {
        (of_prometheus(&args, &subject, &compiled).await?, Vec::new(), Origin::Prometheus)
    };
    for incident in &args.incidents {
        incidents.push(incident.on(tape.start).map_err(Failed::usage)?);
    }
    if args.sweep.is_some() && subject.window.is_some() {
        let message = format!("{id} {}: it has no `for` to sweep", subject.fires());
        return Err(Failed::usage(message));
    }
    let plan = Arc::clone(&compiled.plan);
    let broken = |error: launchgate_core::replay::ReplayError| Failed::internal(error.to_string());
    let answer = match (&args.sweep, args.format) {
        (Some(range), format) => {
            let rows = sweep::sweep(&plan, &id, &tape, &range.durations, &incidents);
            let rows = rows.map_err(broken)?;
            match format {
                ReplayFormat::Text => text::sweep(&subject, &tape, &rows, &incidents),
                ReplayFormat::Json => {
                    format!("{:#}\n", json::sweep(&subject, &tape, &rows, &incidents, origin))
                }
            }
        }
        (None, format) => {
            let course = replay(&plan, &id, &tape).map_err(broken)?;
            match format {
                ReplayFormat::Text => text::course(&subject, &tape, &course, origin),
                ReplayFormat::Json => {
                    format!("{:#}\n", json::course(&subject, &tape, &course, origin))
                }
            }
        }
    };
    terminal.print(&answer);
    Ok(Exit::Success)
}

/// The trigger that is meant: the one named, or the only one there is.
fn trigger(compiled: &Compiled, named: Option<&Name>) -> Result<Name, Failed> {
    let known: Vec<&str> = compiled.plan.triggers.iter().map(|t| t.id.as_str()).collect();
    match (named, compiled.plan.triggers.as_slice()) {
        (Some(name), triggers) if triggers.iter().any(|t| t.id == *name) => Ok(name.clone()),
        (_, []) => Err(Failed::usage("the launch file has no triggers")),
        (Some(name), _) => {
            let hint = launchgate_core::problem::did_you_mean(name.as_str(), known.iter().copied())
                .unwrap_or_else(|| format!("there are {}", known.join(", ")));
            Err(Failed::usage(format!("there is no trigger `{name}`\n  = hint: {hint}")))
        }
        (None, [only]) => Ok(only.id.clone()),
        (None, _) => Err(Failed::usage(format!(
            "the launch file has several triggers: choose one by --trigger: {}",
            known.join(", ")
        ))),
    }
}

/// The tape of a file of samples, as if it began at the planned go-live, and the incidents that it tells.
fn written(
    path: &Path,
    subject: &Subject,
    compiled: &Compiled,
) -> Result<(Tape, Vec<Window>), Failed> {
    let told = |problems: &Diagnostics| Failed::usage(problems.to_string());
    let text = file::read(path, MAX_FILE).map_err(|problems| told(&problems))?;
    let flawed =
        |flaws: Vec<Flaw>| told(&Diagnostics::of_flaws(&path.display().to_string(), &text, flaws));
    let scenario = scenario::parse(&text).map_err(flawed)?;
    let start = compiled.plan.go_live.timestamp();
    let tape = tape::of_scenario(&scenario, subject, start).map_err(flawed)?;
    Ok((tape, scenario.incidents))
}

async fn of_prometheus(
    args: &Replay,
    subject: &Subject,
    compiled: &Compiled,
) -> Result<Tape, Failed> {
    let now = SystemClock::new().now().wall;
    let to: Timestamp = args.to.map_or(now, |to| to.before(now));
    let hour = When::Apart(std::time::Duration::from_secs(3_600));
    let from = match args.from {
        Some(from) => from.before(now),
        None => hour.before(to),
    };
    let span = Span { from, to, step: args.step.unwrap_or(subject.every) };
    prometheus::tape(subject, span, &compiled.folder, now)
        .await
        .map_err(|failure| unasked(&failure))
}

/// Why there is no history: the source cannot be reached, or what was asked of it is wrong.
fn unasked(failure: &Failure) -> Failed {
    let message = format!("there is no history to replay: {failure}");
    match failure.cause {
        Cause::Timeout | Cause::Unreachable | Cause::Refused => Failed::unreachable(message),
        Cause::LocalFault | Cause::ProbeError => Failed::internal(message),
        Cause::Auth
        | Cause::BadResponse
        | Cause::Partial
        | Cause::NoData
        | Cause::Nan
        | Cause::TooManySeries
        | Cause::LowTraffic
        | Cause::Stale => Failed::usage(message),
    }
}

async fn of_daemon(args: &Replay, subject: &Subject, compiled: &Compiled) -> Result<Tape, Failed> {
    let client = Client::new(&args.daemon)?;
    let launch = args.daemon.launch.clone().unwrap_or_else(|| compiled.plan.launch.clone());
    let mut seen = Vec::new();
    for watched in &subject.watched {
        let check = &watched.check;
        let path = format!("/api/v1/launches/{launch}/checks/{check}?limit={}", recorded::MOST);
        let answer = client.get(&path).await?;
        let history: Vec<Observation> = serde_json::from_value(answer["history"].clone())
            .map_err(|e| Failed::internal(format!("the daemon's history of {check}: {e}")))?;
        seen.extend(history.into_iter().map(|observation| (check.clone(), observation)));
    }
    recorded::tape(seen, subject.every).ok_or_else(|| {
        Failed::usage(format!("the daemon has seen nothing of {}", subject.checks()))
    })
}
