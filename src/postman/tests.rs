//! The postman against a listener on loopback, and a channel that is not there.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use jiff::Timestamp;
use launchgate_core::report::Report;
use launchgate_core::state::State;
use launchgate_core::time::Moment;
use launchgate_probes::builtin;
use serde_json::Value;
use tokio::sync::{mpsc, watch};

use super::about::About;
use super::*;
use crate::clock::SystemClock;
use crate::engine::Message as Letter;
use crate::listener::{Answer, Listener, nobody};
use crate::program::Program;
use crate::settings::launch::compile_text;

pub(super) fn plan(url: &str) -> Arc<Plan> {
    let text = format!(
        r#"
launch: shop
title: Shop
version: "2.4"
go_live: 2026-12-01T09:00:00[UTC]
checklists:
  people:
    title: People
    due: T-1d
    checks: {{ terms: {{ title: Terms, probe: sign_off, with: {{ by: legal }} }} }}
people: {{ legal: [carol] }}
channels: {{ room: {{ kind: webhook, url: {url} }} }}
page: [room]
"#
    );
    compile_text("shop.yaml", &text, ".".into(), &builtin()).unwrap_or_else(|e| panic!("{e}")).plan
}

pub(super) fn message(channel: &'static str) -> Message {
    let (id, text) = ("run-1/announce/room".to_owned(), "rolling back".to_owned());
    Message::new(id, Name::of(channel), text, Timestamp::now())
}

/// What is told of that launch to couriers.
pub(super) fn shop() -> About {
    About::of(&plan("http://127.0.0.1:1"))
}

/// No test of its own: started with a file as last argument, this test program is the courier.
#[test]
#[expect(clippy::exit, reason = "a courier has nothing to do with the rest of the tests")]
fn acts_as_the_courier() {
    let last = std::env::args().skip(1).last();
    let Some(file) = last.filter(|last| last.starts_with('/')) else { return };
    let ended = courier(Path::new(&file));
    std::process::exit(i32::from(ended != std::process::ExitCode::SUCCESS));
}

/// Couriers of this very test program, in a folder that ends with them.
pub(super) struct TestCouriers {
    pub(super) couriers: Arc<Couriers>,
    pub(super) folder: PathBuf,
}

impl TestCouriers {
    pub(super) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let (id, next) = (std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let folder = std::env::temp_dir().join(format!("launchgate-post-{id}-{next}"));
        let program = Program::test("postman::tests::acts_as_the_courier");
        Self { couriers: Arc::new(Couriers::open(&folder, program).unwrap()), folder }
    }
}

impl Drop for TestCouriers {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.folder));
    }
}

/// Sends a message, and gives what the engine would hear.
async fn sent(plan: &Arc<Plan>, message: Message) -> Delivery {
    sent_while(plan, message, |_| ()).await
}

/// Sends a message under a plan that changes once it is on its way.
async fn sent_while(plan: &Arc<Plan>, message: Message, change: impl Fn(&InForce)) -> Delivery {
    let post = TestCouriers::new();
    let (inbox, mut letters) = mpsc::channel::<Letter>(8);
    let now = Moment::at("2026-12-01T08:00:00Z".parse().unwrap());
    let report: Report = State::new(Arc::clone(plan)).report(now);
    let (_reports, read) = watch::channel(Arc::new(report));
    let in_force = Arc::new(Mutex::new(Arc::clone(plan)));
    let postman = Postman {
        plan: Arc::clone(&in_force),
        folder: PathBuf::from("."),
        handle: Handle::new(plan.launch.clone(), inbox, read),
        clock: Arc::new(SystemClock::new()),
        couriers: Arc::clone(&post.couriers),
        posting: Posting::default(),
        turns: Turns::default(),
    };
    postman.send(message);
    change(&in_force);
    match letters.recv().await.map(|letter| letter.event) {
        Some(Event::Delivered { delivery, .. }) => delivery,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_channel_that_is_mended_reaches_what_waits_for_it() {
    let listener = Listener::start(&[]).await;
    let (wrong, right) = (plan(&nobody().await), plan(&listener.url));
    let mend = |in_force: &InForce| *in_force.lock().unwrap() = Arc::clone(&right);
    let delivery = sent_while(&wrong, message("room"), mend).await;
    assert!(matches!(delivery, Delivery::Sent { .. }), "{delivery:?}");
    assert_eq!(listener.heard().len(), 1);
}

#[tokio::test]
async fn a_message_is_sent_until_it_arrives() {
    let rows: [(&str, &[Answer], usize); 4] = [
        ("at once", &[], 1),
        ("a channel that is broken for a while", &[Answer::Status(503), Answer::Status(429)], 3),
        ("one that breaks off", &[Answer::Status(500)], 2),
        ("one that answers 204", &[Answer::Status(204)], 1),
    ];
    for (row, answers, tries) in rows {
        let listener = Listener::start(answers).await;
        let delivery = sent(&plan(&listener.url), message("room")).await;
        assert!(matches!(delivery, Delivery::Sent { .. }), "{row}: {delivery:?}");
        let heard = listener.heard();
        assert_eq!(heard.len(), tries, "{row}");
        let body: Value = serde_json::from_str(&heard[0].body).unwrap();
        assert_eq!(
            (body["text"].as_str(), body["launch"].as_str()),
            (Some("rolling back"), Some("shop"))
        );
        assert!(
            heard.iter().all(|h| h.headers["idempotency-key"] == "run-1/announce/room"),
            "{row}"
        );
    }
}

#[tokio::test]
async fn a_refused_message_and_one_that_is_too_old_are_given_up() {
    let listener = Listener::start(&[Answer::Status(404)]).await;
    let refused = sent(&plan(&listener.url), message("room")).await;
    assert!(
        matches!(&refused, Delivery::GivenUp { because, .. } if because.starts_with("status 404")),
        "{refused:?}"
    );
    let missing = sent(&plan(&listener.url), message("nobody")).await;
    assert!(
        matches!(&missing, Delivery::GivenUp { because, .. } if because.contains("no channel")),
        "{missing:?}"
    );
    let gone = nobody().await + "/hooks/secret";
    let old = Message { at: Timestamp::UNIX_EPOCH, ..message("room") };
    let given_up = sent(&plan(&gone), old).await;
    let Delivery::GivenUp { because, .. } = given_up else { panic!("{given_up:?}") };
    assert!(!because.contains("hooks"), "an address is a secret: {because}");
}

#[test]
fn pauses_grow_to_a_bound_and_heed_a_wish_to_a_bound() {
    let seconds = Duration::from_secs;
    let rows = [
        ("the first", 1, None, Duration::from_millis(500)),
        ("the third", 3, None, seconds(2)),
        ("the hundredth", 100, None, seconds(60)),
        ("a wish", 1, Some(seconds(30)), seconds(30)),
        ("a wish shorter than its own pause", 100, Some(seconds(1)), seconds(60)),
        ("a wish beyond all bounds", 1, Some(seconds(86_400)), seconds(900)),
    ];
    for (row, tries, wish, expected) in rows {
        assert_eq!(pause(tries, wish), expected, "{row}");
    }
}
