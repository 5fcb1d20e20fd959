//! A course and a sweep as text for people.

use std::time::Duration;

use launchgate_core::name::Name;
use launchgate_core::reading::{Unit, Value};
use launchgate_core::replay::sweep::Row;
use launchgate_core::replay::{Course, Tape};
use launchgate_core::scenario::Window;
use launchgate_core::time::format_duration;

use super::plot::{Point, Scale, plot};
use super::{Origin, Subject, clock};

/// The widest line of prose.
const WIDTH: usize = 80;
/// Where the sentences of the transitions begin.
const INDENT: usize = 33;

/// What a trigger made of a tape: its changes, a plot, and the answer.
pub fn course(subject: &Subject, tape: &Tape, course: &Course, origin: Origin) -> String {
    let mut text = wrapped(&format!("{}; {}", subject.told(), subject.fires()), 0);
    text += &remarks(subject, tape);
    text += &format!("\n{:>10}  {:<10} {:>8}  because\n", "after", "state", "credited");
    for transition in &course.transitions {
        let because = wrapped(&transition.because, INDENT);
        text += &format!(
            "{:>10}  {:<10} {:>8}  {}",
            clock(transition.at),
            transition.state.name(),
            clock(transition.credit),
            because.trim_start()
        );
    }
    let points = points(subject, tape, course);
    if !points.is_empty() {
        text += &format!("\n{}", plot(&points, scale(subject, tape)));
    }
    text + &format!("\n{}\n", verdict(subject, tape, course, origin))
}

/// The answer in a line.
fn verdict(subject: &Subject, tape: &Tape, course: &Course, origin: Origin) -> String {
    match course.fired {
        Some(at) if origin.is_dated() => {
            format!("fired at {} ({:.0})", clock(at), tape.instant(at))
        }
        Some(at) => format!("fired at {}", clock(at)),
        None => format!(
            "did not fire: {} of {} was credited at most",
            clock(course.most),
            clock(subject.lasts)
        ),
    }
}

/// What the reader should know of the tape.
fn remarks(subject: &Subject, tape: &Tape) -> String {
    let mut text = String::new();
    if tape.every != subject.every {
        let (apart, every) = (format_duration(tape.every), format_duration(subject.every));
        text += &wrapped(
            &format!("note: the samples are {apart} apart, and the check looks every {every}"),
            0,
        );
    }
    if tape.every > subject.max_gap {
        text += &wrapped("note: samples so far apart are never credited: see `max_gap`", 0);
    }
    text
}

/// Each look of the tape with its number, and where the trigger stood when the next one was due: what happened in between,
/// such as going blind, belongs to the look before it.
fn points(subject: &Subject, tape: &Tape, course: &Course) -> Vec<Point> {
    let reading = numeric(subject, tape).map(|(name, _)| name);
    let mut taken = vec![false; tape.looks.len()];
    for (i, _) in &course.stood {
        taken[*i] = true;
    }
    let next = tape.looks.iter().skip(1).map(|look| look.at).chain([Duration::MAX]);
    let looks = tape.looks.iter().zip(next).zip(taken);
    looks
        .map(|((look, next), taken)| {
            let readings = look.outcome.as_ref().ok().filter(|_| taken);
            let value = reading.as_ref().zip(readings).and_then(|(name, readings)| match readings
                .get(name.as_str())
            {
                Some(Value::Number(number)) => Some(*number),
                _ => None,
            });
            let until = course.transitions.partition_point(|t| t.at < next || t.at == look.at);
            let state = course.transitions[..until].last().map(|t| t.state);
            Point { at: look.at, value, state: state.filter(|_| taken) }
        })
        .collect()
}

fn scale(subject: &Subject, tape: &Tape) -> Option<Scale> {
    let (_, unit) = numeric(subject, tape)?;
    Some(Scale { unit, limit: subject.limit.as_ref().map(|limit| (limit.value, limit.above)) })
}

/// The reading that is plotted: the one with the limit, or the only number there is.
fn numeric(subject: &Subject, tape: &Tape) -> Option<(Name, Unit)> {
    if let Some(limit) = &subject.limit {
        return Some((limit.reading.clone(), limit.unit));
    }
    let [watched] = subject.watched.as_slice() else { return None };
    let is_number = |name: &Name| {
        tape.looks
            .iter()
            .filter_map(|look| look.outcome.as_ref().ok())
            .any(|readings| matches!(readings.get(name.as_str()), Some(Value::Number(_))))
    };
    let mut numbers = watched.specs.iter().filter(|spec| is_number(&spec.name));
    let one = numbers.next()?;
    numbers.next().is_none().then(|| (one.name.clone(), one.kind.unit()))
}

/// What came of each duration, as a table.
pub fn sweep(subject: &Subject, tape: &Tape, rows: &[Row], incidents: &[Window]) -> String {
    let mut text = wrapped(&subject.told(), 0);
    text += &remarks(subject, tape);
    text +=
        &wrapped(&format!("{} looks over {}", tape.looks.len(), format_duration(tape.end())), 0);
    text += &format!("\n{:>8}{}", "for", if incidents.is_empty() { "" } else { " " });
    text += "  fired";
    if !incidents.is_empty() {
        text += "  false alarms  detected  delay p50  delay max";
    }
    text += "\n";
    for row in rows {
        text += &format!("{}\n", line(subject, row, incidents).trim_end());
    }
    if rows.iter().any(|row| is_too_short(subject, row.lasts)) {
        text += "\n* shorter than two looks: no launch file may say so\n";
    }
    text
}

fn line(subject: &Subject, row: &Row, incidents: &[Window]) -> String {
    let star = if is_too_short(subject, row.lasts) { '*' } else { ' ' };
    let start = format!("{:>8}{star}", clock(row.lasts));
    let fired = row.firings.len();
    let Some(score) = &row.score else { return format!("{start}{fired:>6}") };
    let delay = |delay: Option<Duration>| delay.map_or_else(|| "-".to_owned(), clock);
    let detected = format!("{} of {}", score.delays.len(), incidents.len());
    format!(
        "{start}{fired:>7}{:>14}{detected:>10}{:>11}{:>11}",
        score.false_alarms,
        delay(score.median()),
        delay(score.longest())
    )
}

fn is_too_short(subject: &Subject, lasts: Duration) -> bool {
    lasts < subject.every * 2
}

/// Breaks prose into lines, all but the first indented.
fn wrapped(prose: &str, indent: usize) -> String {
    let mut text = " ".repeat(indent);
    let mut used = indent;
    for (i, word) in prose.split_whitespace().enumerate() {
        let length = word.chars().count();
        if i > 0 && used + 1 + length > WIDTH {
            text += &format!("\n{}", " ".repeat(indent));
            used = indent;
        } else if i > 0 {
            text.push(' ');
            used += 1;
        }
        text += word;
        used += length;
    }
    text.push('\n');
    text
}
