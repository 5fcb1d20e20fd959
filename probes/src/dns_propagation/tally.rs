//! From what every resolver said to readings: the share that has the change, and when the rest will.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use launchgate_core::reading::Readings;

use super::class::Class;
use crate::dns::verdict::percent;

/// What one resolver said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Heard {
    /// The region that it speaks for.
    pub(super) region: String,
    /// What it is called in reports.
    pub(super) subject: String,
    /// The worst of its answers.
    pub(super) class: Class,
    /// For how long it keeps an answer that is not new, at most.
    pub(super) left: Option<Duration>,
    /// That answer, for people.
    pub(super) says: String,
    /// Whether it counts; one that filters, or that did not answer for the region, is only shown.
    pub(super) counts: bool,
}

/// Whom it takes for a share to be told.
#[derive(Debug)]
pub(super) struct Rules<'a> {
    /// The region of `core_share`.
    pub(super) core: &'a str,
    /// The regions that must be heard.
    pub(super) required: &'a BTreeSet<String>,
    /// The percentage of resolvers that must be heard.
    pub(super) quorum: f64,
    /// When all old answers should have run out by what the zone said, if that is known.
    pub(super) cap: Option<Duration>,
}

/// Adds the readings about the resolvers.
pub(super) fn add(mut readings: Readings, heard: &[Heard], rules: &Rules<'_>) -> Readings {
    let counted: Vec<&Heard> = heard.iter().filter(|h| h.counts).collect();
    for class in Class::ALL {
        let count = counted.iter().filter(|h| h.class == class).count();
        readings = readings.number(class.reading(), whole(count));
    }
    let answered = counted.iter().filter(|h| h.class != Class::Error).count();
    let responding = if counted.is_empty() { 0.0 } else { percent(answered, counted.len()) };
    let told: Vec<&Heard> = counted.iter().copied().filter(|h| h.class.tells()).collect();
    let by_region = regions(&told);
    let silent: Vec<&String> =
        rules.required.iter().filter(|r| !by_region.contains_key(r.as_str())).collect();
    readings = readings
        .number("responding", responding)
        .number("regions_missing", whole(silent.len()))
        .texts("regions_silent", silent.iter().map(ToString::to_string));
    readings = if !silent.is_empty() {
        readings.note("a required region is silent, so no share is told")
    } else if told.is_empty() || responding < rules.quorum {
        readings.note("too few resolvers are heard, so no share is told")
    } else {
        shares(readings, &told, &by_region, rules)
    };
    for one in heard {
        let says = match (one.left, one.counts) {
            (Some(left), _) if one.class != Class::New => {
                let left = launchgate_core::time::format_duration(left);
                format!("{}: {}, kept for another {left}", one.class.reading(), one.says)
            }
            (_, true) => format!("{}: {}", one.class.reading(), one.says),
            (_, false) => format!("{}: {}; it does not count", one.class.reading(), one.says),
        };
        readings = readings.part(&*one.subject, says, one.counts && one.class != Class::New);
    }
    readings
}

/// How many resolvers tell in each region, and how many of them have the change.
fn regions<'a>(told: &[&'a Heard]) -> BTreeMap<&'a str, (usize, usize)> {
    let mut regions = BTreeMap::new();
    for one in told {
        let (new, all) = regions.entry(one.region.as_str()).or_insert((0, 0));
        *new += usize::from(one.class == Class::New);
        *all += 1;
    }
    regions
}

fn shares(
    mut readings: Readings,
    told: &[&Heard],
    by_region: &BTreeMap<&str, (usize, usize)>,
    rules: &Rules<'_>,
) -> Readings {
    let new = told.iter().filter(|h| h.class == Class::New).count();
    readings = readings
        .number("share", percent(new, told.len()))
        .flag("converged", new == told.len())
        .texts(
            "regions_behind",
            by_region.iter().filter(|(_, (new, all))| new < all).map(|(region, _)| *region),
        );
    if let Some((new, all)) = by_region.get(rules.core) {
        readings = readings.number("core_share", percent(*new, *all));
    }
    if told.iter().any(|h| h.class == Class::Other) {
        return readings
            .note("what becomes of the other answers is not known, so no end is estimated");
    }
    let late = |h: &&&Heard| matches!(h.class, Class::Old | Class::Nxdomain);
    let left: Option<Vec<Duration>> = told.iter().filter(late).map(|h| h.left).collect();
    let Some(left) = left else {
        return readings
            .note("an old answer does not say how long it is kept, so no end is estimated");
    };
    let longest = left.into_iter().max().unwrap_or_default();
    let has_old = told.iter().any(|h| h.class == Class::Old);
    match rules.cap {
        // A resolver that keeps answers longer than it was told is held to what it says itself.
        Some(cap) if cap.is_zero() && has_old => readings
            .time("converged_in", longest)
            .note("old answers outlive what the zone gave them"),
        Some(cap) if !cap.is_zero() && has_old => readings.time("converged_in", longest.min(cap)),
        _ => readings.time("converged_in", longest),
    }
}

#[expect(clippy::cast_precision_loss, reason = "there are few of them")]
fn whole(count: usize) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use launchgate_core::reading::Value;

    use super::*;

    fn heard(region: &str, class: Class, left: Option<u64>) -> Heard {
        Heard {
            region: region.to_owned(),
            subject: "resolver".to_owned(),
            class,
            left: left.map(Duration::from_secs),
            says: String::new(),
            counts: true,
        }
    }

    /// What comes of these: share, share of the core, seconds until all is new, silent regions.
    fn told(heard: &[Heard], cap: Option<u64>) -> (Option<f64>, Option<f64>, Option<f64>, f64) {
        let required = BTreeSet::from(["core".to_owned(), "eu".to_owned()]);
        let cap = cap.map(Duration::from_secs);
        let rules = Rules { core: "core", required: &required, quorum: 200.0 / 3.0, cap };
        let readings = add(Readings::new(), heard, &rules);
        let number = |name: &str| match readings.get(name) {
            Some(Value::Number(number)) => Some(*number),
            _ => None,
        };
        let missing = number("regions_missing").expect("it is always told");
        assert_eq!(number("share").is_some(), readings.get("converged").is_some());
        (number("share"), number("core_share"), number("converged_in"), missing)
    }

    #[test]
    fn shares_are_told_of_those_who_tell() {
        use Class::{Error, Filtered, New, Nxdomain, Old, Other, Stale};
        let eu = || heard("eu", New, None);
        let core = |class, left| heard("core", class, left);
        let filter = Heard { counts: false, ..core(Other, None) };
        let new = || core(New, None);
        let whole = (Some(100.0), Some(100.0), Some(0.0), 0.0);
        let half = |left| (Some(50.0), Some(0.0), left, 0.0);
        let rows = [
            ("all new", vec![new(), eu()], None, whole),
            ("one old", vec![core(Old, Some(40)), eu()], None, half(Some(40.0))),
            ("the cap", vec![core(Old, Some(40)), eu()], Some(30), half(Some(30.0))),
            ("beyond the cap", vec![core(Old, Some(40)), eu()], Some(0), half(Some(40.0))),
            (
                "the last to know",
                vec![core(Old, Some(4)), core(Old, Some(9)), eu(), eu()],
                None,
                half(Some(9.0)),
            ),
            ("not there", vec![core(Nxdomain, Some(7)), eu()], None, half(Some(7.0))),
            ("kept for nobody knows how long", vec![core(Old, None), eu()], None, half(None)),
            ("strange", vec![core(Other, Some(7)), eu()], None, half(None)),
            ("stale says nothing", vec![new(), core(Stale, None), eu()], None, whole),
            ("filtered says nothing", vec![new(), core(Filtered, None), eu()], None, whole),
            ("those that filter do not count", vec![new(), filter, eu()], None, whole),
            ("one of four away", vec![new(), new(), core(Error, None), eu()], None, whole),
            (
                "half away",
                vec![new(), core(Error, None), core(Error, None), eu()],
                None,
                (None, None, None, 0.0),
            ),
            (
                "a region away",
                vec![new(), new(), new(), heard("eu", Error, None)],
                None,
                (None, None, None, 1.0),
            ),
            ("a region without resolvers", vec![new()], None, (None, None, None, 1.0)),
            ("nobody", vec![], None, (None, None, None, 2.0)),
        ];
        for (row, heard, cap, expected) in rows {
            assert_eq!(told(&heard, cap), expected, "{row}");
        }
    }
}
