//! `exec`: a program that looks for us, spoken to by the interface of Nagios' plug-ins.
//!
//! Its exit code says how it found things (0 ok, 1 warning, 2 critical, 3 unknown), its first line says it in words, and
//! what follows a `|` are numbers. Or it prints JSON, or the results of tests. No shell is involved, and the output is
//! bounded. What a code means for a gate is not decided here.

#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
pub mod goss;
pub mod junit;
pub mod perfdata;
mod settings;
pub mod tally;
pub mod tap;

use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use launchgate_core::name::Name;
use launchgate_core::observation::{Cause, Failure};
use launchgate_core::problem::Problem;
use launchgate_core::reading::{ReadingSpec, ReadingType, Readings, Unit, number};
use serde_json::Value;
use tokio::io::AsyncReadExt;

use self::settings::Told;
pub use self::settings::{ExitCodes, Metric, MetricUnit, Settings, TestFormat};
use crate::captured::Captured;
use crate::command::{Command, CommandError, Ended};
use crate::http::JsonReading;
use crate::{Context, Probe};

/// What the program leaves to say why it was too slow, in percent of the look.
const SHARE_OF_TIME: f64 = 0.85;

/// The largest report of tests, and the longest JSON, in bytes.
const MAX_REPORT: usize = 4 * 1024 * 1024;

/// The probe.
#[derive(Debug)]
pub struct Exec {
    settings: Settings,
    told: Told,
}

impl Probe for Exec {
    const KIND: &'static str = "exec";
    const EXAMPLE: &'static str = "\
command: [scripts/check_queue, --warning, \"100\"]
metrics: [{ name: depth }]
";
    type Settings = Settings;

    fn new(settings: Settings) -> Result<Self, Vec<Problem>> {
        let told = settings.told()?;
        Ok(Self { settings, told })
    }

    fn readings(&self) -> Vec<ReadingSpec> {
        let mut specs = vec![
            ReadingSpec::new("exit_code", ReadingType::Number(Unit::One), "the exit code"),
            ReadingSpec::new("state", ReadingType::Text, "what it means: ok, warning, critical"),
            ReadingSpec::new(
                "output",
                ReadingType::Text,
                "the first line of the output, without its numbers",
            ),
        ];
        match &self.told {
            Told::Numbers(numbers) => {
                specs.extend(numbers.iter().map(|(name, label, unit)| ReadingSpec {
                    name: name.clone(),
                    kind: ReadingType::Number(*unit),
                    doc: format!("what the program says of `{label}`"),
                }));
            }
            Told::Json(values) => specs.extend(values.iter().map(|(name, value)| ReadingSpec {
                name: name.clone(),
                kind: value.kind(),
                doc: format!("what stands at `{}` of the program's JSON", value.pointer),
            })),
            Told::Tests(_) => specs.extend(tally::specs()),
        }
        specs
    }

    async fn observe(&self, cx: &Context) -> Result<Readings, Failure> {
        let command = self.command(cx)?;
        let outcome = command.run().await.map_err(|error| could_not_run(&error))?;
        let program = command.program();
        let (stdout, stderr) = (outcome.stdout.text(), first_line(&outcome.stderr));
        match outcome.ended {
            Ended::TimedOut => {
                let message = format!("`{program}` did not end in time and was stopped");
                Err(Failure::new(Cause::Timeout, message))
            }
            Ended::Signalled(signal) => Err(Failure::new(
                Cause::ProbeError,
                format!("`{program}` was ended by signal {signal}"),
            )),
            Ended::Exited(code) => {
                let whole = !outcome.stdout.truncated();
                let mut readings = match &self.told {
                    Told::Numbers(numbers) => self.read(numbers, code, &stdout, &stderr)?,
                    Told::Json(values) => self.read_json(values, code, &stdout, &stderr, cx.now)?,
                    Told::Tests(format) => {
                        let report = self.report(cx).await?;
                        let text = report.as_ref().unwrap_or(&stdout);
                        if report.is_none() && !whole {
                            return Err(self.too_long());
                        }
                        self.read_tests(*format, code, text, &stderr)?
                    }
                };
                if !whole {
                    readings = readings.note("the output is long: its middle was not read");
                }
                if outcome.detached {
                    readings = readings.note("a process that it left behind still runs");
                }
                Ok(readings)
            }
        }
    }
}

impl Exec {
    fn command(&self, cx: &Context) -> Result<Command, Failure> {
        let mut words = self.settings.command.iter();
        let program = words.next().cloned().unwrap_or_default();
        let time = cx.remaining().mul_f64(SHARE_OF_TIME);
        let grace = time / 10;
        let mut command = Command::new(program, words, &cx.folder, time.saturating_sub(grace))
            .grace(grace)
            .trail(&cx.trail);
        if !matches!(self.told, Told::Numbers(_)) {
            command = command.cap(MAX_REPORT);
        }
        for (name, value) in &self.settings.env {
            command = command.env(name, value.resolve(cx)?);
        }
        Ok(command)
    }

    fn too_long(&self) -> Failure {
        let message = format!("`{}` wrote more than {MAX_REPORT} bytes", self.settings.command[0]);
        Failure::new(Cause::Partial, message)
    }

    /// What an exit code means; `said` explains one that is no answer.
    fn state(&self, code: i32, said: &str) -> Result<&'static str, Failure> {
        let program = &self.settings.command[0];
        Ok(match (code, self.settings.exit_codes) {
            (0, _) => "ok",
            (1, ExitCodes::Nagios) => "warning",
            (2, ExitCodes::Nagios) => "critical",
            (_, ExitCodes::Any) => "other",
            (126 | 127, ExitCodes::Nagios) => {
                let message =
                    format!("`{program}` could not run a program of its own (exit {code}): {said}");
                return Err(Failure::new(Cause::ProbeError, message));
            }
            (_, ExitCodes::Nagios) => {
                return Err(Failure::new(
                    Cause::NoData,
                    format!("`{program}` cannot tell (exit {code}): {said}"),
                ));
            }
        })
    }

    /// Reads what a plug-in said.
    fn read(
        &self,
        metrics: &[(Name, String, Unit)],
        code: i32,
        stdout: &str,
        stderr: &str,
    ) -> Result<Readings, Failure> {
        let (text, numbers) = perfdata::split(stdout);
        let said = if text.is_empty() { stderr } else { &text };
        let mut readings = about(code, self.state(code, said)?, said);
        for (name, label, unit) in metrics {
            // One that is not had takes nothing from what the exit code says: what expects something of it is unknown.
            match one_of(&numbers, label).and_then(|told| {
                let no =
                    || format!("`{label}` is told as `{}`, which is no {}", told.text, unit.name());
                told.in_unit(*unit).ok_or_else(no)
            }) {
                Ok(value) => readings.set(name.clone(), number(value)),
                Err(why) => readings = readings.note(why),
            }
        }
        Ok(readings)
    }

    /// Reads the JSON that a program printed. A value that is not had takes nothing from the others.
    fn read_json(
        &self,
        values: &[(Name, JsonReading)],
        code: i32,
        stdout: &str,
        stderr: &str,
        now: Timestamp,
    ) -> Result<Readings, Failure> {
        let state = self.state(code, stderr)?;
        let json: Value = serde_json::from_str(stdout).map_err(|e| {
            let program = &self.settings.command[0];
            Failure::new(Cause::BadResponse, format!("what `{program}` prints is no JSON: {e}"))
        })?;
        let mut readings = about(code, state, stderr);
        for (name, value) in values {
            match value.read(&json, now) {
                Ok(value) => readings.set(name.clone(), value),
                Err(why) => readings = readings.note(format!("`{}` {why}", value.pointer)),
            }
        }
        Ok(readings)
    }

    /// Reads the results of tests. Programs that run tests exit with any code when some fail, so that the results say how
    /// it went; only a code that contradicts them is no answer.
    fn read_tests(
        &self,
        format: TestFormat,
        code: i32,
        text: &str,
        stderr: &str,
    ) -> Result<Readings, Failure> {
        let tally = match format {
            TestFormat::Tap => tap::read(text),
            TestFormat::Junit => junit::read(text),
            TestFormat::Goss => goss::read(text),
        };
        let program = &self.settings.command[0];
        let told = |failure: Failure| {
            let (why, err) = (failure.message, if stderr.is_empty() { "" } else { ": " });
            Failure::new(failure.cause, format!("`{program}` (exit {code}): {why}{err}{stderr}"))
        };
        let tally = tally.map_err(told)?;
        if code != 0 && tally.failed.is_empty() && self.settings.exit_codes == ExitCodes::Nagios {
            let message = format!("no test failed, and yet it ended with {code}");
            return Err(told(Failure::new(Cause::Partial, message)));
        }
        let state = if tally.failed.is_empty() { "ok" } else { "critical" };
        tally.readings(about(code, state, &tally.sentence()))
    }

    /// The file that the results stand in, if they are not printed.
    async fn report(&self, cx: &Context) -> Result<Option<String>, Failure> {
        let Some(file) = &self.settings.report else { return Ok(None) };
        let path = cx.folder.join(file);
        let fail = |cause, why: &dyn std::fmt::Display| {
            Failure::new(cause, format!("the report {}: {why}", path.display()))
        };
        let opened = tokio::fs::File::open(&path).await.map_err(|e| fail(Cause::NoData, &e))?;
        let changed = opened.metadata().await.and_then(|m| m.modified());
        let changed = changed.map_err(|e| fail(Cause::LocalFault, &e))?;
        // Its own clock wrote it: a second is what coarse file systems round by.
        if changed + Duration::from_secs(1) < SystemTime::from(cx.now) {
            return Err(fail(Cause::Stale, &"it was written before this run"));
        }
        let mut bytes = Vec::new();
        let limit = MAX_REPORT as u64 + 1;
        opened
            .take(limit)
            .read_to_end(&mut bytes)
            .await
            .map_err(|e| fail(Cause::LocalFault, &e))?;
        if bytes.len() > MAX_REPORT {
            return Err(fail(Cause::Partial, &format!("it is longer than {MAX_REPORT} bytes")));
        }
        String::from_utf8(bytes).map(Some).map_err(|e| fail(Cause::BadResponse, &e))
    }
}

/// What every program tells.
fn about(code: i32, state: &str, said: &str) -> Readings {
    Readings::new().number("exit_code", f64::from(code)).text("state", state).text("output", said)
}

/// The number with this label, or why there is none.
fn one_of<'a>(numbers: &'a [perfdata::Told], label: &str) -> Result<&'a perfdata::Told, String> {
    let mut all = numbers.iter().filter(|told| told.label == label);
    match (all.next(), all.next()) {
        (Some(told), None) => Ok(told),
        (None, _) => Err(format!("`{label}` is not told")),
        (Some(_), Some(_)) => Err(format!("`{label}` is told more than once")),
    }
}

fn first_line(captured: &Captured) -> String {
    captured.text().lines().next().unwrap_or_default().trim().to_owned()
}

fn could_not_run(error: &CommandError) -> Failure {
    let cause = match error {
        CommandError::System { .. } => Cause::LocalFault,
        CommandError::Folder(_) | CommandError::NotFound(_) | CommandError::NotPermitted(_) => {
            Cause::ProbeError
        }
    };
    let why = std::error::Error::source(error).map_or_else(String::new, |why| format!(": {why}"));
    Failure::new(cause, format!("{error}{why}"))
}

#[cfg(test)]
mod tests;
