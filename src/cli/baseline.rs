//! `baseline capture`: what a Prometheus says of one place over a while, on file. It compares nothing; the probe
//! `prometheus_baseline` does.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::{ErrorKind, Write as _};
use std::path::Path;

use launchgate_core::gate::Verdict;
use launchgate_core::observation::{Cause, Failure};
use launchgate_probes::Context;
use launchgate_probes::prometheus::{Source, UnitSetting};
use launchgate_probes::prometheus_baseline::file::Baseline;
use launchgate_probes::prometheus_baseline::{Capture, Wanted};
use launchgate_probes::strict;
use serde_json::Value;

use super::args::BaselineCapture;
use super::exit::{Exit, Failed};
use super::probe::{settings, told_problems};
use super::terminal::Terminal;
use crate::clock::{Clock as _, SystemClock};

pub(super) async fn capture(args: BaselineCapture, terminal: Terminal) -> Result<Exit, Failed> {
    if args.output.exists() {
        return Err(there_already(&args.output));
    }
    let wanted = Wanted {
        source: source(&args)?,
        metrics: metrics(&args)?,
        over: Some(args.over),
        step: args.step,
    };
    let capture = Capture::new(wanted).map_err(|problems| told_problems(&problems))?;
    let now = SystemClock::new().now().wall;
    let mut cx = Context::new(args.timeout, now, None, ".".into());
    cx.as_of = args.to.map(|to| to.before(now));
    let baseline = match capture.take(&cx).await {
        Ok(baseline) => baseline,
        Err(failure) => {
            let message = format!("nothing is captured: {failure}");
            return Err(Failed { message, exit: exit(&failure) });
        }
    };
    write(&args.output, &baseline)?;
    terminal.print(&told(&args.output, &baseline));
    Ok(Exit::Success)
}

/// The source: its address, and what else is given of it.
fn source(args: &BaselineCapture) -> Result<Source, Failed> {
    let mut source = settings(&args.source)?;
    for (key, value) in [("kind", "prometheus"), ("url", args.url.as_str())] {
        if source.get(key).is_some() {
            return Err(Failed::usage(format!("`{key}` has no place in --source")));
        }
        source[key] = Value::String(value.to_owned());
    }
    strict::read(source).map_err(|problems| told_problems(&problems))
}

/// The queries by name, with their units.
fn metrics(args: &BaselineCapture) -> Result<BTreeMap<String, (String, UnitSetting)>, Failed> {
    let mut metrics = BTreeMap::new();
    for (name, query) in pairs("metric", &args.metrics)? {
        if metrics.insert(name.to_owned(), (query.to_owned(), UnitSetting::One)).is_some() {
            return Err(Failed::usage(format!("there are two metrics `{name}`")));
        }
    }
    for (name, unit) in pairs("unit", &args.units)? {
        let Some(metric) = metrics.get_mut(name) else {
            return Err(Failed::usage(format!("--unit: there is no metric `{name}`")));
        };
        metric.1 = serde_json::from_value(Value::String(unit.to_owned()))
            .map_err(|why| Failed::usage(format!("--unit {name}: {why}")))?;
    }
    Ok(metrics)
}

/// Splits `NAME=REST` at the first `=`.
fn pairs<'a>(flag: &str, given: &'a [String]) -> Result<Vec<(&'a str, &'a str)>, Failed> {
    let split = |text: &'a String| {
        let message = || Failed::usage(format!("--{flag} `{text}`: write it like NAME=…"));
        text.split_once('=').ok_or_else(message)
    };
    given.iter().map(split).collect()
}

/// What a failure means for whoever called: a source that is away, a mistake, or nothing to compare with.
fn exit(failure: &Failure) -> Exit {
    match failure.cause {
        Cause::Timeout | Cause::Unreachable | Cause::Refused => Exit::Unreachable,
        Cause::LocalFault | Cause::ProbeError => Exit::Internal,
        Cause::Auth | Cause::BadResponse | Cause::TooManySeries => Exit::Usage,
        Cause::Partial | Cause::NoData | Cause::Nan | Cause::LowTraffic | Cause::Stale => {
            Exit::Verdict(Verdict::Hold)
        }
    }
}

fn there_already(path: &Path) -> Failed {
    let path = path.display();
    Failed::usage(format!("{path} is there already, and a baseline is never written over"))
}

/// Writes a new file.
fn write(path: &Path, baseline: &Baseline) -> Result<(), Failed> {
    let json =
        serde_json::to_string_pretty(baseline).map_err(|e| Failed::internal(e.to_string()))?;
    let told = |e: std::io::Error| match e.kind() {
        ErrorKind::AlreadyExists => there_already(path),
        _ => Failed::usage(format!("{}: {e}", path.display())),
    };
    let mut file = OpenOptions::new().write(true).create_new(true).open(path).map_err(told)?;
    file.write_all(json.as_bytes())
        .and_then(|()| file.write_all(b"\n"))
        .and_then(|()| file.sync_all())
        .map_err(|e| Failed::internal(format!("{} is written in part: {e}", path.display())))
}

/// What was captured, for people.
fn told(path: &Path, baseline: &Baseline) -> String {
    let Baseline { from, to, metrics, .. } = baseline;
    let mut text = format!("{} holds {from} to {to}\n", path.display());
    for (name, metric) in metrics {
        let unit = metric.unit.unit();
        let mut sorted = metric.values.clone();
        sorted.sort_by(f64::total_cmp);
        let (count, middle) = (sorted.len(), sorted.get(sorted.len() / 2).copied());
        let middle = middle.map_or_else(String::new, |value| unit.format(value));
        writeln!(text, "{name:<24} {middle:>12}  by {count} values").expect("a String takes all");
    }
    text
}
