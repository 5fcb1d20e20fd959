//! The kernel in a world where everything goes wrong that can: clocks that are set, sources that lie or fall silent,
//! disks that fill up, processes that die between any two things, steps that end when nobody listens, and people.
//!
//! One seed is one history; after each step the rules of [`judge`] must hold. A seed that ever broke one stands in
//! `seeds.txt` and is played first. `SIM_SEED=n` plays one and tells its story, `SIM_SEEDS=n` says how many are played.
#![expect(clippy::disallowed_methods, reason = "a test reads its settings and measures itself")]
#![expect(clippy::print_stdout, reason = "a test says how much it played")]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod clock;
mod dice;
mod engine;
mod executor;
mod history;
mod judge;
mod launch;
mod oracle;
mod people;
mod source;
mod store;
mod story;
mod violation;
mod world;

use std::time::Instant;

use history::{Told, play};

/// How many histories a plain `cargo test` plays, and how many one that was built to be fast.
const SEEDS: u64 = if cfg!(debug_assertions) { 600 } else { 100_000 };
/// How much of a story is printed.
const LAST_LINES: usize = 60;

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// Plays a seed; one that breaks a rule is told twice, must be told alike, and ends the test.
fn must_hold(plan: &std::sync::Arc<launchgate_core::plan::Plan>, seed: u64) -> Told {
    let told = play(plan, seed, false);
    let Some(violation) = &told.violation else { return told };
    let (first, second) = (play(plan, seed, true), play(plan, seed, true));
    assert_eq!(first.digest, second.digest, "seed {seed} tells two stories");
    assert_eq!(first.violation, told.violation, "seed {seed} tells two stories");
    let from = first.story.len().saturating_sub(LAST_LINES);
    println!("{}", first.story[from..].join("\n"));
    let (rule, what, digest) = (violation.rule, &violation.what, first.digest);
    panic!("{rule} broken by SIM_SEED={seed} (digest {digest:016x}): {what}");
}

#[test]
fn seeds_that_once_broke_a_rule_hold() {
    let plan = launch::plan();
    let lines = include_str!("seeds.txt").lines().filter(|line| !line.starts_with('#'));
    for line in lines {
        let seed = line.split_whitespace().next().expect("a line begins with its seed");
        must_hold(&plan, seed.parse().unwrap());
    }
}

#[test]
fn the_rules_hold_in_every_history() {
    let plan = launch::plan();
    if let Some(seed) = setting("SIM_SEED") {
        println!("{}", play(&plan, seed, true).story.join("\n"));
        must_hold(&plan, seed);
        return;
    }
    let (seeds, from) = (setting("SIM_SEEDS").unwrap_or(SEEDS), setting("SIM_FROM").unwrap_or(0));
    let began = Instant::now();
    let (mut runs, mut fired, mut acts, mut boots) = (0_u64, 0_u64, 0_u64, 0_u64);
    for seed in from..from + seeds {
        let told = must_hold(&plan, seed);
        runs += u64::from(told.runs);
        fired += u64::from(told.fired);
        acts += u64::from(told.acts);
        boots += u64::from(told.boots);
    }
    let took = began.elapsed();
    let per_second = u128::from(seeds) * 1_000 / took.as_millis().max(1);
    println!(
        "{seeds} histories in {took:.1?} ({per_second} a second): {runs} runs, {fired} fired by themselves, \
         {acts} side effects, {boots} processes"
    );
    assert!(seeds < 1_000 || runs > seeds / 2 && fired > seeds / 4, "too little happens");
}

#[test]
fn a_seed_tells_one_story() {
    let plan = launch::plan();
    for seed in 0..5 {
        let (once, again) = (play(&plan, seed, true), play(&plan, seed, true));
        assert!(once.story.len() > 100, "seed {seed} tells little");
        assert_eq!(once.digest, again.digest, "seed {seed}");
    }
}
