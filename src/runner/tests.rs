//! Looks that hang, panic and come too often, in paused time.

use std::sync::atomic::{AtomicUsize, Ordering};

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
    /// It cannot look.
    Fails(Cause),
    /// It looks, and a part of what it sees is odd.
    Sees(&'static str),
    /// It counts its looks in what it asks to be told.
    Counts,
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
    fn observe<'a>(&'a self, cx: &'a Context) -> Look<'a> {
        Box::pin(async move {
            match &self.0 {
                Manner::Quick => {}
                Manner::Fails(cause) => return Err(Failure::new(*cause, "nothing came")),
                Manner::Sees(says) => return Ok(Readings::new().part("10.0.0.1:443", *says, true)),
                Manner::Counts => {
                    let looks = cx.memory.as_ref().and_then(|m| m["looks"].as_u64()).unwrap_or(0);
                    let readings = Readings::new()
                        .number("looks", f64::from(u32::try_from(looks).unwrap_or(u32::MAX)));
                    return Ok(readings.remember(serde_json::json!({ "looks": looks + 1 })));
                }
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
    start_wanting(looks, limits, &Arc::default())
}

fn start_wanting(
    looks: Vec<Looking>,
    limits: Limits,
    wanted: &Arc<Wanted>,
) -> (Runner, mpsc::Receiver<Seen>) {
    let (send, seen) = mpsc::channel(1_000);
    let around = Surroundings { folder: ".".into(), ..Surroundings::default() };
    let clock = Arc::new(Paused(Instant::now()));
    let (limits, wanted) = (Arc::new(limits), Arc::clone(wanted));
    (Runner::start(looks, wanted, around, limits, clock, send, 1), seen)
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

#[tokio::test(start_paused = true)]
async fn what_looks_bad_while_every_canary_is_silent_is_this_hosts_own_fault() {
    let canary = |manner| Arc::new(Scripted(manner, "canary")) as Arc<dyn DynProbe>;
    let silent = || Manner::Fails(Cause::Timeout);
    let down = "local_fault: no canary answers either (scripted: nothing came); seen: nothing came";
    let odd = "local_fault: no canary answers either (scripted: nothing came); seen: 10.0.0.1:443: refused";
    let both = "local_fault: no canary answers either (scripted: nothing came; scripted: nothing came); seen: nothing came";
    let rows: [(&str, Manner, &str, Vec<Manner>, &str); 8] = [
        ("no canary", Manner::Fails(Cause::Timeout), "h", vec![], "timeout: nothing came"),
        (
            "a canary answers",
            Manner::Fails(Cause::Timeout),
            "h",
            vec![Manner::Quick],
            "timeout: nothing came",
        ),
        ("it is silent", Manner::Fails(Cause::Timeout), "h", vec![silent()], down),
        (
            "one of two answers",
            Manner::Fails(Cause::Refused),
            "h",
            vec![silent(), Manner::Quick],
            "refused: nothing came",
        ),
        ("both are silent", Manner::Fails(Cause::Unreachable), "h", vec![silent(), silent()], both),
        ("an odd part", Manner::Sees("refused"), "h", vec![silent()], odd),
        (
            "an answer of its own",
            Manner::Fails(Cause::Auth),
            "h",
            vec![silent()],
            "auth: nothing came",
        ),
        ("all is well", Manner::Quick, "h", vec![silent()], "readings"),
    ];
    for (row, manner, host, canaries, expected) in rows {
        let canaries = Canaries::new(canaries.into_iter().map(canary).collect());
        let around = Surroundings { folder: ".".into(), canaries, ..Surroundings::default() };
        let clock = Paused(Instant::now());
        let seen = look(&looking("a/b", manner, host), &around, &clock).await;
        let said = seen.outcome.map_or_else(|f| f.to_string(), |_| "readings".to_owned());
        assert_eq!(said, expected, "{row}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_probe_is_told_what_it_asked_for() {
    let check: CheckPath = "a/b".parse().unwrap();
    let before = Memories::of([(check.clone(), serde_json::json!({ "looks": 7 }))]);
    let around = Surroundings { memories: before, ..Surroundings::default() };
    let clock = Paused(Instant::now());
    let counting = looking("a/b", Manner::Counts, "h");
    let mut told = Vec::new();
    for _ in 0..3 {
        let seen = look(&counting, &around, &clock).await;
        let readings = seen.outcome.expect("it counts");
        told.push(readings.get("looks").cloned());
    }
    let number = |n| Some(launchgate_core::reading::Value::Number(n));
    assert_eq!(told, [number(7.0), number(8.0), number(9.0)]);
    look(&looking("a/b", Manner::Fails(Cause::Timeout), "h"), &around, &clock).await;
    assert!(around.memories.of_check(&check).is_some(), "a failed look forgets nothing");
    around.memories.retain(|_| false);
    assert_eq!(around.memories.of_check(&check), None);
}

#[tokio::test(start_paused = true)]
async fn targets_that_swallow_everything_hold_up_nobody_else() {
    // A tenth of the targets never answer: more than the kind has permits for.
    let looks: Vec<Looking> = (0..500)
        .map(|i| {
            let manner = if i % 10 == 0 { Manner::Hangs } else { Manner::Quick };
            let host: &'static str = Box::leak(format!("h{i}").into_boxed_str());
            looking(&format!("a/c{i}"), manner, host)
        })
        .collect();
    let (runner, mut seen) = start(looks, Limits::new(256, 16, 8));
    // Until each of them has been found out.
    seen_in(&mut seen, Duration::from_secs(30)).await;
    let all = seen_in(&mut seen, Duration::from_secs(10)).await;
    let quick = all.iter().filter(|(_, seen)| seen.outcome.is_ok()).count();
    assert!((4_400..=4_600).contains(&quick), "450 looks a second for ten seconds: {quick}");
    assert!(all.len() > quick, "and the silent ones are looked at still");
    runner.stop().await;
}

#[tokio::test(start_paused = true)]
async fn what_is_asked_for_is_looked_at_at_once_and_what_is_under_way_once_more() {
    let crowd = Arc::new(Crowd::default());
    let hour = Duration::from_secs(3_600);
    let seldom = |check, manner| Looking { every: hour, ..looking(check, manner, "a") };
    let takes = Manner::Takes(Duration::from_secs(2), crowd);
    let looks = vec![seldom("list/quick", Manner::Quick), seldom("list/long", takes)];
    let wanted = Arc::default();
    let (_runner, mut seen) = start_wanting(looks, Limits::default(), &wanted);
    let names = |seen: Vec<Seen>| {
        let mut names: Vec<String> = seen.into_iter().map(|(check, _)| check.to_string()).collect();
        names.sort();
        names
    };
    let [quick, long] = ["list/quick", "list/long"].map(|check| check.parse().unwrap());
    let first = names(seen_in(&mut seen, Duration::from_secs(10)).await);
    assert_eq!(first, ["list/long", "list/quick"], "the first looks");
    wanted.ask([CheckPath::clone(&quick), CheckPath::clone(&long)]);
    let again = names(seen_in(&mut seen, Duration::from_secs(1)).await);
    assert_eq!(again, ["list/quick"], "the other takes two seconds");
    // It is under way: what had begun before is not what is asked for, and asking often asks once.
    wanted.ask([long.clone()]);
    wanted.ask([long, "list/nowhere".parse().unwrap()]);
    let more = names(seen_in(&mut seen, Duration::from_secs(30)).await);
    assert_eq!(more, ["list/long", "list/long"]);
}
