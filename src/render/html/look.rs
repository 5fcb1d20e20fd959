//! A check on a page of its own: how it stands, its numbers over time, and its last looks.

use std::collections::BTreeSet;

use launchgate_core::name::Name;
use launchgate_core::observation::Observation;
use launchgate_core::reading::{Unit, Value};
use launchgate_core::report::{CheckReport, Report};
use maud::{Markup, html};

use super::super::words::{self, tame};
use super::checklist::check as standing;
use super::instant;
use super::plot::Plot;

/// How many looks the table has.
const LOOKS: usize = 20;
/// How much of a look's sentence the table has, in characters.
const MAX_TEXT: usize = 160;

/// What changes on the page of a check; `history` is newest first.
pub fn look(check: &CheckReport, history: &[Observation], report: &Report, live: bool) -> Markup {
    let (held, others): (Vec<Plot<'_>>, _) =
        plots(check, history).into_iter().partition(|plot| !plot.limits.is_empty());
    html! {
        h1 { (tame(&check.title)) }
        p.fine { a href={ "/launches/" (report.launch) } { "The board of " (tame(&report.title)) } " · " code { (check.id) } " · " (check.probe) }
        ul.checks.alone { (standing(check, report, live)) }
        section #numbers aria-labelledby="numbers-title" {
            h2 #numbers-title { "Numbers" }
            @for plot in &held { (plot.draw()) }
            details.more #others hidden[others.is_empty()] open[held.is_empty()] {
                summary { "Numbers that the check hangs on nowhere: " (others.len()) }
                @for plot in &others { (plot.draw()) }
            }
        }
        section #looks aria-labelledby="looks-title" hidden[history.is_empty()] {
            h2 #looks-title { "Last looks" }
            div.scroll tabindex="0" role="region" aria-label="The table of the last looks" {
                table {
                    thead { tr { th scope="col" { "Ended" } th scope="col" { "Took" } th scope="col" { "Saw" } } }
                    tbody { @for each in history.iter().take(LOOKS) { (row(each, check, report)) } }
                }
            }
        }
    }
}

/// The unit of a reading, where the check holds it against something.
fn unit(check: &CheckReport, reading: &Name) -> Unit {
    check
        .limits
        .iter()
        .find(|limit| limit.reading == *reading)
        .map_or(Unit::One, |limit| limit.unit)
}

fn plots<'a>(check: &'a CheckReport, history: &'a [Observation]) -> Vec<Plot<'a>> {
    let mut names: BTreeSet<&Name> = check.limits.iter().map(|limit| &limit.reading).collect();
    for readings in history.iter().filter_map(|look| look.outcome.as_ref().ok()) {
        let numbers = readings.values.iter().filter(|(_, value)| matches!(value, Value::Number(_)));
        names.extend(numbers.map(|(name, _)| name));
    }
    let seen = |name: &Name| {
        let number = |look: &Observation| match look.outcome.as_ref().ok()?.values.get(name)? {
            Value::Number(number) => Some(*number),
            Value::NotFinite(_) | Value::Flag(_) | Value::Text(_) | Value::Texts(_) => None,
        };
        history.iter().rev().map(|look| (look.sampled_at(), number(look))).collect()
    };
    let limits = |name: &Name| check.limits.iter().filter(|limit| limit.reading == *name).collect();
    names
        .into_iter()
        .map(|name| Plot {
            name: name.as_str(),
            unit: unit(check, name),
            seen: seen(name),
            limits: limits(name),
        })
        .collect()
}

fn shorten(text: &str) -> String {
    match text.char_indices().nth(MAX_TEXT) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

fn row(look: &Observation, check: &CheckReport, report: &Report) -> Markup {
    let says = match &look.outcome {
        Ok(readings) => {
            // What the check hangs on stands first: the end may not be shown.
            let held = |name: &Name| check.limits.iter().any(|limit| limit.reading == *name);
            let mut values: Vec<_> = readings.values.iter().collect();
            values.sort_by_key(|(name, _)| !held(name));
            let show = |(name, value): (&Name, &Value)| {
                format!("{name} {}", value.show(unit(check, name)))
            };
            values.into_iter().map(show).collect::<Vec<_>>().join(", ")
        }
        Err(failure) => format!("? {failure}"),
    };
    let says = shorten(&tame(&says));
    html! {
        tr {
            td.when { (instant(look.at.wall, report)) }
            td.when { (words::seconds(look.took.as_secs_f64())) }
            td { (says) }
        }
    }
}
