//! Judging readings by a typed predicate. One function gives both the truth and its explanation.

use super::{Judged, Op, Operand, Predicate, Truth};
use crate::observation::Cause;
use crate::reading::{ReadingSpec, ReadingType, Readings, Value};

/// Judges a predicate.
pub(super) fn predicate(predicate: &Predicate, readings: &Readings) -> Judged {
    match predicate {
        Predicate::Compare(left, op, right) => compare(left, *op, right, readings),
        Predicate::Matches(left, regex) => match value(left, readings) {
            Err(unknown) => unknown,
            Ok(Value::Text(text)) => {
                let shown = format!("{} matches \"{regex}\"", show_operand(left, readings));
                judged(regex.is_match(&text), &shown)
            }
            Ok(_) => unknown(Cause::BadResponse, &show_operand(left, readings), "is no text"),
        },
        Predicate::Flag(spec) => match readings.get(spec.name.as_str()) {
            Some(Value::Flag(flag)) => judged(*flag, spec.name.as_str()),
            _ => absent(spec, readings),
        },
        Predicate::Not(inner) => {
            let inner = self::predicate(inner, readings);
            let truth = match inner.truth {
                Truth::True => Truth::False,
                Truth::False => Truth::True,
                unknown @ Truth::Unknown(_) => unknown,
            };
            Judged { truth, because: format!("not ({})", inner.because) }
        }
        Predicate::And(sides) => join(sides, readings, Truth::False, " and "),
        Predicate::Or(sides) => join(sides, readings, Truth::True, " or "),
    }
}

/// `and` with the deciding truth False, `or` with True: one decider decides, else one unknown leaves it open.
fn join(sides: &[Predicate], readings: &Readings, decider: Truth, word: &str) -> Judged {
    let judged: Vec<Judged> = sides.iter().map(|side| predicate(side, readings)).collect();
    let say = |keep: &dyn Fn(Truth) -> bool| {
        let kept: Vec<&str> =
            judged.iter().filter(|j| keep(j.truth)).map(|j| j.because.as_str()).collect();
        kept.join(word)
    };
    if judged.iter().any(|j| j.truth == decider) {
        return Judged { truth: decider, because: say(&|t| t == decider) };
    }
    if let Some(open) = judged.iter().find(|j| matches!(j.truth, Truth::Unknown(_))) {
        return Judged { truth: open.truth, because: say(&|t| matches!(t, Truth::Unknown(_))) };
    }
    let truth = if decider == Truth::True { Truth::False } else { Truth::True };
    Judged { truth, because: say(&|_| true) }
}

fn judged(holds: bool, shown: &str) -> Judged {
    let truth = if holds { Truth::True } else { Truth::False };
    Judged { truth, because: format!("{shown} is {holds}") }
}

fn unknown(cause: Cause, shown: &str, why: &str) -> Judged {
    Judged { truth: Truth::Unknown(cause), because: format!("{shown} {why}") }
}

fn absent(spec: &ReadingSpec, readings: &Readings) -> Judged {
    match readings.get(spec.name.as_str()) {
        Some(Value::NotFinite(text)) => {
            unknown(Cause::Nan, spec.name.as_str(), &format!("is {text}"))
        }
        Some(_) => {
            unknown(Cause::BadResponse, spec.name.as_str(), "has another type than declared")
        }
        None => unknown(Cause::NoData, spec.name.as_str(), "was not reported"),
    }
}

/// The value of an operand, or why there is none.
fn value(operand: &Operand, readings: &Readings) -> Result<Value, Judged> {
    match operand {
        Operand::Literal(value, _) => Ok(value.clone()),
        Operand::Reading(spec) => match readings.get(spec.name.as_str()) {
            Some(value) if fits(value, spec.kind) => Ok(value.clone()),
            _ => Err(absent(spec, readings)),
        },
        Operand::Arithmetic(left, op, right, _) => {
            let (Value::Number(a), Value::Number(b)) =
                (value(left, readings)?, value(right, readings)?)
            else {
                return Err(unknown(
                    Cause::BadResponse,
                    &show_operand(operand, readings),
                    "is no number",
                ));
            };
            let result = match op {
                '+' => a + b,
                '-' => a - b,
                '*' => a * b,
                _ => a / b,
            };
            if result.is_finite() {
                Ok(Value::Number(result))
            } else {
                Err(unknown(Cause::Nan, &show_operand(operand, readings), "is not finite"))
            }
        }
    }
}

fn fits(value: &Value, kind: ReadingType) -> bool {
    matches!(
        (value, kind),
        (Value::Number(_), ReadingType::Number(_))
            | (Value::Flag(_), ReadingType::Flag)
            | (Value::Text(_), ReadingType::Text)
            | (Value::Texts(_), ReadingType::Texts)
    )
}

fn compare(left: &Operand, op: Op, right: &Operand, readings: &Readings) -> Judged {
    let (a, b) = match (value(left, readings), value(right, readings)) {
        (Ok(a), Ok(b)) => (a, b),
        (Err(unknown), _) | (_, Err(unknown)) => return unknown,
    };
    let shown = format!(
        "{} {} {}",
        show_operand(left, readings),
        op.symbol(),
        show_operand(right, readings)
    );
    let holds = match (&a, op, &b) {
        (Value::Number(a), _, Value::Number(b)) => return judged(numbers(*a, op, *b), &shown),
        (Value::Text(text), Op::In, Value::Texts(list)) => list.contains(text),
        (Value::Texts(list), Op::Contains, Value::Text(text)) => list.contains(text),
        (Value::Texts(list), Op::Contains, Value::Texts(all)) => {
            all.iter().all(|t| list.contains(t))
        }
        (Value::Text(text), Op::Contains, Value::Text(part)) => text.contains(part.as_str()),
        (a, Op::Equal, b) => a == b,
        (a, Op::NotEqual, b) => a != b,
        _ => return unknown(Cause::BadResponse, &shown, "cannot be compared"),
    };
    judged(holds, &shown)
}

/// Floats compare with a hair of tolerance at equality, since readings come through arithmetic.
fn numbers(a: f64, op: Op, b: f64) -> bool {
    let same = (a - b).abs() <= f64::EPSILON * 4.0 * a.abs().max(b.abs());
    match op {
        Op::Less => a < b && !same,
        Op::LessEqual => a < b || same,
        Op::Greater => a > b && !same,
        Op::GreaterEqual => a > b || same,
        Op::Equal => same,
        Op::NotEqual => !same,
        Op::In | Op::Contains | Op::Matches => false,
    }
}

fn show_operand(operand: &Operand, readings: &Readings) -> String {
    match operand {
        Operand::Literal(value, unit) => value.show(*unit),
        Operand::Reading(spec) => match readings.get(spec.name.as_str()) {
            Some(value) => format!("{} {}", spec.name, value.show(spec.kind.unit())),
            None => spec.name.to_string(),
        },
        Operand::Arithmetic(left, op, right, _) => {
            format!("{} {op} {}", show_operand(left, readings), show_operand(right, readings))
        }
    }
}
