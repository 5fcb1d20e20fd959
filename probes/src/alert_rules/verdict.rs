//! From the rules that must be there and those that are to readings.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use launchgate_core::reading::Readings;
use launchgate_core::time::format_duration;

use super::expected::{Expected, Written};
use super::selectors::selectors;
use crate::alerts::rules::{Group, Rule};
use crate::alerts::verdict::count;

/// An evaluation is late after this many intervals of its group.
const LATE_INTERVALS: f64 = 2.0;

/// A rule that must be there beside the one that is.
#[derive(Debug)]
pub(super) struct Pair<'a> {
    pub(super) expected: &'a Expected,
    pub(super) loaded: Option<(&'a Group, &'a Rule)>,
}

impl<'a> Pair<'a> {
    /// Finds, for each rule that must be there, the one of its name that is most like it.
    pub(super) fn all(expected: &'a [Expected], groups: &'a [Group]) -> Vec<Self> {
        let loaded = |expected: &Expected| {
            let of =
                groups.iter().flat_map(|group| group.rules.iter().map(move |rule| (group, rule)));
            let named = of.filter(|(_, rule)| rule.name == expected.name);
            named.min_by_key(|(group, rule)| {
                let Some(written) = &expected.written else { return 0 };
                usize::from(written.group != group.name)
                    + 2 * usize::from(written.labels != rule.labels)
            })
        };
        expected.iter().map(|expected| Pair { expected, loaded: loaded(expected) }).collect()
    }

    /// Both expressions, where they differ as they are written.
    pub(super) fn unlike(&self) -> Option<[&'a str; 2]> {
        let (written, (_, rule)) = (self.expected.written.as_ref()?, self.loaded?);
        (written.expression != rule.query)
            .then_some([written.expression.as_str(), rule.query.as_str()])
    }

    /// What its expression reads.
    pub(super) fn selectors(&self) -> Vec<&'a str> {
        self.loaded.map_or_else(Vec::new, |(_, rule)| selectors(&rule.query))
    }
}

/// What the server was asked besides its rules.
#[derive(Debug, Default)]
pub(super) struct Asked {
    /// Expressions in the server's own form, or its words for what it refuses.
    pub(super) formatted: BTreeMap<String, Result<String, String>>,
    /// Whether a selector finds any series.
    pub(super) alive: BTreeMap<String, bool>,
    /// Its own time.
    pub(super) now: Option<Timestamp>,
}

/// How a rule stands that is there.
#[derive(Debug, Default)]
struct Standing {
    differs: Vec<String>,
    ill: Option<String>,
    late: Option<String>,
    dead: Vec<String>,
}

/// Reads everything together.
pub(super) fn read(pairs: &[Pair<'_>], asked: &Asked, from_files: bool) -> Readings {
    let (mut missing, mut different, mut ill, mut late, mut dead, mut firing) = (0, 0, 0, 0, 0, 0);
    let mut names: Vec<&str> = Vec::new();
    let mut readings = Readings::new();
    let mut oldest: Option<Duration> = None;
    for pair in pairs {
        let name = pair.expected.name.as_str();
        let Some((group, rule)) = pair.loaded else {
            missing += 1;
            names.push(name);
            readings = readings.part(subject(pair), "is not loaded", true);
            continue;
        };
        let standing = standing(pair, group, rule, asked);
        oldest = oldest.max(age(rule, asked));
        firing += usize::from(rule.state == "firing");
        different += usize::from(!standing.differs.is_empty());
        ill += usize::from(standing.ill.is_some());
        late += usize::from(standing.late.is_some());
        dead += usize::from(!standing.dead.is_empty());
        let mut says = standing.differs;
        says.extend(standing.ill.into_iter().chain(standing.late));
        says.extend(
            standing.dead.iter().map(|selector| format!("no series of {selector}: it cannot fire")),
        );
        let odd = !says.is_empty();
        if odd {
            names.push(name);
        }
        let says =
            if odd { says.join("; ") } else { format!("loaded in {}, {}", group.name, rule.state) };
        readings = readings.part(subject(pair), says, odd);
    }
    names.sort_unstable();
    names.dedup();
    readings = readings
        .number("rules", count(pairs.len()))
        .number("missing", count(missing))
        .number("unhealthy", count(ill))
        .number("late", count(late))
        .number("dead", count(dead))
        .number("firing", count(firing))
        .texts("names", names);
    if from_files {
        readings = readings.number("different", count(different));
    }
    match oldest {
        Some(age) => readings.time("evaluated_ago", age),
        None => readings,
    }
}

fn subject(pair: &Pair<'_>) -> String {
    match &pair.expected.written {
        Some(written) => format!("{}/{}", written.group, pair.expected.name),
        None => pair.expected.name.clone(),
    }
}

fn standing(pair: &Pair<'_>, group: &Group, rule: &Rule, asked: &Asked) -> Standing {
    let dead =
        pair.selectors().into_iter().filter(|selector| asked.alive.get(*selector) == Some(&false));
    Standing {
        differs: pair
            .expected
            .written
            .as_ref()
            .map_or_else(Vec::new, |written| differs(written, group, rule, asked)),
        ill: (rule.health == "err").then(|| format!("cannot be evaluated: {}", rule.last_error)),
        late: late(group, rule, asked),
        dead: dead.map(str::to_owned).collect(),
    }
}

/// In what the rule that is loaded is not the one that is written.
fn differs(written: &Written, group: &Group, rule: &Rule, asked: &Asked) -> Vec<String> {
    let mut says = Vec::new();
    if written.group != group.name {
        says.push(format!("stands in the group {}", group.name));
    }
    if written.expression != rule.query {
        let form = |text: &str| asked.formatted.get(text);
        match (form(&written.expression), form(&rule.query)) {
            (Some(Err(why)), _) => says.push(format!("its expression is none: {why}")),
            (Some(Ok(written)), Some(Ok(loaded))) if written == loaded => {}
            // A server that cannot bring expressions into one form leaves the texts, without their blanks.
            (None, _) | (_, None | Some(Err(_)))
                if dense(&written.expression) == dense(&rule.query) => {}
            _ => says.push(format!("is loaded as {}", rule.query)),
        }
    }
    for (word, wanted, is) in [
        ("for", written.lasts, rule.duration),
        ("keep_firing_for", written.keeps_firing, rule.keep_firing_for),
    ] {
        if (wanted.as_secs_f64() - is).abs() > 0.001 {
            let is =
                Duration::try_from_secs_f64(is).map_or_else(|_| is.to_string(), format_duration);
            says.push(format!("`{word}` is {is}, not {}", format_duration(wanted)));
        }
    }
    for name in written
        .labels
        .keys()
        .chain(rule.labels.keys().filter(|name| !written.labels.contains_key(*name)))
    {
        let (wanted, is) = (written.labels.get(name), rule.labels.get(name));
        if wanted != is {
            let show = |value: Option<&String>| {
                value.map_or_else(|| "missing".to_owned(), |v| format!("`{v}`"))
            };
            says.push(format!("the label {name} is {}, not {}", show(is), show(wanted)));
        }
    }
    says
}

fn dense(text: &str) -> String {
    text.split_whitespace().collect()
}

fn evaluated(rule: &Rule) -> Option<Timestamp> {
    let at: Timestamp = rule.last_evaluation.parse().ok()?;
    // What never was is of the year 1.
    (at > Timestamp::UNIX_EPOCH).then_some(at)
}

fn age(rule: &Rule, asked: &Asked) -> Option<Duration> {
    let age = asked.now?.duration_since(evaluated(rule)?);
    Some(Duration::try_from(age).unwrap_or_default())
}

fn late(group: &Group, rule: &Rule, asked: &Asked) -> Option<String> {
    if evaluated(rule).is_none() {
        return Some("was never evaluated".to_owned());
    }
    let age = age(rule, asked)?;
    let allowed = group.interval * LATE_INTERVALS;
    (group.interval > 0.0 && age.as_secs_f64() > allowed).then(|| {
        let every = Duration::try_from_secs_f64(group.interval).unwrap_or_default();
        format!(
            "was last evaluated {} ago, and should be every {}",
            format_duration(age),
            format_duration(every)
        )
    })
}
