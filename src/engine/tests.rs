//! The engine over a store that can fail: what is kept, shown and done, and in which order.

use std::sync::atomic::{AtomicBool, Ordering};

use jiff::Timestamp;
use launchgate_core::milestone::Milestone;
use launchgate_core::name::CheckPath;
use launchgate_core::observation::Observation;
use launchgate_core::reading::Readings;
use launchgate_core::run::{Ended, Run};
use launchgate_core::state::{Record, Saved};
use launchgate_core::target::Elsewhere;
use launchgate_core::time::Moment;
use launchgate_core::trigger::Order;
use launchgate_probes::builtin;
use tokio_util::sync::CancellationToken;

use launchgate_core::state::Perform;

use super::*;
use crate::settings::launch::compile_text;
use crate::store::MemoryStore;

const LAUNCH: &str = r#"
launch: shop
title: Shop
version: "2"
go_live: 2026-12-01T09:00:00[UTC]
people: { incident_commander: [alice] }
checklists:
  health:
    title: Health
    due: H+1h
    checks:
      dns: { title: DNS, probe: dns, with: { name: shop.example, type: A }, expect: ["ttl < 5m"], every: 1s, fresh_for: 1h }
triggers:
  dns:
    watch: { check: dns, breach: "ttl >= 5m" }
    for: 3s
    mode: act
    run: rollback
    arm_delay: 0s
procedures:
  rollback:
    steps:
      - { step: revert, do: exec, with: { command: ["true"] } }
      - { step: again, do: exec, with: { command: ["true"] } }
"#;

/// A store that can be made to fail, with a list of what was kept.
#[derive(Clone, Default)]
struct Fragile {
    inner: Arc<Mutex<MemoryStore>>,
    broken: Arc<AtomicBool>,
    /// Whether the next commit is the last that goes well.
    last: Arc<AtomicBool>,
}

impl Store for Fragile {
    fn load(&mut self, launch: &Name) -> Result<Saved, StoreError> {
        self.inner.lock().unwrap().load(launch)
    }
    fn commit(
        &mut self,
        launch: &Name,
        at: Timestamp,
        records: &[Record],
    ) -> Result<(), StoreError> {
        if self.broken.load(Ordering::SeqCst) {
            return Err(StoreError::Unavailable("database or disk is full".into()));
        }
        if self.last.swap(false, Ordering::SeqCst) {
            self.broken.store(true, Ordering::SeqCst);
        }
        self.inner.lock().unwrap().commit(launch, at, records)
    }
    fn elsewhere(&mut self, target: &Name, launch: &Name) -> Result<Vec<Elsewhere>, StoreError> {
        self.inner.lock().unwrap().elsewhere(target, launch)
    }
    fn history(
        &mut self,
        launch: &Name,
        check: &CheckPath,
        limit: usize,
    ) -> Result<Vec<Observation>, StoreError> {
        self.inner.lock().unwrap().history(launch, check, limit)
    }
}

struct Paused(Instant);

impl Clock for Paused {
    fn now(&self) -> Moment {
        Moment::at("2026-12-01T08:00:00Z".parse().unwrap()).plus(self.0.elapsed())
    }
}

/// The same launch under another name, on the same target.
fn neighbour(launch: &str) -> String {
    let launch = launch.replace("arm_delay: 0s", "arm_delay: 0s\n    cooldown: 24h");
    launch.replace("launch: shop", "launch: cart\ntarget: production")
}

struct Rig {
    handle: Handle,
    clock: Arc<Paused>,
    performed: Arc<Mutex<Vec<Perform>>>,
    looked_at: Arc<Mutex<Vec<Perform>>>,
    store: Fragile,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Rig {
    async fn start(store: Fragile, clock: Arc<Paused>) -> Self {
        Self::launch(LAUNCH, store, clock).await
    }

    async fn launch(text: &str, store: Fragile, clock: Arc<Paused>) -> Self {
        let compiled = compile_text("shop.yaml", text, ".".into(), &builtin())
            .unwrap_or_else(|e| panic!("{e}"));
        let (performed, looked_at) = (Arc::default(), Arc::default());
        let lists = [Arc::clone(&performed), Arc::clone(&looked_at)];
        let (engine, handle) = Engine::restore(
            compiled.plan,
            Arc::new(Mutex::new(store.clone())),
            Arc::clone(&clock) as Arc<dyn Clock>,
            crate::telemetry::Engines::default().of(&Name::of("shop")),
            |_| {
                Arc::new(move |_: &Arc<Plan>, effect| {
                    let [begun, looked_at]: &[Arc<Mutex<Vec<Perform>>>; 2] = &lists;
                    match effect {
                        Effect::Perform(perform) => begun.lock().unwrap().push(*perform),
                        Effect::LookAt(perform) => looked_at.lock().unwrap().push(*perform),
                        Effect::Persist(_)
                        | Effect::Send(_)
                        | Effect::LookBack { .. }
                        | Effect::LookAgain(_)
                        | Effect::Rehearse { .. } => {}
                    }
                })
            },
        )
        .await
        .unwrap();
        let stop = CancellationToken::new();
        let task = tokio::spawn(engine.run(stop.clone()));
        Self { handle, clock, performed, looked_at, store, stop, task }
    }

    async fn see(&self, ttl: f64) {
        self.saw(ttl).await;
        tokio::time::advance(Duration::from_secs(1)).await;
    }

    async fn saw(&self, ttl: f64) {
        let outcome = Ok(Readings::new().number("ttl", ttl));
        let observation = Observation { at: self.clock.now(), took: Duration::ZERO, outcome };
        let check = "health/dns".parse().unwrap();
        self.handle.tell(Event::Observed { check, observation }).await;
    }

    async fn deploy(&self) -> Result<(), Refused> {
        self.handle
            .submit(Event::Milestone { milestone: Milestone::DeployStarted, by: "alice".into() })
            .await
    }

    /// The first report that satisfies a condition.
    async fn report(&self, wanted: impl Fn(&Report) -> bool) -> Arc<Report> {
        let mut reports = self.handle.reports();
        let found =
            tokio::time::timeout(Duration::from_secs(60), reports.wait_for(|r| wanted(r))).await;
        let found = found.unwrap_or_else(|_| panic!("{:#?}", self.handle.report()));
        Arc::clone(&found.expect("the engine runs"))
    }

    async fn stop(self) -> Fragile {
        self.stop.cancel();
        self.task.await.unwrap();
        self.store
    }

    fn steps(&self) -> Vec<String> {
        self.performed.lock().unwrap().iter().map(|p| p.step.id.to_string()).collect()
    }
}

fn paused() -> Arc<Paused> {
    Arc::new(Paused(Instant::now()))
}

#[tokio::test(start_paused = true)]
async fn a_breach_is_kept_then_shown_then_acted_on() {
    let rig = Rig::start(Fragile::default(), paused()).await;
    rig.deploy().await.unwrap();
    for _ in 0..5 {
        rig.see(900.0).await;
    }
    let report = rig.report(|report| !report.runs.is_empty()).await;
    assert_eq!(rig.steps(), ["revert"]);
    let perform = rig.performed.lock().unwrap()[0].clone();
    let ended = Event::StepEnded {
        run: perform.run,
        step: 0,
        attempt: 1,
        how: Ended::Succeeded,
        evidence: String::new(),
    };
    rig.handle.tell(ended).await;
    rig.report(|report| report.runs[0].steps[0] != launchgate_core::run::StepState::Planned).await;
    assert_eq!(report.runs[0].id.to_string(), rig.handle.report().runs[0].id.to_string());
    rig.stop().await;
}

#[tokio::test(start_paused = true)]
async fn while_the_store_fails_nothing_is_done_and_nothing_is_hidden() {
    let rig = Rig::start(Fragile::default(), paused()).await;
    rig.deploy().await.unwrap();
    rig.store.broken.store(true, Ordering::SeqCst);
    for _ in 0..6 {
        rig.see(900.0).await;
    }
    let report = rig.report(|report| !report.alarms.is_empty()).await;
    assert!(
        report.alarms[0].starts_with("the store cannot be written: database or disk is full."),
        "{:?}",
        report.alarms
    );
    assert_eq!(rig.steps(), Vec::<String>::new(), "nothing is done that is not on record");
    let refused = rig
        .handle
        .submit(Event::Milestone { milestone: Milestone::Live, by: "alice".into() })
        .await;
    assert!(matches!(refused, Err(Refused::NotKept(_))), "{refused:?}");
    assert_eq!(
        rig.handle.report().milestones.iter().filter(|m| m.milestone == Milestone::Live).count(),
        0
    );
    rig.store.broken.store(false, Ordering::SeqCst);
    rig.report(|report| report.alarms.is_empty()).await;
    assert_eq!(rig.steps(), ["revert"], "it is on record now");
    rig.stop().await;
}

#[tokio::test(start_paused = true)]
async fn an_order_that_cannot_be_kept_drops_no_step_that_was() {
    let rig = Rig::start(Fragile::default(), paused()).await;
    rig.deploy().await.unwrap();
    for _ in 0..3 {
        rig.see(900.0).await;
    }
    rig.report(|report| report.triggers[0].credit >= 2.0).await;
    assert_eq!(rig.steps(), Vec::<String>::new());
    // The decisive sample and the order are taken in one turn: what the sample brings is kept, the order is not.
    rig.store.last.store(true, Ordering::SeqCst);
    let outcome = Ok(Readings::new().number("ttl", 900.0));
    let observation = Observation { at: rig.clock.now(), took: Duration::ZERO, outcome };
    let check = "health/dns".parse().unwrap();
    rig.handle.tell(Event::Observed { check, observation }).await;
    let order = Order::Hold { lasts: Duration::from_secs(60), reason: "a test".into() };
    let (trigger, person) = (Name::of("dns"), Name::of("alice"));
    let refused = rig.handle.submit(Event::Ordered { trigger, person, order }).await;
    assert!(matches!(refused, Err(Refused::NotKept(_))), "{refused:?}");
    assert_eq!(rig.steps(), ["revert"], "its start is on record");
    rig.store.broken.store(false, Ordering::SeqCst);
    rig.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_refused_order_leaves_no_trace_and_says_why() {
    let rig = Rig::start(Fragile::default(), paused()).await;
    let refused = rig
        .handle
        .submit(Event::Milestone { milestone: Milestone::Live, by: "alice".into() })
        .await;
    assert_eq!(
        refused.unwrap_err().to_string(),
        "`live` cannot be reached while the launch is preparing"
    );
    rig.deploy().await.unwrap();
    assert_eq!(rig.handle.report().milestones.len(), 1, "what was taken shows at once");
    rig.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_restart_goes_on_where_it_stopped_and_repeats_nothing() {
    let clock = paused();
    let rig = Rig::start(Fragile::default(), Arc::clone(&clock)).await;
    rig.deploy().await.unwrap();
    for _ in 0..3 {
        rig.see(900.0).await;
    }
    let store = rig.stop().await;
    let rig = Rig::start(store, Arc::clone(&clock)).await;
    assert!(rig.handle.report().triggers[0].credit >= 2.0, "{:?}", rig.handle.report().triggers);
    for _ in 0..3 {
        rig.see(900.0).await;
    }
    rig.report(|report| !report.runs.is_empty()).await;
    assert_eq!(rig.steps(), ["revert"]);
    let store = rig.stop().await;
    let rig = Rig::start(store, clock).await;
    let report = rig.report(|report| !report.runs.is_empty()).await;
    assert_eq!(report.runs[0].status, launchgate_core::run::RunStatus::Running);
    assert_eq!(rig.steps(), Vec::<String>::new(), "a `once` step is not repeated by guess");
    let [open] = rig.looked_at.lock().unwrap().clone().try_into().expect("it is looked at");
    let ended = Event::StepEnded {
        run: open.run,
        step: open.index,
        attempt: open.attempt,
        how: Ended::NotStarted,
        evidence: String::new(),
    };
    rig.handle.tell(ended).await;
    let begun = |report: &Report| report.runs[0].started_at(0).is_some_and(|at| at > open.since);
    rig.report(begun).await;
    assert_eq!(rig.steps(), ["revert"], "it is begun now, since it was not before");
    rig.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_stop_waits_for_the_step_under_way_and_begins_no_other() {
    let clock = paused();
    let rig = Rig::start(Fragile::default(), Arc::clone(&clock)).await;
    rig.deploy().await.unwrap();
    for _ in 0..5 {
        rig.see(900.0).await;
    }
    rig.report(|report| !report.runs.is_empty()).await;
    let perform = rig.performed.lock().unwrap()[0].clone();
    let handle = rig.handle.clone();
    let performed = Arc::clone(&rig.performed);
    let told = rig.stop.clone();
    let stopping = tokio::spawn(rig.stop());
    told.cancelled().await;
    let ended = Event::StepEnded {
        run: perform.run,
        step: 0,
        attempt: 1,
        how: Ended::Succeeded,
        evidence: String::new(),
    };
    handle.tell(ended).await;
    let store = stopping.await.unwrap();
    assert_eq!(performed.lock().unwrap().len(), 1, "the next step is not begun");
    let rig = Rig::start(store, clock).await;
    rig.report(|report| !report.runs.is_empty()).await;
    assert_eq!(rig.steps(), ["again"], "the next process goes on, and doubts nothing");
    rig.stop().await;
}

/// Breaches at every look, until the report is as wanted.
async fn breach_until(rig: &Rig, wanted: impl Fn(&Report) -> bool) -> Arc<Report> {
    let mut reports = rig.handle.reports();
    // The clock of the test runs ahead of the threads that read the store: they are given real time.
    let began = std::time::Instant::now();
    while began.elapsed() < Duration::from_secs(30) {
        let report = rig.handle.report();
        if wanted(&report) {
            return report;
        }
        rig.see(900.0).await;
        // While a commit is under way the clock stands still, so that this is a wait for the engine.
        let _changed = tokio::time::timeout(Duration::from_millis(200), reports.changed()).await;
        tokio::task::spawn_blocking(std::thread::yield_now).await.unwrap();
    }
    panic!("{:#?}", rig.handle.report().triggers);
}

fn is_forestalled(report: &Report) -> bool {
    report.triggers[0].because.contains("is under way on the same target")
}

#[tokio::test(start_paused = true)]
async fn launches_on_one_target_are_never_rolled_back_at_once() {
    let (store, clock) = (Fragile::default(), paused());
    let shop = neighbour(LAUNCH).replace("launch: cart", "launch: shop");
    let shop = Rig::launch(&shop, store.clone(), Arc::clone(&clock)).await;
    let cart = Rig::launch(&neighbour(LAUNCH), store, clock).await;
    shop.deploy().await.unwrap();
    cart.deploy().await.unwrap();
    // Both become due at the same look: which of them is first is the store's to say, and it may take its time.
    let runs = |rig: &Rig| rig.handle.report().runs.len();
    for _ in 0..5 {
        shop.saw(900.0).await;
        cart.see(900.0).await;
    }
    breach_until(&shop, |report| report.runs.len() + runs(&cart) > 0).await;
    let (first, second) = if runs(&cart) == 0 { (shop, cart) } else { (cart, shop) };
    let report = breach_until(&second, is_forestalled).await;
    assert_eq!(report.runs.len(), 0, "{:?}", report.runs);
    assert_eq!((first.steps().len(), second.steps().len()), (1, 0));

    let fire = Event::Fire {
        trigger: Name::of("dns"),
        person: Name::of("alice"),
        reason: "it is broken".into(),
    };
    let refused = second.handle.submit(fire).await.unwrap_err().to_string();
    assert!(refused.contains("a target is rolled back by one run at a time"), "{refused}");

    // The first run ends: from then on the other launch cools down.
    for step in 0..2 {
        let run = first.handle.report().runs[0].id.clone();
        let (how, evidence) = (Ended::Succeeded, String::new());
        first.handle.tell(Event::StepEnded { run, step, attempt: 1, how, evidence }).await;
    }
    first.report(|report| report.runs.iter().all(|run| run.status.is_final())).await;
    breach_until(&second, |report| report.triggers[0].because.contains("cooling down")).await;
    assert_eq!(second.steps().len(), 0);
    first.stop().await;
    second.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_launch_that_another_forestalls_goes_on_from_what_is_kept() {
    let (store, clock) = (Fragile::default(), paused());
    let cart = Rig::launch(&neighbour(LAUNCH), store, clock).await;
    cart.deploy().await.unwrap();
    // Another launch takes the target, and this one has no time to hear of it before it commits.
    let plan = compile_text("shop.yaml", LAUNCH, ".".into(), &builtin()).unwrap().plan;
    let procedure = plan.procedures[&Name::of("rollback")].clone();
    let (shop, at) = (Name::of("shop"), cart.clock.now().wall);
    let mut run = Run::new(shop.clone(), 1, procedure, "trigger dns: slow".into(), at);
    run.target = Some(Name::of("production"));
    let created = Record::RunCreated(Box::new(run));
    for _ in 0..3 {
        cart.saw(900.0).await;
        tokio::time::advance(Duration::from_secs(1)).await;
    }
    cart.store.inner.lock().unwrap().commit(&shop, at, &[created]).unwrap();
    let report = breach_until(&cart, is_forestalled).await;
    assert_eq!((report.runs.len(), cart.steps().len()), (0, 0));
    let unwritable = |alarm: &String| alarm.contains("cannot be written");
    assert!(!report.alarms.iter().any(unwritable), "{:?}", report.alarms);
    cart.stop().await;
}
