//! From what was found of each flag to readings, and what changed since the last look.

use std::collections::BTreeMap;

use jiff::Timestamp;
use launchgate_core::reading::Readings;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::digest;
use super::flag::{Found, State};

/// What is told at the next look: a digest of every definition, and since when they have been so, in seconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Memory {
    flags: BTreeMap<String, String>,
    since: i64,
}

/// Reads all flags together: one that is on makes it false, one that is unknown leaves it open.
pub(super) fn read(
    found: &[(&str, Found)],
    version: Option<String>,
    memory: Option<&Value>,
    now: Timestamp,
) -> Readings {
    let of = |state: State| found.iter().filter(move |f| f.1.state == state).map(|f| f.0);
    let names = |state: State| of(state).collect::<Vec<_>>();
    let open = of(State::Unknown).next().is_some();
    let mut readings = Readings::new().texts("unknown", of(State::Unknown));
    let any = [State::On, State::Rollout].iter().any(|state| of(*state).next().is_some());
    if any || !open {
        readings = readings.flag("all_off", !any);
    }
    // That nobody is in a list is not known of those that are unknown.
    for (name, list) in [("on", names(State::On)), ("rollout", names(State::Rollout))] {
        if !(open && list.is_empty()) {
            readings = readings.texts(name, list);
        }
    }
    if let Some(version) = version {
        readings = readings.text("version", version);
    }
    for (name, found) in found {
        readings = readings.part(*name, &found.says, found.state != State::Off);
    }
    changes(readings, found, memory, now)
}

/// Holds the definitions against those of the last look.
fn changes(
    mut readings: Readings,
    found: &[(&str, Found)],
    memory: Option<&Value>,
    now: Timestamp,
) -> Readings {
    let before: Option<Memory> = memory.and_then(|m| Memory::deserialize(m).ok());
    let digests: BTreeMap<String, String> = found
        .iter()
        .filter_map(|(name, f)| Some(((*name).to_owned(), digest::of(f.definition.clone()?))))
        .collect();
    let whole = digests.len() == found.len();
    if whole {
        readings = readings.text("digest", digest::of(serde_json::json!(digests)));
    }
    let known = before.as_ref().map(|b| &b.flags);
    let compared = digests.iter().filter_map(|(n, d)| Some((n, *known?.get(n)? != *d)));
    let compared: Vec<(&String, bool)> = compared.collect();
    let changed: Vec<&str> = compared.iter().filter(|c| c.1).map(|c| c.0.as_str()).collect();
    if !changed.is_empty() {
        let message = format!("changed since the last look: {}", changed.join(", "));
        readings = readings.flag("changed", true).note(message);
    } else if compared.len() == found.len() {
        readings = readings.flag("changed", false);
    }
    let now = now.as_second();
    let since = before.as_ref().map(|b| b.since).filter(|s| changed.is_empty() && *s <= now);
    let since = since.unwrap_or(now);
    if whole {
        let age = u64::try_from(now - since).unwrap_or_default();
        readings = readings.time("unchanged_for", std::time::Duration::from_secs(age));
    }
    // What could not be had this time is held against what was there before it.
    let mut flags = before.map(|b| b.flags).unwrap_or_default();
    flags.retain(|name, _| found.iter().any(|(asked, _)| asked == name));
    flags.extend(digests);
    match serde_json::to_value(Memory { flags, since }) {
        Ok(memory) => readings.remember(memory),
        Err(_) => readings,
    }
}

#[cfg(test)]
mod tests {
    use launchgate_core::reading::Value as Reading;
    use serde_json::json;

    use super::*;

    fn look(found: &[(&str, Found)], memory: Option<&Value>, after: i64) -> Readings {
        let now = Timestamp::from_second(1_796_112_000 + after).expect("a time");
        read(found, None, memory, now)
    }

    fn found(state: State) -> Found {
        Found::new(state, "", json!(format!("{state:?}")))
    }

    #[test]
    fn one_that_is_on_makes_it_false_and_one_that_is_unknown_leaves_it_open() {
        use State::{Off, On, Rollout, Unknown};
        type Lists<'a> = (Option<&'a [&'a str]>, Option<&'a [&'a str]>);
        let rows: [(&str, [State; 2], Option<bool>, Lists<'_>); 7] = [
            ("off", [Off, Off], Some(true), (Some(&[]), Some(&[]))),
            ("one on", [On, Off], Some(false), (Some(&["a"]), Some(&[]))),
            ("one for some", [Off, Rollout], Some(false), (Some(&[]), Some(&["b"]))),
            ("one unknown", [Off, Unknown], None, (None, None)),
            ("on and unknown", [On, Unknown], Some(false), (Some(&["a"]), None)),
            ("for some and unknown", [Rollout, Unknown], Some(false), (None, Some(&["a"]))),
            ("both unknown", [Unknown, Unknown], None, (None, None)),
        ];
        for (row, [a, b], all_off, (on, rollout)) in rows {
            let r = look(&[("a", found(a)), ("b", found(b))], None, 0);
            let texts = |list: Option<&[&str]>| {
                list.map(|l| Reading::Texts(l.iter().map(ToString::to_string).collect()))
            };
            assert_eq!(r.get("all_off"), all_off.map(Reading::Flag).as_ref(), "{row}");
            assert_eq!(r.get("on"), texts(on).as_ref(), "{row}");
            assert_eq!(r.get("rollout"), texts(rollout).as_ref(), "{row}");
            assert!(r.get("unknown").is_some(), "{row}");
        }
    }

    type Looks<'a> = Vec<Vec<(&'a str, Found)>>;

    #[test]
    fn a_definition_that_differs_from_the_last_looks_has_changed() {
        let of = |definition: Value| vec![("a", Found::new(State::Off, "", definition))];
        let unread = || vec![("a", Found::unread("no answer"))];
        let two = vec![("a", found(State::Off)), ("b", found(State::Off))];
        // Of looks a minute apart: what the last one says of a change, and of the time without one.
        let rows: [(&str, Looks<'_>, Option<bool>, Option<f64>); 8] = [
            ("a first look", vec![of(json!(1))], None, Some(0.0)),
            ("the same", vec![of(json!(1)), of(json!(1)), of(json!(1))], Some(false), Some(120.0)),
            ("another", vec![of(json!(1)), of(json!(2))], Some(true), Some(0.0)),
            (
                "another, and then the same",
                vec![of(json!(1)), of(json!(2)), of(json!(2))],
                Some(false),
                Some(60.0),
            ),
            ("gone", vec![of(json!(1)), vec![("a", Found::missing(""))]], Some(true), Some(0.0)),
            ("could not be had", vec![of(json!(1)), unread()], None, None),
            (
                "another behind it",
                vec![of(json!(1)), unread(), of(json!(2))],
                Some(true),
                Some(0.0),
            ),
            ("one more is asked for", vec![of(json!("Off")), two], None, Some(60.0)),
        ];
        for (row, looks, changed, age) in rows {
            let mut memory = None;
            let mut last = Readings::new();
            for (after, found) in (0..).step_by(60).zip(&looks) {
                last = look(found, memory.as_ref(), after);
                memory.clone_from(&last.memory);
            }
            assert_eq!(last.get("changed"), changed.map(Reading::Flag).as_ref(), "{row}");
            assert_eq!(last.get("unchanged_for"), age.map(Reading::Number).as_ref(), "{row}");
            assert_eq!(last.get("digest").is_some(), age.is_some(), "{row}");
        }
    }
}
