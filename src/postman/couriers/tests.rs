//! Couriers that are real processes, of daemons that die and come back.

use std::fs::File;
use std::time::SystemTime;

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
    assert_eq!(tried, Err(Undelivered::yet("its courier ended with signal: 9 (SIGKILL)")));
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

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_sent_that_could_not_be_kept_and_what_is_said_beside_it_harms_nothing() {
    let listener = Listener::start(&[]).await;
    let (post, order) = (TestCouriers::new(), order(&listener.url));
    let file = post.folder.join(order.file());
    // A device that is always full stands for the disk.
    std::os::unix::fs::symlink("/dev/full", &file).unwrap();
    let tried = post.couriers.send(&order).await;
    let Err(Undelivered::Yet { because, .. }) = tried else { panic!("{tried:?}") };
    assert!(
        because.starts_with("its courier: what becomes of the message cannot be kept in /"),
        "{because}"
    );
    assert!(because.contains("No space left") && listener.heard().is_empty(), "{because}");
    fs::remove_file(&file).unwrap();
    assert_eq!(post.couriers.send(&order).await, Ok(()));
    // The next one may fail as it likes: it has arrived.
    let missing = Couriers::open(&post.folder, Program::missing()).unwrap();
    assert_eq!(missing.end_of(&order), Some(Ok(())));
    let tried = missing.send(&order).await;
    assert!(
        matches!(&tried, Err(Undelivered::Yet { because, .. }) if because.starts_with("its courier cannot be started: No such file")),
        "{tried:?}"
    );
    assert_eq!(listener.heard().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_courier_whose_daemon_is_gone_waits_for_nobody() {
    let (post, order) = (TestCouriers::new(), order("http://127.0.0.1:1"));
    let file = post.folder.join(order.file());
    let busy = File::create(&file).unwrap();
    busy.lock().unwrap();
    let mut told: serde_json::Value = serde_json::to_value(&order).unwrap();
    told["sender"] = 1.into();
    let told = serde_json::to_vec(&told).unwrap();
    let gone = tokio::task::spawn_blocking(move || carry(&file, &told[..]).unwrap_err());
    let why = tokio::time::timeout(PATIENCE, gone).await.expect("it does not wait").unwrap();
    assert_eq!(why, "its daemon is gone");
}

#[test]
fn old_files_are_removed_and_all_others_stay() {
    let post = TestCouriers::new();
    let write = |name: &str, age: Duration| {
        let path = post.folder.join(name);
        let file = File::create(&path).unwrap();
        file.set_modified(SystemTime::now() - age).unwrap();
        path
    };
    let (old, young) = ("a".repeat(NAME), "b".repeat(NAME));
    let files = [write(&old, KEPT * 2), write(&young, KEPT / 2), write("note", KEPT * 2)];
    fs::create_dir(post.folder.join("lost+found")).unwrap();
    next(&post);
    assert_eq!(files.map(|file| file.exists()), [false, true, true]);
}
