//! Looks that hang, panic and come too often, in paused time.

use std::sync::atomic::{AtomicUsize, Ordering};

use launchgate_core::observation::{Cause, Failure};
use launchgate_core::reading::{ReadingSpec, Readings};
use launchgate_core::time::Moment;
use launchgate_probes::Context;
use launchgate_probes::registry::Look;

use super::*;

/// A clock that follows tokio's, so that paused time moves it.
struct Paused(Instant);

impl Clock for Paused {
    fn now(&self) -> Moment {
        Moment::at(jiff::Timestamp::UNIX_EPOCH).plus(self.0.elapsed())
    }
}

#[derive(Default)]
struct Crowd {
    now: AtomicUsize,
    most: AtomicUsize,
}

enum Manner {
    Quick,
    Hangs,
    Panics,
    Takes(Duration, Arc<Crowd>),
}

struct Scripted(Manner, &'static str);

impl DynProbe for Scripted {
    fn kind(&self) -> &'static str {
        "scripted"
    }
    fn readings(&self) -> Vec<ReadingSpec> {
        Vec::new()
    }
    fn hosts(&self) -> Vec<String> {
        vec![self.1.to_owned()]
    }
    fn keeps_history(&self) -> bool {
        false
    }
    fn observe<'a>(&'a self, _: &'a Context) -> Look<'a> {
        Box::pin(async move {
            match &self.0 {
                Manner::Quick => {}
                Manner::Hangs => std::future::pending::<()>().await,
                Manner::Panics => panic!("a mistake of ours"),
                Manner::Takes(time, crowd) => {
                    let now = crowd.now.fetch_add(1, Ordering::SeqCst) + 1;
                    crowd.most.fetch_max(now, Ordering::SeqCst);
                    tokio::time::timeout(*time, std::future::pending::<()>()).await.unwrap_err();
                    crowd.now.fetch_sub(1, Ordering::SeqCst);
                }
            }
            Ok::<_, Failure>(Readings::new())
        })
    }
}

fn looking(check: &str, manner: Manner, host: &'static str) -> Looking {
    Looking {
        check: check.parse().unwrap(),
        probe: Arc::new(Scripted(manner, host)),
        every: Duration::from_secs(1),
        timeout: Duration::from_secs(5),
    }
}

fn start(looks: Vec<Looking>, limits: Limits) -> (Runner, mpsc::Receiver<Seen>) {
    let (send, seen) = mpsc::channel(1_000);
    let around = Surroundings { go_live: None, folder: ".".into() };
    let clock = Arc::new(Paused(Instant::now()));
    (Runner::start(looks, around, Arc::new(limits), clock, send, 1), seen)
}

async fn seen_in(seen: &mut mpsc::Receiver<Seen>, time: Duration) -> Vec<Seen> {
    let until = Instant::now() + time;
    let mut all = Vec::new();
    while let Ok(Some(one)) = tokio::time::timeout_at(until, seen.recv()).await {
        all.push(one);
    }
    all
}

#[tokio::test(start_paused = true)]
async fn a_look_that_hangs_or_panics_harms_no_other() {
    let looks = vec![
        looking("a/hangs", Manner::Hangs, "h1"),
        looking("a/panics", Manner::Panics, "h2"),
        looking("a/quick", Manner::Quick, "h3"),
    ];
    let (runner, mut seen) = start(looks, Limits::default());
    let all = seen_in(&mut seen, Duration::from_secs(20)).await;
    let of = |name: &str| {
        all.iter().filter(|(check, _)| check.check.as_str() == name).collect::<Vec<_>>()
    };
    assert!((19..=21).contains(&of("quick").len()), "{}", of("quick").len());
    let hung = of("hangs");
    assert!(
        (3..=4).contains(&hung.len()),
        "one at a time, each ends at its deadline: {}",
        hung.len()
    );
    let failure = hung[0].1.outcome.as_ref().unwrap_err();
    assert_eq!(failure.message, "`scripted` had no answer within 5s");
    let failure = of("panics")[0].1.outcome.as_ref().unwrap_err().clone();
    assert_eq!(failure.cause, Cause::ProbeError);
    assert_eq!(failure.message, "the probe `scripted` broke: a mistake of ours");
    runner.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_host_is_not_crowded() {
    let crowd = Arc::new(Crowd::default());
    let slow = || Manner::Takes(Duration::from_millis(900), Arc::clone(&crowd));
    let looks: Vec<Looking> =
        (0..20).map(|i| looking(&format!("a/c{i}"), slow(), "the-host")).collect();
    let (runner, mut seen) = start(looks, Limits::new(100, 100, 3));
    let all = seen_in(&mut seen, Duration::from_secs(30)).await;
    assert_eq!(crowd.most.load(Ordering::SeqCst), 3);
    assert!((80..=100).contains(&all.len()), "3 at a time, 0.9 s each, 30 s: {}", all.len());
    runner.stop().await;
}

#[tokio::test(start_paused = true)]
async fn nothing_is_seen_after_a_stop() {
    let (runner, mut seen) = start(vec![looking("a/quick", Manner::Quick, "h")], Limits::default());
    assert!(seen.recv().await.is_some());
    runner.stop().await;
    while seen.try_recv().is_ok() {}
    assert!(seen.recv().await.is_none());
}
