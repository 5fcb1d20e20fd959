//! `probe`: one look with one probe, and what it brought; with `--explain`, what was asked of whom and what came back.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

use launchgate_core::gate::Verdict;
use launchgate_core::observation::Observation;
use launchgate_core::problem::Problem;
use launchgate_core::reading::ReadingSpec;
use launchgate_core::time::format_duration;
use launchgate_probes::builtin;
use launchgate_probes::placed::Placed;
use launchgate_probes::trail::Trail;
use launchgate_probes::vantage::{self, Vantage};
use serde_json::{Value, json};

use super::args::{Probe, ProbeFormat};
use super::exit::{Exit, Failed};
use super::terminal::Terminal;
use crate::clock::SystemClock;
use crate::runner::{Looking, Surroundings, look};

pub(super) async fn probe(args: Probe, terminal: Terminal) -> Result<Exit, Failed> {
    let settings = settings(&args.with)?;
    let probe = builtin().build(&args.kind, settings).map_err(|p| told_problems(&p))?;
    if let Some(problem) = probe.too_short(args.timeout) {
        return Err(told_problems(&[problem]));
    }
    let place = vantage::Settings {
        local_address: args.local_address,
        resolvers: args.resolvers,
        proxy: args.proxy,
    };
    let vantage = Vantage::read("here", &place).map_err(|p| told_problems(&p))?;
    let trail = if args.explain { Trail::kept() } else { Trail::default() };
    let around = Surroundings {
        go_live: args.go_live.map(|at| at.timestamp()),
        folder: PathBuf::from("."),
        trail: trail.clone(),
        ..Surroundings::default()
    };
    let specs = probe.readings();
    let looking = Looking {
        check: "by-hand/look".parse().expect("a path of two names"),
        probe: Arc::new(Placed::new(probe, Arc::new(vantage))),
        every: args.timeout,
        timeout: args.timeout,
    };
    let seen = look(&looking, &around, &SystemClock::new()).await;
    match args.format {
        ProbeFormat::Json => {
            let mut json =
                serde_json::to_value(&seen).map_err(|e| Failed::internal(e.to_string()))?;
            if args.explain {
                json["exchanges"] = json!(trail.exchanges());
                json["untested"] = json!(trail.left_out());
            }
            terminal.print(&format!("{json:#}\n"));
        }
        ProbeFormat::Text => {
            let mut text = told(&seen, &specs);
            if args.explain {
                text += &explained(&trail);
            }
            terminal.print(&text);
        }
    }
    match &seen.outcome {
        Ok(_) => Ok(Exit::Success),
        Err(_) => Ok(Exit::Verdict(Verdict::Hold)),
    }
}

/// Problems in what was given, each with its place.
pub(super) fn told_problems(problems: &[Problem]) -> Failed {
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
}

/// Reads `a.b=value` pairs into settings; a value is YAML, so that lists and numbers can be given.
pub(super) fn settings(pairs: &[String]) -> Result<Value, Failed> {
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

/// What a look brought: each declared reading with its value, the parts, the remarks.
fn told(seen: &Observation, specs: &[ReadingSpec]) -> String {
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
        line(&mut text, format_args!("{:<28} {value}", spec.name.as_str()));
    }
    for part in &readings.parts {
        let mark = if part.odd { '!' } else { ' ' };
        line(&mut text, format_args!("{mark} {}: {}", part.subject, part.says));
    }
    for note in &readings.notes {
        line(&mut text, format_args!("  {note}"));
    }
    line(&mut text, format_args!("seen in {took}"));
    text
}

/// What was asked of whom, what came back, and what was not tested.
fn explained(trail: &Trail) -> String {
    let mut text = "\nasked\n".to_owned();
    let exchanges = trail.exchanges();
    for exchange in &exchanges {
        let took = format_duration(exchange.took);
        line(&mut text, format_args!("  {}: {} ({took})", exchange.whom, exchange.asked));
        line(&mut text, format_args!("    {}", exchange.came));
    }
    if exchanges.is_empty() {
        text += "  nobody outside of this process\n";
    }
    let untested = trail.left_out();
    if !untested.is_empty() {
        text += "\nnot tested\n";
        for what in untested {
            line(&mut text, format_args!("  {what}"));
        }
    }
    text
}

fn line(text: &mut String, what: std::fmt::Arguments<'_>) {
    writeln!(text, "{what}").expect("a String takes all");
}
