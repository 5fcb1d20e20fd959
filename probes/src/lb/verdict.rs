//! From what a balancer says of its backends to readings: each expected one has to be there and healthy.

use std::collections::BTreeMap;
use std::time::Duration;

use launchgate_core::reading::Readings;

use super::pool::{Entry, State};

/// An instance that has to be there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Expected {
    pub(super) name: String,
    pub(super) zone: Option<String>,
}

/// What was found of an expected instance; the worst of its entries if it has several, none if it is not there.
struct Found<'a> {
    expected: &'a Expected,
    worst: Option<&'a Entry>,
    since: Option<Duration>,
}

impl Found<'_> {
    fn is(&self, state: State) -> bool {
        self.worst.is_some_and(|entry| entry.state == state)
    }
}

/// Reads all instances together: one that is missing or not healthy makes it false, one that nobody knows of leaves it open.
pub(super) fn read(expected: &[Expected], entries: &[Entry]) -> Readings {
    let found: Vec<Found<'_>> = expected.iter().map(|e| find(e, entries)).collect();
    let open = found.iter().any(|f| f.is(State::Unchecked));
    let healthy = |f: &&Found<'_>| f.is(State::Healthy);
    let names = |holds: &dyn Fn(&Found<'_>) -> bool| -> Vec<&str> {
        found.iter().filter(|f| holds(f)).map(|f| f.expected.name.as_str()).collect()
    };
    let bad = |f: &Found<'_>| !f.is(State::Healthy) && !f.is(State::Unchecked);
    let mut readings = Readings::new()
        .number("expected", number(expected.len()))
        .texts("missing", names(&|f| f.worst.is_none()))
        .texts("unchecked", names(&|f| f.is(State::Unchecked)));
    if found.iter().any(bad) {
        readings = readings.flag("all_healthy", false);
    } else if !open {
        readings = readings.flag("all_healthy", true);
    }
    let lists =
        [("down", State::Down), ("out_of_service", State::Out), ("changing", State::Changing)];
    for (name, state) in lists {
        let list = names(&|f| f.is(state));
        // That nobody is in a list is not known of those that nobody knows of.
        if !(open && list.is_empty()) {
            readings = readings.texts(name, list);
        }
    }
    if !open {
        let count = found.iter().filter(healthy).count();
        readings = readings
            .number("healthy", number(count))
            .number("healthy_share", share(count, found.len()));
        if let Some(lowest) = lowest(&found) {
            readings = readings.number("lowest_zone_share", lowest);
        }
    }
    let since: Option<Vec<Duration>> = found.iter().map(|f| f.since).collect();
    if let Some(shortest) = since.into_iter().flatten().min() {
        readings = readings.time("stable_for", shortest);
    }
    for f in &found {
        let says = f.worst.map_or("it is not there", |entry| entry.says.as_str());
        readings = readings.part(&f.expected.name, says, !f.is(State::Healthy));
    }
    pool(readings, expected, entries)
}

fn find<'a>(expected: &'a Expected, entries: &'a [Entry]) -> Found<'a> {
    let own = || entries.iter().filter(|entry| entry.is(&expected.name));
    let since: Option<Vec<Duration>> = own().map(|entry| entry.since).collect();
    let since = since.into_iter().flatten().min();
    Found { expected, worst: own().max_by_key(|entry| entry.state), since }
}

/// The share of the zone that has the lowest one, if there are zones.
fn lowest(found: &[Found<'_>]) -> Option<f64> {
    let mut zones: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for f in found {
        let (healthy, all) = zones.entry(f.expected.zone.as_deref()?).or_default();
        *healthy += usize::from(f.is(State::Healthy));
        *all += 1;
    }
    zones.values().map(|(healthy, all)| share(*healthy, *all)).min_by(f64::total_cmp)
}

/// Adds what the balancer has besides, and how much of all it has is healthy.
fn pool(mut readings: Readings, expected: &[Expected], entries: &[Entry]) -> Readings {
    let strange = |entry: &&Entry| !expected.iter().any(|e| entry.is(&e.name));
    let names = entries.iter().filter(strange).map(|entry| entry.name.as_str());
    readings = readings.texts("unexpected", names);
    let healthy = entries.iter().filter(|entry| entry.state == State::Healthy).count();
    if !entries.is_empty() && entries.iter().all(|entry| entry.state != State::Unchecked) {
        readings = readings.number("pool_share", share(healthy, entries.len()));
    }
    for entry in entries.iter().filter(strange) {
        readings = readings.part(&entry.name, format!("not expected; {}", entry.says), true);
    }
    readings
}

fn share(part: usize, all: usize) -> f64 {
    100.0 * number(part) / number(all)
}

fn number(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use launchgate_core::reading::Value;

    use super::State::{Changing, Down, Healthy, Out, Unchecked};
    use super::*;

    fn expected(names: &[&str]) -> Vec<Expected> {
        names.iter().map(|name| Expected { name: (*name).to_owned(), zone: None }).collect()
    }

    fn entry(name: &str, state: State, seconds: u64) -> Entry {
        let since = Some(Duration::from_secs(seconds));
        Entry { name: name.to_owned(), alias: None, state, says: String::new(), since }
    }

    fn texts(list: &[&str]) -> Value {
        Value::Texts(list.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn every_expected_instance_has_to_be_there_and_healthy() {
        // Of the states of `a` and `b`: all_healthy, healthy, the list that names `b`.
        let rows = [
            ("healthy", Some(Healthy), Some(true), Some(2.0), None),
            ("one down", Some(Down), Some(false), Some(1.0), Some("down")),
            ("one out", Some(Out), Some(false), Some(1.0), Some("out_of_service")),
            ("one changing", Some(Changing), Some(false), Some(1.0), Some("changing")),
            ("one missing", None, Some(false), Some(1.0), Some("missing")),
            ("one nobody knows of", Some(Unchecked), None, None, Some("unchecked")),
        ];
        for (row, b, all, count, list) in rows {
            let mut entries = vec![entry("a", Healthy, 9)];
            entries.extend(b.map(|state| entry("b", state, 9)));
            let r = read(&expected(&["a", "b"]), &entries);
            assert_eq!(r.get("all_healthy"), all.map(Value::Flag).as_ref(), "{row}");
            assert_eq!(r.get("healthy"), count.map(Value::Number).as_ref(), "{row}");
            let share = count.map(|n| Value::Number(n * 50.0));
            assert_eq!(r.get("healthy_share"), share.as_ref(), "{row}");
            for name in ["missing", "down", "out_of_service", "changing", "unchecked"] {
                let open = b == Some(Unchecked) && !matches!(name, "missing" | "unchecked");
                let names: &[&str] = if list == Some(name) { &["b"] } else { &[] };
                let told = (!open).then(|| texts(names));
                assert_eq!(r.get(name), told.as_ref(), "{row}: {name}");
            }
        }
    }

    #[test]
    fn no_backend_at_all_is_a_failure_of_all() {
        let r = read(&expected(&["a", "b"]), &[]);
        assert_eq!(r.get("all_healthy"), Some(&Value::Flag(false)));
        assert_eq!(r.get("healthy"), Some(&Value::Number(0.0)));
        assert_eq!(r.get("missing"), Some(&texts(&["a", "b"])));
        assert_eq!((r.get("pool_share"), r.get("stable_for")), (None, None));
    }

    #[test]
    fn a_bad_one_is_told_beside_one_that_nobody_knows_of() {
        let r = read(&expected(&["a", "b"]), &[entry("a", Down, 1), entry("b", Unchecked, 1)]);
        assert_eq!(r.get("all_healthy"), Some(&Value::Flag(false)));
        assert_eq!(r.get("down"), Some(&texts(&["a"])));
        assert_eq!((r.get("changing"), r.get("healthy"), r.get("pool_share")), (None, None, None));
    }

    #[test]
    fn of_several_entries_the_worst_counts_and_strangers_are_told() {
        let entries = [
            entry("a", Healthy, 100),
            entry("a", Down, 5),
            entry("b", Healthy, 70),
            entry("old", Healthy, 1),
        ];
        let r = read(&expected(&["a", "b"]), &entries);
        assert_eq!(r.get("down"), Some(&texts(&["a"])));
        assert_eq!(r.get("unexpected"), Some(&texts(&["old"])));
        assert_eq!(r.get("pool_share"), Some(&Value::Number(75.0)));
        assert_eq!(r.get("stable_for"), Some(&Value::Number(5.0)), "the stranger does not count");
        let r = read(&expected(&["a", "c"]), &entries);
        assert_eq!(r.get("stable_for"), None, "one is missing");
    }

    #[test]
    fn the_worst_zone_is_told() {
        let zoned =
            |name: &str, zone: &str| Expected { name: name.into(), zone: Some(zone.into()) };
        let expected = [zoned("a", "x"), zoned("b", "x"), zoned("c", "y"), zoned("d", "y")];
        let states = [Healthy, Healthy, Healthy, Down];
        let entries = ["a", "b", "c", "d"].iter().zip(states).map(|(n, s)| entry(n, s, 1));
        let r = read(&expected, &entries.collect::<Vec<_>>());
        assert_eq!(r.get("lowest_zone_share"), Some(&Value::Number(50.0)));
        assert_eq!(r.get("healthy_share"), Some(&Value::Number(75.0)));
    }
}
