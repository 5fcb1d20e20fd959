//! `exec`: a program that looks for us, spoken to by the interface of Nagios' plug-ins.
//!
//! Its exit code says how it found things (0 ok, 1 warning, 2 critical, 3 unknown), its first line says it in words, and
//! what follows a `|` are numbers. No shell is involved, and the output is bounded. What a code means for a gate is not
//! decided here.

mod perfdata;

use std::collections::BTreeMap;

use launchgate_core::name::Name;
use launchgate_core::observation::{Cause, Failure};
use launchgate_core::problem::{KeyPath, Problem};
use launchgate_core::reading::{ReadingSpec, ReadingType, Readings, Unit, number};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::captured::Captured;
use crate::command::{Command, CommandError, Ended};
use crate::secret::TextOrCredential;
use crate::{Context, Probe};
use perfdata::Told;

/// What the program leaves to say why it was too slow, in percent of the look.
const SHARE_OF_TIME: f64 = 0.85;

/// `with:` of an `exec` check.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The program and its arguments. A program with a slash counts from the launch file's folder.
    pub command: Vec<String>,
    /// Variables for its environment, which is empty but for `PATH`, `LANG`, `LC_ALL` and `TZ`.
    #[serde(default)]
    pub env: BTreeMap<String, TextOrCredential>,
    /// The numbers that it tells after `|`, as readings.
    #[serde(default)]
    pub metrics: Vec<Metric>,
    /// What exit codes mean: `nagios` (the default; all but 0, 1 and 2 are unknown) or `any` (each is an answer).
    #[serde(default)]
    pub exit_codes: ExitCodes,
}

/// A number that the program tells.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Metric {
    /// The reading's name.
    pub name: String,
    /// The label in the program's output, where it is not the name.
    #[serde(default)]
    pub label: Option<String>,
    /// The unit: `one` (the default), `percent`, `time`, `bytes` or `per_second`.
    #[serde(default)]
    pub unit: MetricUnit,
}

/// The unit of a number.
#[derive(Debug, Clone, Copy, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MetricUnit {
    /// A plain number or a counter.
    #[default]
    One,
    /// A share.
    Percent,
    /// A length of time.
    Time,
    /// An amount of data.
    Bytes,
    /// A rate.
    PerSecond,
}

/// What exit codes mean.
#[derive(Debug, Clone, Copy, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ExitCodes {
    /// 0, 1 and 2 are answers; 3 and all others say that the program could not tell.
    #[default]
    Nagios,
    /// Every code is an answer.
    Any,
}

/// The probe.
#[derive(Debug)]
pub struct Exec {
    settings: Settings,
    metrics: Vec<(Name, String, Unit)>,
}

impl Probe for Exec {
    const KIND: &'static str = "exec";
    const EXAMPLE: &'static str = "\
command: [scripts/check_queue, --warning, \"100\"]
metrics: [{ name: depth }]
";
    type Settings = Settings;

    fn new(settings: Settings) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        if settings.command.first().is_none_or(String::is_empty) {
            problems.push(Problem::at("command", "there is no program to run"));
        }
        let mut metrics: Vec<(Name, String, Unit)> = Vec::new();
        for (i, metric) in settings.metrics.iter().enumerate() {
            let path = KeyPath::root().entry("metrics").index(i).entry("name");
            let taken = ["exit_code", "state", "output"].contains(&metric.name.as_str());
            match Name::try_new(&metric.name) {
                Ok(_) if taken => {
                    let message = format!("`{}` is a reading of every `exec`", metric.name);
                    problems.push(
                        Problem::new(path, message)
                            .hint("choose another name and give the `label`"),
                    );
                }
                Ok(name) if metrics.iter().any(|(earlier, ..)| *earlier == name) => {
                    problems.push(Problem::new(path, format!("`{name}` is listed already")));
                }
                Ok(name) => {
                    let label = metric.label.clone().unwrap_or_else(|| metric.name.clone());
                    metrics.push((name, label, unit(metric.unit)));
                }
                Err(error) => problems.push(Problem::new(path, error.to_string())),
            }
        }
        if problems.is_empty() { Ok(Self { settings, metrics }) } else { Err(problems) }
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
        specs.extend(self.metrics.iter().map(|(name, label, unit)| ReadingSpec {
            name: name.clone(),
            kind: ReadingType::Number(*unit),
            doc: format!("what the program says of `{label}`"),
        }));
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
                let mut readings = self.read(code, &stdout, &stderr)?;
                if outcome.stdout.truncated() {
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
        for (name, value) in &self.settings.env {
            command = command.env(name, value.resolve(cx)?);
        }
        Ok(command)
    }

    /// Reads what the program said.
    fn read(&self, code: i32, stdout: &str, stderr: &str) -> Result<Readings, Failure> {
        let (text, numbers) = perfdata::split(stdout);
        let program = &self.settings.command[0];
        let said = if text.is_empty() { stderr } else { &text };
        let state = match (code, self.settings.exit_codes) {
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
        };
        let mut readings = Readings::new()
            .number("exit_code", f64::from(code))
            .text("state", state)
            .text("output", said);
        for (name, label, unit) in &self.metrics {
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
}

/// The number with this label, or why there is none.
fn one_of<'a>(numbers: &'a [Told], label: &str) -> Result<&'a Told, String> {
    let mut all = numbers.iter().filter(|told| told.label == label);
    match (all.next(), all.next()) {
        (Some(told), None) => Ok(told),
        (None, _) => Err(format!("`{label}` is not told")),
        (Some(_), Some(_)) => Err(format!("`{label}` is told more than once")),
    }
}

fn unit(unit: MetricUnit) -> Unit {
    match unit {
        MetricUnit::One => Unit::One,
        MetricUnit::Percent => Unit::Percent,
        MetricUnit::Time => Unit::Time,
        MetricUnit::Bytes => Unit::Bytes,
        MetricUnit::PerSecond => Unit::PerSecond,
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
mod tests {
    use super::*;
    use std::time::{Duration, Instant};

    async fn look(script: &str, more: &str, seconds: u64) -> Result<Readings, Failure> {
        let yaml = serde_json::json!({ "command": ["sh", "-c", script] });
        let mut settings: Settings = serde_json::from_value(yaml).unwrap();
        if more == "any" {
            settings.exit_codes = ExitCodes::Any;
        }
        settings.metrics = vec![
            Metric { name: "depth".into(), label: None, unit: MetricUnit::One },
            Metric {
                name: "took".into(),
                label: Some("response time".into()),
                unit: MetricUnit::Time,
            },
        ];
        let cx = Context::new(
            Duration::from_secs(seconds),
            jiff::Timestamp::now(),
            None,
            std::env::temp_dir(),
        );
        Exec::new(settings).unwrap().observe(&cx).await
    }

    fn shown(readings: &Readings, name: &str) -> String {
        readings.get(name).map_or_else(|| "absent".to_owned(), |value| value.show(Unit::One))
    }

    #[tokio::test]
    async fn exit_codes_and_numbers_are_read_as_plug_ins_tell_them() {
        let rows = [
            (
                "ok with numbers",
                "echo \"QUEUE OK - all quiet | depth=12;100;200 'response time'=35ms\"",
                "",
                "0 \"ok\" \"QUEUE OK - all quiet\" 12 0.035",
            ),
            ("warning", "echo WARNING; exit 1", "", "1 \"warning\" \"WARNING\" absent absent"),
            (
                "critical, on stderr",
                "echo broken >&2; exit 2",
                "",
                "2 \"critical\" \"broken\" absent absent",
            ),
            ("any code", "exit 7", "any", "7 \"other\" \"\" absent absent"),
        ];
        for (row, script, more, expected) in rows {
            let readings = look(script, more, 10).await.unwrap_or_else(|e| panic!("{row}: {e}"));
            let names = ["exit_code", "state", "output", "depth", "took"];
            let got = names.map(|name| shown(&readings, name)).join(" ");
            assert_eq!(got, expected, "{row}");
        }
    }

    #[tokio::test]
    async fn what_is_no_answer_is_unknown_with_its_reason() {
        let rows = [
            (
                "unknown",
                "echo no route; exit 3",
                Cause::NoData,
                "`sh` cannot tell (exit 3): no route",
            ),
            ("out of range", "exit 77", Cause::NoData, "`sh` cannot tell (exit 77): "),
            ("a signal", "kill -9 $$", Cause::ProbeError, "`sh` was ended by signal 9"),
            (
                "not there",
                "exec /no/such/program",
                Cause::ProbeError,
                "`sh` could not run a program of its own (exit 127)",
            ),
        ];
        for (row, script, cause, message) in rows {
            let failure = look(script, "", 10).await.expect_err(row);
            assert_eq!(failure.cause, cause, "{row}: {failure}");
            assert!(failure.message.starts_with(message), "{row}: {failure}");
        }
    }

    #[tokio::test]
    async fn a_number_that_is_not_had_hides_no_exit_code() {
        let rows = [
            ("a wrong unit", "depth=5MB", "`depth` is told as `5MB`, which is no number"),
            ("not known", "depth=U", "`depth` is told as `U`, which is no number"),
            ("twice", "depth=1 depth=2", "`depth` is told more than once"),
            ("missing", "width=1", "`depth` is not told"),
        ];
        for (row, data, said) in rows {
            let script = format!("echo \"BAD | {data} 'response time'=2s\"; exit 2");
            let readings = look(&script, "", 10).await.unwrap_or_else(|e| panic!("{row}: {e}"));
            let got = ["state", "depth", "took"].map(|name| shown(&readings, name)).join(" ");
            assert_eq!(got, "\"critical\" absent 2", "{row}");
            assert_eq!(readings.notes, [said], "{row}");
        }
    }

    #[test]
    fn a_reading_is_named_once() {
        let rows =
            [("state", "is a reading of every"), ("depth", "listed already"), ("a b", "holds ` `")];
        for (name, said) in rows {
            let json = serde_json::json!({
                "command": ["x"], "metrics": [{ "name": "depth" }, { "name": name }],
            });
            let settings: Settings = serde_json::from_value(json).unwrap();
            let problems = Exec::new(settings).expect_err(name);
            assert_eq!(problems[0].path.to_string(), "metrics[1].name", "{name}");
            assert!(problems.len() == 1 && problems[0].to_string().contains(said), "{problems:?}");
        }
    }

    #[tokio::test]
    async fn a_program_that_forks_and_ignores_term_ends_with_its_look() {
        let began = Instant::now();
        let script = "trap '' TERM; (trap '' TERM; while :; do :; done) & while :; do :; done";
        let failure = look(script, "", 1).await.expect_err("it does not end");
        assert_eq!(failure.cause, Cause::Timeout);
        assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
    }

    #[tokio::test]
    async fn a_flood_of_output_is_drained_and_bounded() {
        let readings = look("yes no more of this | head -c 50000000", "", 20).await.unwrap();
        assert_eq!(shown(&readings, "output"), "\"no more of this\"");
    }
}
