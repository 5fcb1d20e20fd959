//! What holds over every sequence of events.

use proptest::prelude::*;

use super::launch::{Told, bad, blind, good};
use super::*;
use crate::gate::Verdict;

/// Something that may happen, with the time that passes before it.
#[derive(Debug, Clone)]
enum Happening {
    See { check: usize, outcome: u8 },
    Sign,
    Reach(Milestone),
    Tick,
    Fire,
    End { how: Ended },
    Restart,
}

const CHECKS: [&str; 3] = ["infra/dns", "infra/tls", "health/errors"];

fn happening() -> impl Strategy<Value = (u64, Happening)> {
    let happening = prop_oneof![
        8 => (0..3_usize, 0..3_u8).prop_map(|(check, outcome)| Happening::See { check, outcome }),
        1 => Just(Happening::Sign),
        2 => proptest::sample::select(&Milestone::ALL).prop_map(Happening::Reach),
        2 => Just(Happening::Tick),
        1 => Just(Happening::Fire),
        2 => prop_oneof![
            Just(Ended::Succeeded), Just(Ended::Failed), Just(Ended::TimedOut), Just(Ended::InDoubt),
            Just(Ended::NotStarted), Just(Ended::NotDone)
        ]
            .prop_map(|how| Happening::End { how }),
        1 => Just(Happening::Restart),
    ];
    (0..12_u64, happening)
}

/// Lets it happen; what the state refuses has not happened.
fn happen(told: &mut Told, (seconds, happening): (u64, Happening), restarts: bool) -> Vec<Perform> {
    told.now = told.now.plus(Duration::from_secs(seconds));
    let event = match happening {
        Happening::See { check, outcome } => {
            let outcome = [good, bad, blind][usize::from(outcome)]();
            let check = CHECKS[check].parse().unwrap();
            Event::Observed { check, observation: told.observation(outcome) }
        }
        Happening::Sign => Told::sign_off("carol"),
        Happening::Reach(milestone) => Event::Milestone { milestone, by: "alice".into() },
        Happening::Tick => Event::Tick,
        Happening::Fire => Event::Fire {
            trigger: Name::of("errors"),
            person: Name::of("alice"),
            reason: "seen by eye".into(),
        },
        Happening::End { how } => {
            let open = told.state.runs().iter().rev().find_map(|run| {
                let (step, attempt) = run.open_attempts().next()?;
                Some((run.id.clone(), step, attempt))
            });
            let Some((run, step, attempt)) = open else { return Vec::new() };
            Event::StepEnded { run, step, attempt, how, evidence: String::new() }
        }
        Happening::Restart if restarts => {
            let looks = told.restart();
            let open = told.state.runs().iter().flat_map(Run::open_attempts).count();
            assert_eq!(looks.len(), open, "what is open is looked at, and nothing else");
            return Vec::new();
        }
        Happening::Restart => return Vec::new(),
    };
    let effects = told.try_apply(event).unwrap_or_default();
    let performs = effects.into_iter().filter_map(|effect| match effect {
        Effect::Perform(perform) => Some(*perform),
        Effect::Persist(_)
        | Effect::Send(_)
        | Effect::LookBack { .. }
        | Effect::LookAgain(_)
        | Effect::Rehearse { .. }
        | Effect::LookAt(_) => None,
    });
    performs.collect()
}

fn everything(told: &mut Told) -> String {
    serde_json::to_string(&told.report()).expect("a report is JSON")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn replaying_the_events_gives_the_same_state(
        story in prop::collection::vec(happening(), 0..60)
    ) {
        let (mut once, mut again) = (Told::new(), Told::new());
        for event in story {
            happen(&mut once, event.clone(), true);
            happen(&mut again, event, true);
        }
        prop_assert_eq!(&once.kept, &again.kept);
        prop_assert_eq!(everything(&mut once), everything(&mut again));
    }

    #[test]
    fn what_was_kept_gives_the_state_back(story in prop::collection::vec(happening(), 0..60)) {
        let mut told = Told::new();
        for event in story {
            happen(&mut told, event, false);
        }
        let mut restored = Told { state: told.restored(), ..told.clone() };
        prop_assert_eq!(everything(&mut restored), everything(&mut told));
    }

    #[test]
    fn worsening_a_finding_never_turns_the_verdict_towards_go(
        story in prop::collection::vec(happening(), 0..40),
        check in 0..3_usize,
        better in 0..3_u8,
        worse in 0..3_u8,
    ) {
        // Of the outcomes, good is 0, bad is 1 and blind is 2; a gate ranks good, blind, bad.
        let rank = |outcome: u8| [0, 2, 1][usize::from(outcome)];
        prop_assume!(rank(better) <= rank(worse));
        let mut told = Told::new();
        for event in story {
            happen(&mut told, event, true);
        }
        let mut worsened = told.clone();
        happen(&mut told, (0, Happening::See { check, outcome: better }), false);
        happen(&mut worsened, (0, Happening::See { check, outcome: worse }), false);
        prop_assert!(told.report().verdict <= worsened.report().verdict);
    }

    #[test]
    fn silence_leaves_no_required_check_passing(
        story in prop::collection::vec(happening(), 0..40),
        silence in 31..100_000_u64,
    ) {
        let mut told = Told::new();
        for event in story {
            happen(&mut told, event, true);
        }
        told.now = told.now.plus(Duration::from_secs(silence));
        let report = told.report();
        let probed = report.checklists.iter().flat_map(|l| &l.checks).filter(|c| c.fresh_for.is_some());
        for check in probed {
            prop_assert!(!check.outcome.is_good(), "{} is {:?}", check.id, check.outcome);
        }
        prop_assert!(report.checklists[0].verdict > Verdict::Go);
    }

    #[test]
    fn unknowns_fire_nothing(
        before in prop::collection::vec((1..12_u64, 0..3_u8), 0..8),
        silence in prop::collection::vec(1..400_u64, 1..80),
    ) {
        let mut told = Told::new();
        told.reach(Milestone::DeployStarted);
        for (seconds, outcome) in before {
            happen(&mut told, (seconds, Happening::See { check: 2, outcome }), false);
        }
        prop_assume!(told.state.runs().is_empty());
        for seconds in silence {
            let performs =
                happen(&mut told, (seconds, Happening::See { check: 2, outcome: 2 }), false);
            prop_assert!(performs.is_empty());
        }
        prop_assert!(told.state.runs().is_empty());
    }

    #[test]
    fn a_deployment_has_one_run_and_a_once_step_one_attempt(
        story in prop::collection::vec(happening(), 0..120)
    ) {
        let mut told = Told::new();
        let mut begun = std::collections::BTreeSet::new();
        for event in story {
            for perform in happen(&mut told, event, true) {
                let first = begun.insert((perform.idempotency_key(), perform.attempt));
                prop_assert!(first, "{} began twice", perform.idempotency_key());
                if perform.attempt == 1 || perform.step.effect != crate::procedure::Effect::Once {
                    continue;
                }
                // The attempt before it is proved not to have begun.
                let ended = told.kept.iter().any(|record| matches!(record, Record::Run {
                    run,
                    event: RunEvent::StepEnded { step, attempt, how: Ended::NotStarted, .. },
                } if *run == perform.run && *step == perform.index && attempt + 1 == perform.attempt));
                prop_assert!(ended, "{} began again by guess", perform.idempotency_key());
            }
        }
        let mut generations: Vec<u32> = told.state.runs().iter().map(|r| r.generation).collect();
        generations.dedup();
        prop_assert_eq!(generations.len(), told.state.runs().len());
    }
}
