//! Announcements: each once, by milestone or instant; none that would not be true; calls that end; whom to turn to.

use super::*;
use crate::announcement::{Announcement, Told as Stands, VARIABLES};
use crate::contact::{Contact, Way};
use crate::matter::Turn;
use crate::message::{Delivery, Message};
use crate::plan::Channel;

const HOUR: Duration = Duration::from_secs(3_600);

fn announcement(on: &str, message: &str) -> Announcement {
    Announcement {
        key: on.to_owned(),
        on: on.parse().unwrap(),
        when: None,
        to: vec![Name::of("room")],
        title: None,
        message: message.to_owned(),
        owner: None,
        matter: None,
        pager: Turn::Trigger,
        status: None,
    }
}

/// A launch that tells this, at the time that the others begin: 24 hours before go-live.
fn telling(announcements: impl IntoIterator<Item = Announcement>) -> Told {
    let mut plan = plan();
    plan.page.clear();
    plan.announcements = announcements.into_iter().collect();
    let mut told = Told::new();
    told.state = State::new(Arc::new(plan));
    told
}

/// What is sent by an event.
fn sent(told: &mut Told, event: Event) -> Vec<Message> {
    let effects = told.try_apply(event).unwrap();
    let kept = effects.iter().filter_map(|effect| match effect {
        Effect::Persist(Record::Message(message)) => Some(message.id.clone()),
        _ => None,
    });
    let kept: Vec<String> = kept.collect();
    let sent = effects.into_iter().filter_map(|effect| match effect {
        Effect::Send(message) => Some(*message),
        _ => None,
    });
    let sent: Vec<Message> = sent.collect();
    let ids: Vec<&String> = sent.iter().map(|message| &message.id).collect();
    assert_eq!(ids, kept.iter().collect::<Vec<_>>(), "kept before it is sent, and sent once kept");
    sent
}

fn after(told: &mut Told, time: Duration) -> Vec<Message> {
    told.now = told.now.plus(time);
    sent(told, Event::Tick)
}

fn milestone(told: &mut Told, milestone: Milestone) -> Vec<Message> {
    sent(told, Event::Milestone { milestone, by: "alice".into() })
}

fn texts(messages: &[Message]) -> Vec<&str> {
    messages.iter().map(|message| message.text.as_str()).collect()
}

fn states(told: &mut Told) -> Vec<Stands> {
    told.report().announcements.iter().map(|announcement| announcement.state).collect()
}

#[test]
fn an_instant_is_told_once_also_after_a_restart_and_a_reload() {
    let mut told = telling([announcement("T-4h", "soon")]);
    assert!(after(&mut told, 19 * HOUR).is_empty(), "an hour too early");
    assert_eq!(states(&mut told), [Stands::Waiting]);
    let first = after(&mut told, HOUR);
    assert_eq!(texts(&first), ["soon"]);
    assert_eq!(first[0].id, "announcement/shop/2.0/T-4h/room");
    assert!(after(&mut told, Duration::from_secs(1)).is_empty(), "once");
    told.restart();
    assert!(after(&mut told, Duration::from_secs(1)).is_empty(), "once, after a restart");
    let mut changed = Plan::clone(told.state.plan());
    changed.announcements[0].message = "soon!".into();
    assert!(sent(&mut told, Event::Reloaded(Arc::new(changed))).is_empty(), "its name is the same");
    let at = told.now.wall;
    let (id, delivery) = (first[0].id.clone(), Delivery::Sent { at });
    told.try_apply(Event::Delivered { id, delivery }).unwrap();
    assert_eq!(states(&mut told), [Stands::Sent]);
    assert!(after(&mut told, 30 * HOUR).is_empty());
    assert_eq!(states(&mut told), [Stands::Sent], "for good");
}

#[test]
fn what_the_daemon_saw_too_late_is_missed_and_not_told() {
    let rows = [
        ("within the hour", "T-24h30m", 1, Stands::Waiting),
        ("an hour and more", "T-25h1s", 0, Stands::Missed),
        ("days", "T-3d", 0, Stands::Missed),
    ];
    for (row, on, messages, state) in rows {
        let mut told = telling([announcement(on, "late")]);
        assert_eq!(after(&mut told, Duration::ZERO).len(), messages, "{row}");
        assert_eq!(states(&mut told), [state], "{row}");
    }
}

#[test]
fn a_milestone_is_told_in_the_transaction_that_reaches_it() {
    let mut told = telling([
        announcement("deploy_started", "started ${version}"),
        announcement("H+15m", "a quarter"),
        announcement("live", "live"),
        announcement("1h after live", "an hour"),
    ]);
    assert!(after(&mut told, 25 * HOUR).is_empty(), "go-live alone starts nothing");
    let event = Event::Milestone { milestone: Milestone::DeployStarted, by: "alice".into() };
    let mut probe = told.clone();
    let effects = probe.try_apply(event).unwrap();
    assert!(matches!(effects[0], Effect::Persist(Record::Reached(_))), "{effects:?}");
    assert_eq!(texts(&milestone(&mut told, Milestone::DeployStarted)), ["started 2.0"]);
    assert_eq!(texts(&after(&mut told, HOUR / 4)), ["a quarter"]);
    assert_eq!(texts(&milestone(&mut told, Milestone::Live)), ["live"]);
    assert!(after(&mut told, Duration::from_secs(3_599)).is_empty());
    assert_eq!(texts(&after(&mut told, Duration::from_secs(1))), ["an hour"]);
}

#[test]
fn good_news_is_held_back_while_the_launch_is_rolled_back() {
    let mut told = telling([
        announcement("H+30m", "all normal"),
        announcement("rollback_started", "back, since ${trigger.because}"),
        announcement("rolled_back", "it was ${run.status}"),
        announcement("deploy_started", "deployment ${version}"),
    ]);
    milestone(&mut told, Milestone::DeployStarted);
    told.now = told.now.plus(HOUR / 3);
    let (trigger, person) = (Name::of("errors"), Name::of("alice"));
    let fire = Event::Fire { trigger, person, reason: "seen by eye".into() };
    let began = sent(&mut told, fire);
    assert_eq!(texts(&began), ["back, since alice fired errors by hand: seen by eye"]);
    assert!(after(&mut told, HOUR / 3).is_empty(), "nothing is normal");
    let report = told.report();
    let held = &report.announcements[0];
    assert_eq!(
        (held.state, held.because.as_str()),
        (Stands::Waiting, "held back: the launch is rolling back")
    );
    let run = told.state.runs()[0].id.clone();
    let (choice, person) = (Choice::Abort, Name::of("alice"));
    let ended = |step, how| Event::StepEnded {
        run: run.clone(),
        step,
        attempt: 1,
        how,
        evidence: String::new(),
    };
    sent(&mut told, ended(0, Ended::Failed));
    sent(
        &mut told,
        Event::Decided { run: run.clone(), step: 0, choice, person, reason: "by hand".into() },
    );
    assert_eq!(texts(&milestone(&mut told, Milestone::RolledBack)), ["it was aborted"]);
    assert!(after(&mut told, 2 * HOUR).is_empty());
    assert_eq!(states(&mut told)[0], Stands::Missed);
    let again = milestone(&mut told, Milestone::DeployStarted);
    assert_eq!(again[0].id, "announcement/shop/2.0/deploy_started/2/room", "its own");
    assert_eq!(texts(&after(&mut told, HOUR / 2)), ["all normal"]);
}

#[test]
fn when_names_the_milestone_without_which_nothing_is_told() {
    let told_when = Announcement { when: Some(Milestone::Live), ..announcement("H+1h", "normal") };
    let mut told = telling([told_when]);
    milestone(&mut told, Milestone::DeployStarted);
    assert!(after(&mut told, HOUR).is_empty());
    assert_eq!(told.report().announcements[0].because, "held back: `live` was not reached");
    assert_eq!(texts(&milestone(&mut told, Milestone::Live)), ["normal"]);
}

#[test]
fn what_failed_shows_and_alarms_for_a_day() {
    let mut told = telling([announcement("T-1d", "soon")]);
    let first = after(&mut told, Duration::ZERO);
    let delivery = Delivery::GivenUp { at: told.now.wall, because: "status 404".into() };
    told.try_apply(Event::Delivered { id: first[0].id.clone(), delivery }).unwrap();
    let report = told.report();
    assert_eq!(report.announcements[0].state, Stands::Failed);
    assert_eq!(report.announcements[0].because, "room: status 404");
    assert_eq!(report.alarms, ["the announcement `T-1d` did not reach room: status 404"]);
    told.pass(25 * HOUR);
    assert!(told.report().alarms.is_empty());
    assert_eq!(states(&mut told), [Stands::Failed]);
}

#[test]
fn every_variable_is_filled_in() {
    let all = VARIABLES.map(|name| format!("{name}=${{{name}}}")).join("\n");
    let text = format!("{all}\n${{owner.legal}} ${{links.room}}");
    let mut owned = announcement("T-1d", &text);
    owned.owner = Some(Name::of("incident_commander"));
    let mut told = telling([owned]);
    let mut plan = Plan::clone(told.state.plan());
    plan.links.insert("room".into(), "https://chat.example".into());
    plan.window = Some(2 * HOUR);
    let name = Some("Carol C.".to_owned());
    plan.contacts.insert(Name::of("carol"), Contact { name, ways: Vec::new() });
    told.state = State::new(Arc::new(plan));
    let messages = after(&mut told, Duration::ZERO);
    let text = &messages[0].text;
    assert!(!text.contains("${"), "{text}");
    for expected in [
        "launch=shop",
        "launch.title=Shop",
        "launch.go_live=2026-12-01 09:00 GMT",
        "launch.window_ends=2026-12-01 11:00 GMT",
        "verdict=HOLD",
        "owner=alice",
        "time=2026-11-30 09:00 GMT",
        "trigger.because=nothing",
        "Carol C. https://chat.example",
    ] {
        assert!(text.lines().any(|line| line == expected), "{expected} in\n{text}");
    }
}

#[test]
fn a_flood_of_other_messages_makes_nobody_forget_what_was_announced() {
    let mut told = telling([announcement("T-1d", "soon")]);
    let first = after(&mut told, Duration::ZERO);
    let at = told.now.wall;
    let end = |told: &mut Told, id: String| {
        told.try_apply(Event::Delivered { id, delivery: Delivery::Sent { at } }).unwrap();
    };
    end(&mut told, first[0].id.clone());
    for i in 0..300 {
        let id = format!("other/{i}");
        told.state.outbox.add(Message::new(id.clone(), Name::of("room"), "x".into(), at));
        end(&mut told, id);
    }
    assert!(after(&mut told, Duration::from_secs(60)).is_empty());
    assert_eq!(states(&mut told), [Stands::Sent]);
}

#[test]
fn a_pager_is_told_what_is_over() {
    let mut told = Told::new();
    let mut changed = plan();
    let (id, kind) = (Name::of("war-room"), Name::of("pagerduty"));
    let channel = Channel { id: id.clone(), kind, settings: serde_json::Value::Null };
    changed.channels.insert(id, channel);
    told.state = State::new(Arc::new(changed));
    milestone(&mut told, Milestone::DeployStarted);
    let (trigger, person) = (Name::of("errors"), Name::of("alice"));
    let fire = Event::Fire { trigger, person, reason: "seen by eye".into() };
    let called = sent(&mut told, fire);
    let run = told.state.runs()[0].id.clone();
    let key = format!("shop/run/{run}");
    let matters = |messages: &[Message]| -> Vec<(String, Turn)> {
        messages.iter().filter_map(|m| m.matter.clone()).map(|m| (m.key, m.pager)).collect()
    };
    assert_eq!(matters(&called), [(key.clone(), Turn::Trigger)]);
    let ended = |step, how| Event::StepEnded {
        run: run.clone(),
        step,
        attempt: 1,
        how,
        evidence: String::new(),
    };
    sent(&mut told, ended(0, Ended::Succeeded));
    sent(&mut told, ended(2, Ended::Succeeded));
    assert!(after(&mut told, HOUR / 60).is_empty(), "the call itself has not arrived");
    let delivery = Delivery::Sent { at: told.now.wall };
    told.try_apply(Event::Delivered { id: called[0].id.clone(), delivery }).unwrap();
    let over = after(&mut told, HOUR / 60);
    assert_eq!(matters(&over), [(key, Turn::Resolve)]);
    assert!(after(&mut told, HOUR / 60).is_empty(), "once");
}

#[test]
fn a_blocker_says_whom_to_turn_to() {
    let mut plan = plan();
    let way = |at: &str| vec![Way { by: "phone".into(), at: at.into() }];
    let contact = |at: &str| Contact { name: None, ways: way(at) };
    plan.contacts =
        [("carol", "1"), ("desk", "2")].map(|(who, at)| (Name::of(who), contact(at))).into();
    let names = vec![Name::of("desk"), Name::of("incident_commander"), Name::of("legal")];
    plan.escalations = [("people/terms".parse().unwrap(), names)].into();
    let mut told = Told::new();
    told.state = State::new(Arc::new(plan));
    let report = told.report();
    let blocker = report.blockers.iter().find(|b| b.title == "people/terms").unwrap();
    let reached: Vec<(&str, Option<&str>, usize)> = blocker
        .contacts
        .iter()
        .map(|r| (r.who.as_str(), r.role.as_ref().map(Name::as_str), r.ways.len()))
        .collect();
    assert_eq!(
        reached,
        [("carol", Some("legal"), 1), ("desk", None, 1), ("alice", Some("incident_commander"), 0)]
    );
}
