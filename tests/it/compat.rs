//! A trigger beside a Prometheus alert with the same `for`: on data without gaps both fire at the same evaluation, and
//! where they part it is meant. What Prometheus does is asked of `promtool`, not remembered.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use launchgate_core::expectation::Expectation;
use launchgate_core::milestone::{Milestone, Reached};
use launchgate_core::name::{CheckPath, Name};
use launchgate_core::observation::{Cause, Failure, Observation};
use launchgate_core::reading::{ReadingSpec, ReadingType, Readings, Unit};
use launchgate_core::time::Moment;
use launchgate_core::trigger::{Memory, Trigger};

use crate::rig::process::need;

/// Seconds between two evaluations, as in the rule file.
const EVERY: u64 = 15;
const FOR: u64 = 300;
/// How many series are compared, and how many evaluations each has.
const SERIES: u64 = 60;
const SLOTS: usize = 80;

/// One evaluation's sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Slot {
    Breach,
    Good,
    Nan,
    /// The source was down: nothing was written.
    Down,
    /// The series has ended, and the source says so.
    Stale,
}

impl Slot {
    /// As `promtool` writes it.
    fn written(self) -> &'static str {
        match self {
            Self::Breach => "9",
            Self::Good => "1",
            Self::Nan => "NaN",
            Self::Down => "_",
            Self::Stale => "stale",
        }
    }

    /// As a probe sees it.
    fn seen(self) -> Result<Readings, Failure> {
        match self {
            Self::Breach => Ok(Readings::new().number("value", 9.0)),
            Self::Good => Ok(Readings::new().number("value", 1.0)),
            Self::Nan => Ok(Readings::new().number("value", f64::NAN)),
            Self::Down => Err(Failure::new(Cause::Refused, "no connection")),
            Self::Stale => Err(Failure::new(Cause::NoData, "no series")),
        }
    }
}

/// The evaluation at which our trigger fires.
fn ours(series: &[Slot]) -> Option<usize> {
    let specs = [ReadingSpec::new("value", ReadingType::Number(Unit::Percent), "")];
    let breach = Expectation::compile("value > 5%", &specs).unwrap();
    let check: CheckPath = "health/errors".parse().unwrap();
    let (lasts, every) = (Duration::from_secs(FOR), Duration::from_secs(EVERY));
    let trigger = Trigger::new(Name::of("errors"), check.clone(), breach, lasts, every);
    let start = Moment::at("2026-12-01T09:00:00Z".parse().unwrap());
    let milestone = Milestone::DeployStarted;
    let history = [Reached { milestone, at: start.wall, by: "alice".to_owned() }];
    let mut memory = Memory::default();
    let mut at = start;
    for (place, slot) in series.iter().enumerate() {
        memory.tick(&trigger, &history, 1, at);
        let observation = Observation { at, took: Duration::ZERO, outcome: slot.seen() };
        if memory.take(&trigger, &check, &observation, at) {
            return Some(place);
        }
        at = at.plus(every);
    }
    None
}

/// Asks `promtool` whether its alert first fires at an evaluation, or at none; what it says if not.
fn promtool(name: &str, cases: &[(Vec<Slot>, Option<usize>)]) -> Result<(), String> {
    let rules = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/compat/rules.yaml");
    let mut text =
        format!("rule_files: [{}]\nevaluation_interval: {EVERY}s\ntests:\n", rules.display());
    for (number, (series, fires)) in cases.iter().enumerate() {
        let values: Vec<&str> = series.iter().map(|slot| slot.written()).collect();
        let values = values.join(" ");
        write!(
            text,
            "  - name: {name}-{number}\n    interval: {EVERY}s\n    input_series:\n      \
             - {{ series: m, values: '{values}' }}\n    alert_rule_test:\n"
        )
        .expect("a string takes everything");
        for slot in 0..=fires.unwrap_or(series.len() - 1) {
            let alerts = if Some(slot) == *fires { "[{ exp_labels: {} }]" } else { "[]" };
            let at = slot * 15;
            writeln!(
                text,
                "      - {{ eval_time: {at}s, alertname: breach, exp_alerts: {alerts} }}"
            )
            .expect("a string takes everything");
        }
    }
    let file = std::env::temp_dir().join(format!("compat-{name}-{}.yaml", std::process::id()));
    std::fs::write(&file, text).unwrap();
    let out = Command::new("promtool").args(["test", "rules"]).arg(&file).output().unwrap();
    std::fs::remove_file(&file).unwrap();
    let said =
        [String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr)].concat();
    if out.status.success() { Ok(()) } else { Err(said) }
}

/// A series without gaps: breaches and good samples in turns of random length.
fn series(seed: u64) -> Vec<Slot> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut slots = Vec::new();
    let mut breach = seed.is_multiple_of(2);
    while slots.len() < SLOTS {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let length = usize::try_from(state % if breach { 30 } else { 6 } + 1).unwrap();
        slots.extend(vec![if breach { Slot::Breach } else { Slot::Good }; length]);
        breach = !breach;
    }
    slots.truncate(SLOTS);
    slots
}

#[test]
fn on_data_without_gaps_it_fires_when_prometheus_does() {
    if !need("promtool") {
        return;
    }
    let mut cases: Vec<(Vec<Slot>, Option<usize>)> =
        (0..SERIES).map(series).map(|s| (s, None)).collect();
    // On the edge: one sample short of the duration, and exactly as many as it takes.
    cases.push(([vec![Slot::Breach; 20], vec![Slot::Good; 5]].concat(), None));
    cases.push(([vec![Slot::Breach; 21], vec![Slot::Good; 5]].concat(), None));
    for case in &mut cases {
        case.1 = ours(&case.0);
    }
    let fire = cases.iter().filter(|case| case.1.is_some()).count();
    assert!(fire > 20 && fire < cases.len() - 10, "{fire} of {} fire", cases.len());
    promtool("clean", &cases).unwrap_or_else(|said| panic!("{said}"));
}

#[test]
fn promtool_notices_when_we_are_an_evaluation_off() {
    if !need("promtool") {
        return;
    }
    let series = vec![Slot::Breach; 40];
    for (row, at) in [("early", Some(19)), ("late", Some(21)), ("never", None)] {
        assert!(promtool(row, &[(series.clone(), at)]).is_err(), "{row}");
    }
}

/// Where we part from Prometheus on purpose.
mod divergence {
    use super::*;
    use Slot::{Breach, Down, Nan, Stale};

    /// When each fires, on parts of a series: a slot and how often it comes.
    #[track_caller]
    fn part(
        name: &str,
        parts: &[(Slot, usize)],
        prometheus: Option<usize>,
        launchgate: Option<usize>,
    ) {
        if !need("promtool") {
            return;
        }
        let series: Vec<Slot> = parts.iter().flat_map(|(slot, n)| vec![*slot; *n]).collect();
        assert_eq!(ours(&series), launchgate, "launchgate");
        promtool(name, &[(series, prometheus)]).unwrap_or_else(|said| panic!("{said}"));
    }

    /// Prometheus shows a sample for five minutes after the source fell silent, so that two breaches mature by
    /// themselves. Nobody saw those minutes: they are no evidence.
    #[test]
    fn two_breaches_and_silence_are_no_breach() {
        part("lookback", &[(Breach, 2), (Down, 40)], Some(20), None);
    }

    /// An outage in the middle counts for Prometheus as if it had been breach. Here it earns nothing, and what was
    /// earned before it stays.
    #[test]
    fn an_outage_earns_nothing() {
        part("outage", &[(Breach, 5), (Down, 10), (Breach, 40)], Some(20), Some(31));
    }

    /// A series that is missing once takes the whole pending time with it in Prometheus. Here one lost sample is no
    /// recovery.
    #[test]
    fn a_missing_series_is_no_recovery() {
        part("missing", &[(Breach, 10), (Stale, 1), (Breach, 40)], Some(31), Some(20));
    }

    /// NaN is greater than nothing, so that Prometheus takes it for good and begins anew. Here it is unknown, which ends
    /// no breach.
    #[test]
    fn nan_is_no_recovery() {
        part("nan", &[(Breach, 10), (Nan, 1), (Breach, 40)], Some(31), Some(20));
    }

    /// However long it lasts, what is not a number fires nothing on either side.
    #[test]
    fn nan_alone_fires_nothing() {
        part("nan-alone", &[(Nan, 60)], None, None);
    }
}
