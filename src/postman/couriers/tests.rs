//! Couriers that are real processes, of daemons that die and come back.

use std::fs::{self, File};

use jiff::Timestamp;
use launchgate_core::message::Message;
use rustix::process::{Pid, Signal, kill_process};

use super::super::courier::carry;
use super::super::tests::{TestCouriers, message, plan};
use super::*;
use crate::listener::{Answer, Listener};

/// How long something may take to happen.
const PATIENCE: Duration = Duration::from_secs(30);

fn order(url: &str) -> Order {
    Order::of(&plan(url), Path::new("."), message("room")).unwrap()
}

/// The couriers of the daemon that comes back to the same store.
fn next(post: &TestCouriers) -> Couriers {
    Couriers::open(&post.folder, post.couriers.program.clone()).unwrap()
}

/// Waits until something is so.
async fn until<T>(mut so: impl FnMut() -> Option<T>) -> T {
    let waited = async {
        let mut turn = tokio::time::interval(Duration::from_millis(5));
        loop {
            if let Some(found) = so() {
                return found;
            }
            turn.tick().await;
        }
    };
    tokio::time::timeout(PATIENCE, waited).await.expect("it happens in time")
}

/// The courier that has this file.
fn courier_of(file: &Path) -> Option<Pid> {
    let file = file.to_str()?;
    let is_it = |entry: &fs::DirEntry| {
        let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&line).split('\0').any(|argument| argument == file)
    };
    let found = fs::read_dir("/proc").ok()?.flatten().find(is_it)?;
    Pid::from_raw(found.file_name().to_str()?.parse().ok()?)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_arrived_or_was_refused_is_not_tried_again() {
    let later = Err(Undelivered::yet("status 503"));
    let refused = || Err(Undelivered::ForGood("status 404: this is 404".to_owned()));
    let rows: [(&str, &[Answer], [Tried; 2], usize); 3] = [
        ("taken", &[], [Ok(()), Ok(())], 1),
        ("refused", &[Answer::Status(404)], [refused(), refused()], 1),
        ("put off", &[Answer::Status(503)], [later, Ok(())], 2),
    ];
    for (row, answers, tried, heard) in rows {
        let listener = Listener::start(answers).await;
        let (post, order) = (TestCouriers::new(), order(&listener.url));
        let [first, second] = tried;
        assert_eq!(post.couriers.send(&order).await, first, "{row}");
        assert_eq!(next(&post).send(&order).await, second, "{row}");
        assert_eq!(listener.heard().len(), heard, "{row}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_couriers_of_one_message_bring_it_once() {
    let listener = Listener::start(&[Answer::Late(Duration::from_millis(50))]).await;
    let (post, order) = (TestCouriers::new(), order(&listener.url));
    let again = next(&post);
    let both = tokio::join!(post.couriers.send(&order), again.send(&order));
    assert_eq!(both, (Ok(()), Ok(())));
    assert_eq!(listener.heard().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_under_way_when_the_daemon_died_is_waited_for() {
    let listener = Listener::start(&[Answer::Late(Duration::from_millis(300))]).await;
    let (post, order) = (TestCouriers::new(), Arc::new(order(&listener.url)));
    let (couriers, sent) = (Arc::clone(&post.couriers), Arc::clone(&order));
    let dying = tokio::spawn(async move { drop(couriers.send(&sent).await) });
    until(|| (listener.heard().len() == 1).then_some(())).await;
    dying.abort();
    assert_eq!(next(&post).send(&order).await, Ok(()));
    assert_eq!(listener.heard().len(), 1, "it was taken from the first, and not sent again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_courier_that_is_killed_leaves_the_message_to_the_next() {
    let listener = Listener::start(&[Answer::Nothing]).await;
    let (post, order) = (TestCouriers::new(), order(&listener.url));
    let file = post.folder.join(order.file());
    let killed = async {
        until(|| (listener.heard().len() == 1).then_some(())).await;
        let pid = courier_of(&file).expect("it is under way");
        kill_process(pid, Signal::KILL).unwrap();
    };
    let (tried, ()) = tokio::join!(post.couriers.send(&order), killed);
    assert_eq!(tried, Err(Undelivered::yet("its courier was killed")));
    assert_eq!(post.couriers.send(&order).await, Ok(()));
    assert_eq!(listener.heard().len(), 2, "nobody can know that the first had taken it");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_of_another_time_is_another_message() {
    let listener = Listener::start(&[]).await;
    let post = TestCouriers::new();
    let of = |at: Timestamp| {
        let message = Message { at, ..message("room") };
        Order::of(&plan(&listener.url), Path::new("."), message).unwrap()
    };
    for at in ["2026-12-01T09:00:00.000000001Z", "2026-12-01T09:00:00.000000002Z"] {
        assert_eq!(post.couriers.send(&of(at.parse().unwrap())).await, Ok(()));
    }
    assert_eq!(listener.heard().len(), 2, "the same name, after the store was made anew");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_cut_short_brings_nothing_and_blocks_nothing() {
    let listener = Listener::start(&[]).await;
    let (post, order) = (TestCouriers::new(), order(&listener.url));
    let file = post.folder.join(order.file());
    let told = serde_json::to_vec(&order).unwrap();
    let why = carry(&file, &told[..told.len() - 1]).unwrap_err();
    assert!(why.starts_with("the order cannot be read: not understood at byte"), "{why}");
    assert!(!file.exists() && listener.heard().is_empty());
    fs::write(&file, b"{\"Ok\":").unwrap();
    assert_eq!(post.couriers.send(&order).await, Ok(()), "what was kept was not whole");
    assert_eq!(listener.heard().len(), 1);
}

#[test]
fn old_files_are_removed_and_young_ones_stay() {
    let post = TestCouriers::new();
    let write = |name: &str, age: Duration| {
        let path = post.folder.join(name);
        let file = File::create(&path).unwrap();
        file.set_modified(SystemTime::now() - age).unwrap();
        path
    };
    let (old, young) = (write("old", KEPT * 2), write("young", KEPT / 2));
    next(&post);
    assert_eq!((old.exists(), young.exists()), (false, true));
}
