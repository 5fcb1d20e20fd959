//! Readings: the facts that a probe reports, each named, typed and with a unit.
//!
//! A reading carries no judgement. What a probe *can* report is declared beforehand as [`ReadingSpec`], so that an
//! expectation about a reading that does not exist is refused when the launch file is compiled.

use schemars::JsonSchema;
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::name::Name;
use crate::time::format_duration;

/// The longest text kept in one reading, note or part, in characters. What is longer is cut and marked.
pub const MAX_TEXT: usize = 500;
/// The most entries kept of a list reading, of notes and of parts.
pub const MAX_ENTRIES: usize = 200;

/// What a number counts. Values are kept in the dimension's base: seconds, bytes, percent, plain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// A plain number.
    One,
    /// A share in percent: 5 means 5 %.
    Percent,
    /// A length of time; kept in seconds.
    Time,
    /// A size; kept in bytes.
    Bytes,
    /// Something per second.
    PerSecond,
}

impl Unit {
    /// The unit's name in launch files and docs.
    pub fn name(self) -> &'static str {
        match self {
            Self::One => "number",
            Self::Percent => "percent",
            Self::Time => "time",
            Self::Bytes => "bytes",
            Self::PerSecond => "per second",
        }
    }

    /// Writes a value of this unit as people read it: `87d`, `4.2%`, `2.5GiB`.
    pub fn format(self, value: f64) -> String {
        match self {
            Self::One => plain(value),
            Self::Percent => format!("{}%", plain(value)),
            Self::PerSecond => format!("{}/s", plain(value)),
            Self::Time => {
                let text = Duration::try_from_secs_f64(value.abs())
                    .map_or_else(|_| plain(value), format_duration);
                if value < 0.0 { format!("-{text}") } else { text }
            }
            Self::Bytes => bytes(value),
        }
    }
}

/// Three significant decimals, no trailing zeros.
fn plain(value: f64) -> String {
    let text = if value != 0.0 && value.abs() < 0.001 {
        format!("{value:.6}")
    } else {
        format!("{value:.3}")
    };
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

fn bytes(value: f64) -> String {
    let mut rest = value.abs();
    let mut unit = "B";
    for next in ["KiB", "MiB", "GiB", "TiB", "PiB"] {
        if rest < 1024.0 {
            break;
        }
        rest /= 1024.0;
        unit = next;
    }
    let sign = if value < 0.0 { "-" } else { "" };
    if unit == "B" {
        format!("{sign}{rest:.0}B")
    } else {
        format!("{sign}{}{unit}", plain((rest * 10.0).round() / 10.0))
    }
}

/// The type of a reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReadingType {
    /// A number in a unit.
    Number(Unit),
    /// Yes or no.
    Flag,
    /// A text.
    Text,
    /// A set of texts; order says nothing.
    Texts,
}

impl ReadingType {
    /// The unit of its numbers; a plain one for what is no number.
    pub fn unit(self) -> Unit {
        match self {
            Self::Number(unit) => unit,
            Self::Flag | Self::Text | Self::Texts => Unit::One,
        }
    }
}

impl fmt::Display for ReadingType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Number(unit) => unit.name(),
            Self::Flag => "true or false",
            Self::Text => "text",
            Self::Texts => "list of texts",
        })
    }
}

/// What a probe can report: declared before it looks, so that expectations are checked when they are compiled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadingSpec {
    /// The reading's name.
    pub name: Name,
    /// Its type and unit.
    #[serde(rename = "type")]
    pub kind: ReadingType,
    /// What it means, in a sentence.
    pub doc: String,
}

impl ReadingSpec {
    /// Declares a reading; for probes' own source.
    pub fn new(name: &'static str, kind: ReadingType, doc: &str) -> Self {
        Self { name: Name::of(name), kind, doc: doc.to_owned() }
    }
}

/// One value. A number that is not finite is kept as such, since NaN and infinity are never an answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Value {
    /// A finite number, in the base of its unit.
    Number(f64),
    /// What stood where a number was expected: `NaN`, `+Inf`, `-Inf`.
    NotFinite(String),
    /// Yes or no.
    Flag(bool),
    /// A text.
    Text(String),
    /// A set of texts, sorted and without doubles.
    Texts(Vec<String>),
}

impl Value {
    /// The value as people read it, numbers in their unit.
    pub fn show(&self, unit: Unit) -> String {
        match self {
            Self::Number(number) => unit.format(*number),
            Self::NotFinite(text) => text.clone(),
            Self::Flag(flag) => flag.to_string(),
            Self::Text(text) => format!("\"{text}\""),
            Self::Texts(list) => format!("[{}]", list.join(", ")),
        }
    }
}

/// One of the things a probe looked at on the way to its readings: an address, a resolver, a replica, a target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Part {
    /// Which thing: `127.0.0.45:53`, `standby s1`, `https://api.example/healthz`.
    pub subject: String,
    /// What it said.
    pub says: String,
    /// Whether it stands out from the others or from what was asked for; such parts are named in explanations.
    pub odd: bool,
}

/// What one look brought home: values by name, the parts behind them, and remarks on what was not tested.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Readings {
    /// The values by name. A reading that could not be had is absent, and expectations on it are unknown.
    pub values: BTreeMap<Name, Value>,
    /// The things looked at, if there were several.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<Part>,
    /// Remarks for people: what was asked, what was not tested.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// When the source says that the values were true, where it keeps its own time (a Prometheus sample, a backup list).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sampled_at: Option<Timestamp>,
    /// What the probe wants to be told at its next look: opaque to everybody else, and not shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<serde_json::Value>,
}

impl Readings {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a number in the base of its unit (seconds, bytes, percent); one that is not finite is kept as such.
    #[must_use]
    pub fn number(mut self, name: &'static str, value: f64) -> Self {
        self.set(Name::of(name), number(value));
        self
    }

    /// Adds a length of time.
    #[must_use]
    pub fn time(self, name: &'static str, value: Duration) -> Self {
        self.number(name, value.as_secs_f64())
    }

    /// Adds a yes or no.
    #[must_use]
    pub fn flag(mut self, name: &'static str, value: bool) -> Self {
        self.set(Name::of(name), Value::Flag(value));
        self
    }

    /// Adds a text, cut at [`MAX_TEXT`] characters.
    #[must_use]
    pub fn text(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.set(Name::of(name), Value::Text(cut(value.into())));
        self
    }

    /// Adds a set of texts: sorted, doubles dropped, [`MAX_ENTRIES`] at most.
    #[must_use]
    pub fn texts(
        mut self,
        name: &'static str,
        values: impl IntoIterator<Item = impl Into<String>>,
    ) -> Self {
        self.set(Name::of(name), texts(values));
        self
    }

    /// Adds a part; beyond [`MAX_ENTRIES`] only odd ones still displace plain ones.
    #[must_use]
    pub fn part(mut self, subject: impl Into<String>, says: impl Into<String>, odd: bool) -> Self {
        let part = Part { subject: cut(subject.into()), says: cut(says.into()), odd };
        if self.parts.len() < MAX_ENTRIES {
            self.parts.push(part);
        } else if odd && let Some(plain) = self.parts.iter_mut().find(|p| !p.odd) {
            *plain = part;
        }
        self
    }

    /// Adds a remark.
    #[must_use]
    pub fn note(mut self, text: impl Into<String>) -> Self {
        if self.notes.len() < MAX_ENTRIES {
            self.notes.push(cut(text.into()));
        }
        self
    }

    /// Says when the source's values were true.
    #[must_use]
    pub fn sampled_at(mut self, at: Timestamp) -> Self {
        self.sampled_at = Some(at);
        self
    }

    /// Asks for `memory` to be handed to the same check's next look, also after a restart. It is small: a few dates and
    /// numbers, not a copy of what was seen.
    #[must_use]
    pub fn remember(mut self, memory: serde_json::Value) -> Self {
        self.memory = Some(memory);
        self
    }

    /// Sets a value under a name that is not known beforehand (performance data of an external probe).
    pub fn set(&mut self, name: Name, value: Value) {
        self.values.insert(name, value);
    }

    /// The value of a reading, if it was had.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.values.get(name)
    }
}

/// A number as a value: finite, or kept as what it is.
pub fn number(value: f64) -> Value {
    if value.is_finite() {
        Value::Number(value)
    } else if value.is_nan() {
        Value::NotFinite("NaN".to_owned())
    } else {
        Value::NotFinite(if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned())
    }
}

/// A set of texts as a value: cut, sorted, without doubles.
pub fn texts(values: impl IntoIterator<Item = impl Into<String>>) -> Value {
    let mut list: Vec<String> =
        values.into_iter().take(MAX_ENTRIES).map(|v| cut(v.into())).collect();
    list.sort();
    list.dedup();
    Value::Texts(list)
}

/// Cuts a text at [`MAX_TEXT`] characters, marks the cut, and replaces control characters, which have no place in a report.
pub fn cut(text: String) -> String {
    let tame = |c: char| if c.is_control() { ' ' } else { c };
    if text.chars().any(char::is_control) || text.chars().nth(MAX_TEXT).is_some() {
        let mut short: String = text.chars().take(MAX_TEXT).map(tame).collect();
        if text.chars().nth(MAX_TEXT).is_some() {
            short.push('…');
        }
        short
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_read_as_people_write_them() {
        let rows: [(Unit, f64, &str); 8] = [
            (Unit::Time, 87.0 * 86_400.0, "87d"),
            (Unit::Time, 1.234, "1.2s"),
            (Unit::Time, -90.0, "-1m30s"),
            (Unit::Percent, 4.25, "4.25%"),
            (Unit::Bytes, 2.5 * 1024.0 * 1024.0 * 1024.0, "2.5GiB"),
            (Unit::Bytes, 12.0, "12B"),
            (Unit::One, 3.0, "3"),
            (Unit::PerSecond, 120.5, "120.5/s"),
        ];
        for (unit, value, text) in rows {
            assert_eq!(unit.format(value), text);
        }
    }

    #[test]
    fn what_is_not_finite_is_no_number() {
        assert_eq!(number(f64::NAN), Value::NotFinite("NaN".into()));
        assert_eq!(number(f64::INFINITY), Value::NotFinite("+Inf".into()));
    }

    #[test]
    fn text_from_outside_is_bounded_and_tame() {
        let long = Readings::new().text("body", "x".repeat(10_000)).text("line", "a\u{1b}[31mb\nc");
        let Some(Value::Text(body)) = long.get("body") else { panic!("a text") };
        assert_eq!(body.chars().count(), MAX_TEXT + 1);
        assert_eq!(long.get("line"), Some(&Value::Text("a [31mb c".into())));
    }

    #[test]
    fn odd_parts_are_kept_when_there_are_too_many() {
        let many =
            (0..MAX_ENTRIES).fold(Readings::new(), |r, i| r.part(format!("r{i}"), "ok", false));
        let many = many.part("late", "differs", true);
        assert_eq!(many.parts.len(), MAX_ENTRIES);
        assert!(many.parts.iter().any(|p| p.subject == "late"));
    }
}
