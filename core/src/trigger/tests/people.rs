//! What people order: holds, acknowledgements, answers to suggestions, re-arming.

use super::*;

fn alice() -> Name {
    Name::of("alice")
}

/// A trigger in breach since the first second, just before `second`.
fn pending(trigger: &Trigger, second: u64) -> Memory {
    let mut memory = Memory::default();
    for s in (0..second).step_by(15) {
        memory.tick(trigger, &history(), 1, moment(s));
        memory.take(trigger, &path(), &observation(s, Some(9.0)), moment(s));
    }
    memory
}

fn see(memory: &mut Memory, trigger: &Trigger, second: u64, value: f64) -> bool {
    memory.tick(trigger, &history(), 1, moment(second));
    memory.take(trigger, &path(), &observation(second, Some(value)), moment(second))
}

#[test]
fn a_held_trigger_says_that_it_would_fire_and_takes_two_breaches_afterwards() {
    let trigger = trigger();
    let mut memory = pending(&trigger, 270);
    let hold = |lasts| Order::Hold { lasts: Duration::from_secs(lasts), reason: "testing".into() };
    for wrong in [0, 5 * 3_600] {
        let refused = memory.order(&trigger, &hold(wrong), &alice(), moment(270));
        assert_eq!(refused, Err(OrderError::HoldTooLong));
    }
    memory.order(&trigger, &hold(60), &alice(), moment(270)).unwrap();
    assert!(!see(&mut memory, &trigger, 270, 9.0) && !see(&mut memory, &trigger, 300, 9.0));
    let said = memory.because(&trigger, moment(300));
    assert!(
        said.ends_with(
            "Held by alice until 09:05:30Z: testing. Does not fire: it would fire; held by alice"
        ),
        "{said}"
    );
    assert!(!see(&mut memory, &trigger, 330, 9.0), "the hold has ended: one breach is not enough");
    assert!(see(&mut memory, &trigger, 345, 9.0));
    assert_eq!(
        memory.order(&trigger, &Order::Release, &alice(), moment(346)),
        Err(OrderError::NotHeld)
    );
}

#[test]
fn a_suggestion_reminds_and_its_deadline_never_acts() {
    let mut trigger = trigger();
    trigger.mode = Mode::Suggest;
    let mut memory = pending(&trigger, 300);
    assert!(see(&mut memory, &trigger, 300, 9.0));
    memory.fire(moment(300).wall);
    memory.ask(&trigger, moment(300));
    let said: Vec<(u64, String)> = (301..1_300)
        .filter_map(|s| memory.remind(&trigger, moment(s)).map(|text| (s - 300, text)))
        .collect();
    let times: Vec<u64> = said.iter().map(|(s, _)| *s).collect();
    assert_eq!(times, [120, 240, 360, 480, 600, 720, 840, 960]);
    assert_eq!(said[0].1, "it waits for an answer, 8m left; without one nothing is done");
    assert!(said[4].1.starts_with("nobody answered within 10m: nothing was done"));
    memory.order(&trigger, &Order::Ack, &alice(), moment(1_300)).unwrap();
    assert_eq!(memory.remind(&trigger, moment(2_000)), None, "seen: no more reminders");
    let no = Order::Decline { reason: "a known blip".into() };
    memory.order(&trigger, &no, &alice(), moment(2_001)).unwrap();
    assert!(!memory.is_asking(&trigger));
    assert!(memory.order(&trigger, &no, &alice(), moment(2_002)).is_err());
}

#[test]
fn re_arming_takes_a_cleared_condition_and_two_people_where_it_is_protected() {
    let mut trigger = trigger();
    trigger.protected = true;
    let mut memory = pending(&trigger, 300);
    let rearm = Order::Rearm { reason: "mended".into() };
    let refused = memory.order(&trigger, &rearm, &alice(), moment(300));
    assert_eq!(refused, Err(OrderError::NotFired(Status::Pending)));
    memory.fire(moment(300).wall);
    assert!(matches!(
        memory.order(&trigger, &rearm, &alice(), moment(301)),
        Err(OrderError::NotCleared(_))
    ));
    for s in (315..=465).step_by(15) {
        see(&mut memory, &trigger, s, 1.0);
    }
    assert!(memory.flags(&trigger, moment(465)).contains(&Flag::Cleared));
    memory.order(&trigger, &rearm, &alice(), moment(470)).unwrap();
    assert_eq!(memory.status, Status::Fired, "one is not enough");
    assert!(matches!(
        memory.order(&trigger, &rearm, &alice(), moment(471)),
        Err(OrderError::SecondPerson(_))
    ));
    memory.order(&trigger, &rearm, &Name::of("dave"), moment(472)).unwrap();
    assert_eq!(memory.status, Status::Arming);
}
