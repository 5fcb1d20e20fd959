//! Looks that people ask for: what is waited for, and what ends the wait.

use super::*;

fn ask(checks: &[&str]) -> Event {
    Event::LookAgain { checks: checks.iter().map(|check| check.parse().unwrap()).collect() }
}

/// A look that ends now, after so long.
fn look(told: &mut Told, check: &str, took: Duration) {
    let observation = Observation { took, ..told.observation(good()) };
    told.try_apply(Event::Observed { check: check.parse().unwrap(), observation }).unwrap();
}

fn waits(told: &mut Told) -> Vec<String> {
    told.report().looking_again.iter().map(ToString::to_string).collect()
}

#[test]
fn what_is_asked_for_is_waited_for_until_a_look_that_began_later() {
    let second = Duration::from_secs(1);
    let mut told = Told::new();
    told.see("infra/dns", good()).see("infra/tls", good());
    told.pass(second);
    let effects = told.try_apply(ask(&[])).unwrap();
    let all = ["infra/dns", "infra/tls", "health/errors"];
    let asked = all.map(|check| check.parse().unwrap()).to_vec();
    assert!(effects.contains(&Effect::LookAgain(asked)), "not the signature: {effects:?}");
    assert_eq!(waits(&mut told), all);
    told.pass(second);
    look(&mut told, "infra/dns", second * 2);
    assert_eq!(waits(&mut told), all, "that one had begun before");
    look(&mut told, "infra/dns", second);
    assert_eq!(waits(&mut told), ["infra/tls", "health/errors"]);
    told.see("infra/tls", blind()).see("health/errors", bad());
    assert!(waits(&mut told).is_empty(), "whatever it saw");
    let kept = told.kept.len();
    told.try_apply(ask(&["infra/tls"])).unwrap();
    assert_eq!((waits(&mut told), told.kept.len()), (vec!["infra/tls".to_owned()], kept));
    let plan = Arc::clone(told.state.plan());
    told.try_apply(Event::Reloaded(plan)).unwrap();
    assert_eq!(waits(&mut told), ["infra/tls"], "what was seen before a reload is no answer");
    told.restart();
    assert!(waits(&mut told).is_empty(), "a daemon that comes back looks at everything anyway");
}

#[test]
fn what_no_probe_looks_at_is_refused_and_nothing_is_looked_at() {
    let rows = [
        (
            &["infra/dns", "people/terms"],
            Rejected::NothingToLookAt("people/terms".parse().unwrap()),
        ),
        (&["infra/dns", "infra/dnss"], Rejected::NoSuchCheck("infra/dnss".parse().unwrap())),
    ];
    for (checks, expected) in rows {
        let mut told = Told::new();
        assert_eq!(told.try_apply(ask(checks)).unwrap_err(), expected);
        assert!(waits(&mut told).is_empty(), "{expected}");
    }
}

#[test]
fn the_next_look_is_due_one_rhythm_after_the_last_one_began() {
    let mut told = Told::new();
    let next = |told: &mut Told, list: usize| told.report().checklists[list].checks[0].next_at;
    assert_eq!(next(&mut told, 0), None, "nobody has looked yet");
    look(&mut told, "infra/dns", Duration::from_secs(2));
    let every = told.state.plan().check(&"infra/dns".parse().unwrap()).unwrap().every;
    let expected = told.now.wall + jiff::SignedDuration::try_from(every).unwrap();
    assert_eq!(next(&mut told, 0), Some(expected - jiff::SignedDuration::from_secs(2)));
    told.sign("carol");
    assert_eq!(next(&mut told, 1), None, "people are not looked at");
}
