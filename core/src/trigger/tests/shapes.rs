//! Conditions of several checks, windows, hysteresis, arming, gaps, and clocks that are set.

use super::*;

fn two(rule: Rule) -> Trigger {
    let mut trigger = trigger();
    trigger.watch.rule = rule;
    let other = Child { check: "health/p99".parse().unwrap(), breach: breach() };
    trigger.watch.children.push(other);
    trigger
}

/// Feeds `(second, first, second)` of two checks that look one after the other, and gives when it fired.
fn fires_on_two(
    trigger: &Trigger,
    steps: impl Iterator<Item = (u64, f64, Option<f64>)>,
) -> Option<u64> {
    let mut memory = Memory::default();
    for (second, first, other) in steps {
        memory.tick(trigger, &history(), 1, moment(second));
        let other_at = observation(second, other);
        memory.take(trigger, &"health/p99".parse().unwrap(), &other_at, moment(second));
        let first = observation(second, Some(first));
        if memory.take(trigger, &path(), &first, moment(second)) {
            return Some(second);
        }
    }
    None
}

/// A name, the rule, the other check's value by time, the first one's, and when it fires.
type Both = (&'static str, Rule, fn(u64) -> Option<f64>, f64, Option<u64>);

#[test]
fn several_checks_are_weighed_in_three_values() {
    let steps = |other: fn(u64) -> Option<f64>, first: f64| {
        (0..=900).step_by(15).map(move |s| (s, first, other(s)))
    };
    let rows: [Both; 7] = [
        ("any: one is enough", Rule::Any, |_| Some(1.0), 9.0, Some(300)),
        ("any: the other alone", Rule::Any, |_| Some(9.0), 1.0, Some(300)),
        ("all: both", Rule::All, |_| Some(9.0), 9.0, Some(300)),
        ("all: one is good", Rule::All, |_| Some(1.0), 9.0, None),
        ("all: the other is unknown", Rule::All, |_| None, 9.0, None),
        ("any: the other is unknown", Rule::Any, |_| None, 9.0, Some(300)),
        (
            "all: the other joins late",
            Rule::All,
            |s| Some(if s < 100 { 1.0 } else { 9.0 }),
            9.0,
            Some(405),
        ),
    ];
    for (row, rule, other, first, at) in rows {
        assert_eq!(fires_on_two(&two(rule), steps(other, first)), at, "{row}");
    }
}

#[test]
fn a_window_fires_on_what_oscillates_and_an_unbroken_duration_does_not() {
    let swings =
        || (0..3_600).step_by(15).map(|s| (s, Some(if s / 15 % 3 < 2 { 9.0 } else { 1.0 })));
    assert_eq!(fires(swings()).0, None);
    let mut trigger = trigger();
    trigger.window = Some(Window { breaches: 12, of: 20 });
    let mut memory = Memory::default();
    let fired = swings().find(|(second, value)| {
        memory.tick(&trigger, &history(), 1, moment(*second));
        memory.take(&trigger, &path(), &observation(*second, *value), moment(*second))
    });
    assert_eq!(fired.map(|(second, _)| second), Some(16 * 15), "the 12th breach");
    assert!(memory.flapping);
    assert!(
        memory.because(&trigger, moment(240)).contains("12 of 12 breaches in the last 20 looks")
    );
}

#[test]
fn a_short_good_spell_is_bridged_where_that_is_asked_for() {
    let spell = || [steady(0, 150, Some(9.0)), vec![(165, Some(1.0))], steady(180, 900, Some(9.0))];
    assert_eq!(fires(spell().concat()).0, Some(480));
    let mut trigger = trigger();
    trigger.clear_after = Duration::from_secs(30);
    let mut memory = Memory::default();
    let fired = spell().concat().into_iter().find(|(second, value)| {
        memory.tick(&trigger, &history(), 1, moment(*second));
        memory.take(&trigger, &path(), &observation(*second, *value), moment(*second))
    });
    assert_eq!(fired.map(|(second, _)| second), Some(330), "the spell earns nothing");
}

#[test]
fn a_young_deployment_is_left_alone() {
    let mut trigger = trigger();
    trigger.arm_delay = Duration::from_secs(60);
    let mut memory = Memory::default();
    let mut seen = Vec::new();
    let fired = steady(0, 900, Some(9.0)).into_iter().find(|(second, value)| {
        memory.tick(&trigger, &history(), 1, moment(*second));
        let fires = memory.take(&trigger, &path(), &observation(*second, *value), moment(*second));
        seen.push(memory.status);
        fires
    });
    assert_eq!(fired.map(|(second, _)| second), Some(360));
    assert_eq!(seen[..5], [[Status::Arming; 4].as_slice(), &[Status::Pending]].concat());
}

#[test]
fn what_was_bad_before_the_deployment_does_not_fire_until_it_recovers() {
    let run = |before: f64, may_fire: bool| {
        let mut trigger = trigger();
        trigger.preexisting_may_fire = may_fire;
        let mut memory = Memory::default();
        memory.tick(&trigger, &[], 0, moment(0));
        memory.take(&trigger, &path(), &observation(5, Some(before)), moment(5));
        let later: Vec<_> = [
            steady(15, 615, Some(9.0)),
            steady(630, 930, Some(1.0)),
            steady(945, 1_500, Some(9.0)),
        ]
        .concat();
        let fired = later.into_iter().find(|(second, value)| {
            memory.tick(&trigger, &history(), 1, moment(*second));
            memory.take(&trigger, &path(), &observation(*second, *value), moment(*second))
        });
        fired.map(|(second, _)| second)
    };
    assert_eq!(run(1.0, false), Some(315), "good before");
    assert_eq!(run(9.0, false), Some(1_245), "bad before: fires once it has recovered");
    assert_eq!(run(9.0, true), Some(315), "bad before, and that may fire");
}

/// Breaches until `from`, nothing until `to`, breaches from then on, every 15 s; with or without the source's history.
fn restart(gap: Duration, backfill: Option<f64>) -> Option<u64> {
    let (trigger, mut memory) = (trigger(), Memory::default());
    let down = 180;
    let up = down + gap.as_secs();
    let mut next = 0;
    while next < 3_600 {
        memory.tick(&trigger, &history(), 1, moment(next));
        let fires = memory.take(&trigger, &path(), &observation(next, Some(9.0)), moment(next));
        if fires {
            return Some(next);
        }
        if let (Some(gap), Some(value)) = (memory.gap, backfill) {
            let history: Vec<Observation> =
                (0..next).step_by(15).map(|s| observation(s, Some(value))).collect();
            assert_eq!(gap.from.0, moment(down).wall);
            memory.fill(&trigger, &history);
        }
        next = if next == down { up } else { next + 15 };
    }
    None
}

#[test]
fn a_restart_costs_what_was_not_seen_and_nothing_where_the_source_remembers() {
    // The gap, when it fires without history, and with the source's history of breaches.
    let rows = [
        ("10 s", 10, 310, 310),
        ("39 s", 39, 309, 309),
        ("40 s is the longest that counts", 40, 310, 310),
        ("41 s", 41, 341, 311),
        ("90 s", 90, 390, 300),
        ("10 min", 600, 900, 795),
        ("14:59", 899, 1_199, 1_094),
        ("15:01: credit was dropped", 901, 1_381, 1_381),
        ("61 min", 3_660, 0, 0),
    ];
    for (row, gap, without, with) in rows {
        let gap = Duration::from_secs(gap);
        assert_eq!(restart(gap, None), (without > 0).then_some(without), "{row}");
        assert_eq!(restart(gap, Some(9.0)), (with > 0).then_some(with), "{row}, with history");
    }
    let nan = restart(Duration::from_secs(90), Some(f64::NAN));
    assert_eq!(nan, Some(390), "the history cannot tell: nothing is earned and nothing lost");
    let good = restart(Duration::from_secs(90), Some(1.0));
    assert_eq!(good, Some(570), "the history was good: what came before the gap counts no more");
}

#[test]
fn a_source_whose_clock_was_set_back_is_followed_after_three_samples() {
    let (trigger, mut memory) = (trigger(), Memory::default());
    memory.tick(&trigger, &history(), 1, moment(0));
    let stepped = |second: u64| {
        // An hour back on the wall, on by as much since boot.
        let at = Moment {
            wall: moment(second).wall - jiff::SignedDuration::from_hours(1),
            ..moment(second)
        };
        Observation { at, ..observation(second, Some(9.0)) }
    };
    for second in (0..=120).step_by(15) {
        memory.take(&trigger, &path(), &observation(second, Some(9.0)), moment(second));
    }
    assert_eq!(memory.credit, Duration::from_secs(120));
    let mut statuses = Vec::new();
    for second in [135, 150, 165, 180, 195] {
        let seen = stepped(second);
        memory.take(&trigger, &path(), &seen, seen.at);
        statuses.push((memory.status, memory.credit.as_secs()));
    }
    let (pending, blind) = (Status::Pending, Status::Blind);
    assert_eq!(statuses, [(pending, 120), (pending, 120), (blind, 0), (pending, 0), (pending, 15)]);
}
