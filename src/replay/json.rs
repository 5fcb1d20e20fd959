//! A course and a sweep as JSON for programs. Lengths of time are seconds.

use launchgate_core::reading::Value as Reading;
use launchgate_core::replay::sweep::Row;
use launchgate_core::replay::{Course, Look, Tape};
use launchgate_core::scenario::Window;
use serde_json::{Map, Value, json};

use super::{Origin, Subject};

/// What a trigger made of a tape.
pub fn course(subject: &Subject, tape: &Tape, course: &Course, origin: Origin) -> Value {
    let transitions: Vec<Value> = course
        .transitions
        .iter()
        .map(|transition| {
            json!({
                "after": transition.at.as_secs_f64(),
                "at": tape.instant(transition.at).to_string(),
                "state": transition.state.name(),
                "credit": transition.credit.as_secs_f64(),
                "flags": transition.flags,
                "because": transition.because,
            })
        })
        .collect();
    let samples: Vec<Value> =
        course.stood.iter().map(|(i, status)| sample(&tape.looks[*i], status.name())).collect();
    let mut answer = head(subject, tape, origin);
    answer.insert("for".into(), json!(subject.lasts.as_secs_f64()));
    answer.insert("fired".into(), json!(course.fired.is_some()));
    answer.insert("fired_after".into(), json!(course.fired.map(|at| at.as_secs_f64())));
    let fired_at = course.fired.map(|at| tape.instant(at).to_string());
    answer.insert("fired_at".into(), json!(fired_at));
    answer.insert("most_credit".into(), json!(course.most.as_secs_f64()));
    answer.insert("transitions".into(), Value::Array(transitions));
    answer.insert("samples".into(), Value::Array(samples));
    Value::Object(answer)
}

/// What came of each duration.
pub fn sweep(
    subject: &Subject,
    tape: &Tape,
    rows: &[Row],
    incidents: &[Window],
    origin: Origin,
) -> Value {
    let row = |row: &Row| {
        let score = row.score.as_ref();
        let seconds = |delay: Option<std::time::Duration>| delay.map(|d| d.as_secs_f64());
        json!({
            "for": row.lasts.as_secs_f64(),
            "fired": row.firings.len(),
            "firings": row.firings.iter().map(std::time::Duration::as_secs_f64).collect::<Vec<_>>(),
            "false_alarms": score.map(|score| score.false_alarms),
            "detected": score.map(|score| score.delays.len()),
            "delay_p50": score.and_then(|score| seconds(score.median())),
            "delay_max": score.and_then(|score| seconds(score.longest())),
        })
    };
    let spans: Vec<Value> = incidents
        .iter()
        .map(|span| json!({ "from": span.from.as_secs_f64(), "to": span.to.as_secs_f64() }))
        .collect();
    let mut answer = head(subject, tape, origin);
    answer.insert("incidents".into(), Value::Array(spans));
    answer.insert("rows".into(), Value::Array(rows.iter().map(row).collect()));
    Value::Object(answer)
}

fn head(subject: &Subject, tape: &Tape, origin: Origin) -> Map<String, Value> {
    let checks: Vec<String> = subject.watched.iter().map(|w| w.check.to_string()).collect();
    let entries = [
        ("launch", json!(subject.launch)),
        ("trigger", json!(subject.trigger)),
        ("checks", json!(checks)),
        ("rule", json!(subject.rule)),
        ("every", json!(tape.every.as_secs_f64())),
        ("max_gap", json!(subject.max_gap.as_secs_f64())),
        ("origin", json!(origin.name())),
        ("start", json!(tape.start.to_string())),
        ("looks", json!(tape.looks.len())),
    ];
    entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

fn sample(look: &Look, state: &str) -> Value {
    let mut sample = Map::new();
    sample.insert("after".into(), json!(look.at.as_secs_f64()));
    sample.insert("check".into(), json!(look.check));
    sample.insert("state".into(), json!(state));
    match &look.outcome {
        Ok(readings) => {
            let values = readings.values.iter().map(|(name, value)| {
                let value = match value {
                    Reading::Number(number) => json!(number),
                    Reading::NotFinite(text) | Reading::Text(text) => json!(text),
                    Reading::Flag(flag) => json!(flag),
                    Reading::Texts(list) => json!(list),
                };
                (name.to_string(), value)
            });
            sample.insert("readings".into(), Value::Object(values.collect()));
        }
        Err(failure) => {
            sample.insert("failure".into(), json!(failure));
        }
    }
    Value::Object(sample)
}
