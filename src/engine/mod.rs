//! The engine: the one owner of a launch's state. It takes events in, keeps what must be kept, publishes the report, and
//! only then acts.
//!
//! While the store cannot be written nothing is done outside and no person's order is taken; what the probes see goes on
//! being judged and shown, and is kept as soon as the store can be written again.

mod handle;
mod held;
mod instant;
#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use handle::Question;
pub use handle::{Handle, Message, Refused};
use held::Held;
use launchgate_core::name::{CheckPath, Name};
use launchgate_core::plan::Plan;
use launchgate_core::report::Report;
use launchgate_core::state::{Effect, Event, State};
use launchgate_core::target::Elsewhere;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::clock::Clock;
use crate::crash;
use crate::store::{Store, StoreError};
use crate::telemetry::EngineMeasure;

/// How many events may wait.
const INBOX: usize = 1_024;
/// How many events share one transaction at most.
const BATCH: usize = 256;
/// How many questions for other instants may wait.
const QUESTIONS: usize = 8;
/// How often time alone is taken into account: staleness, arming, blindness.
const TICK: Duration = Duration::from_secs(1);
/// How long a step under way is waited for when the daemon ends.
const DRAIN: Duration = Duration::from_secs(20);
/// How soon after an observation the report that shows it is published; what a person did is published at once.
const PUBLISH_WITHIN: Duration = Duration::from_millis(100);

/// A store that several engines and readers share.
pub type SharedStore = Arc<Mutex<dyn Store>>;

/// Does something outside, under the plan in force: what is left of an effect once it is kept.
pub type Performer = Arc<dyn Fn(&Arc<Plan>, Effect) + Send + Sync>;

/// One launch's engine, before it runs.
pub struct Engine {
    state: State,
    store: SharedStore,
    clock: Arc<dyn Clock>,
    performer: Performer,
    measure: EngineMeasure,
    inbox: mpsc::Receiver<Message>,
    questions: mpsc::Receiver<Question>,
    reports: watch::Sender<Arc<Report>>,
    /// What is to be kept, in order.
    held: Held,
    /// What is to be done once everything held is kept.
    waiting: Vec<Effect>,
    /// What is wrong with the store, if it could not be written.
    trouble: Option<String>,
    /// The store being asked what other launches do to the same target.
    asking: Option<JoinHandle<Result<Vec<Elsewhere>, StoreError>>>,
    /// When the last report was published, and whether it has been overtaken.
    published: Instant,
    overtaken: bool,
}

impl Engine {
    /// Restores a launch from the store. The performer is given the engine's handle, through which attempts report.
    ///
    /// # Errors
    /// The store cannot be read, or what it holds makes no state.
    pub async fn restore(
        plan: Arc<Plan>,
        store: SharedStore,
        clock: Arc<dyn Clock>,
        measure: EngineMeasure,
        performer: impl FnOnce(Handle) -> Performer,
    ) -> Result<(Self, Handle), StoreError> {
        let launch = plan.launch.clone();
        let saved = with(&store, move |store| store.load(&launch)).await?;
        let mut state = State::restore(Arc::clone(&plan), saved);
        let (send, inbox) = mpsc::channel(INBOX);
        let (reports, read) = watch::channel(Arc::new(state.report(clock.now())));
        let (asks, questions) = mpsc::channel(QUESTIONS);
        let handle = Handle::new(plan.launch.clone(), send, read).with_questions(asks);
        let mut engine = Self {
            state,
            store,
            clock,
            performer: performer(handle.clone()),
            measure,
            inbox,
            questions,
            reports,
            held: Held::default(),
            waiting: Vec::new(),
            trouble: None,
            asking: None,
            published: Instant::now(),
            overtaken: true,
        };
        engine.look_elsewhere().await;
        engine.take(Event::Restarted);
        engine.settle().await;
        engine.publish();
        Ok((engine, handle))
    }

    /// What the probes of checks asked to be told at their next look.
    pub fn remembered(&self) -> impl Iterator<Item = (CheckPath, serde_json::Value)> {
        self.state.remembered()
    }

    /// Runs until every handle is gone and the inbox is empty, or until `stop` is told; then keeps what is held.
    pub async fn run(mut self, stop: tokio_util::sync::CancellationToken) {
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut batch = Vec::with_capacity(BATCH);
        loop {
            let publish_at = self.published + PUBLISH_WITHIN;
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                taken = self.inbox.recv_many(&mut batch, BATCH) => {
                    if taken == 0 {
                        break;
                    }
                    self.turn(batch.drain(..)).await;
                }
                () = tokio::time::sleep_until(publish_at), if self.overtaken => self.publish(),
                found = answered(&mut self.asking) => {
                    self.asking = None;
                    self.learn(found);
                }
                Some(question) = self.questions.recv() => self.answer(question),
                due = tick.tick() => {
                    self.measure.ticked(due.elapsed());
                    self.measure.passed(&self.reports.borrow());
                    if self.asking.is_none() {
                        self.asking = self.ask_elsewhere();
                    }
                    self.take(Event::Tick);
                    self.settle().await;
                }
            }
        }
        self.drain().await;
        if !self.keep().await {
            let lost = self.held.len();
            tracing::error!(lost, "shut down with records that could not be kept");
        }
    }

    /// Takes in what is still coming. A step under way is given some time to end, so that it is not left to the next
    /// process; no further one begins.
    async fn drain(&mut self) {
        self.take(Event::Stopping);
        let until = Instant::now() + DRAIN;
        while self.state.is_acting() {
            match tokio::time::timeout_at(until, self.inbox.recv()).await {
                Ok(Some(message)) => self.turn(std::iter::once(message)).await,
                Ok(None) => break,
                Err(_) => {
                    tracing::error!(
                        "a step is still under way; the next process looks what became of it"
                    );
                    break;
                }
            }
        }
        self.inbox.close();
        while let Some(message) = self.inbox.recv().await {
            self.turn(std::iter::once(message)).await;
        }
    }

    async fn turn(&mut self, messages: impl Iterator<Item = Message>) {
        for message in messages {
            self.measure.took(message.since.elapsed());
            match message.answer {
                None => self.take(message.event),
                Some(answer) => self.order(message.event, answer).await,
            }
        }
        self.settle().await;
    }

    /// Takes in what the daemon itself saw.
    fn take(&mut self, event: Event) {
        match self.state.apply(event, self.clock.now()) {
            Ok(effects) => self.collect(effects),
            // An observation of a check that a reload has dropped, or an attempt that a person has ended meanwhile.
            Err(rejected) => tracing::info!(%rejected, "an event came too late"),
        }
    }

    /// Takes a person's order: it is kept, or it has not happened.
    async fn order(&mut self, event: Event, answer: oneshot::Sender<Result<(), Refused>>) {
        let result = self.try_order(event).await;
        if answer.send(result).is_err() {
            tracing::debug!("whoever gave an order did not wait for the answer");
        }
    }

    async fn try_order(&mut self, event: Event) -> Result<(), Refused> {
        self.look_elsewhere().await;
        // What came before is kept first, so that only this order is taken back if it cannot be.
        if !self.keep().await {
            return Err(Refused::NotKept(self.trouble.clone().unwrap_or_default()));
        }
        // What that calls for is done whatever becomes of the order.
        if !self.waiting.is_empty() {
            self.publish();
            self.act();
        }
        let before = self.state.clone();
        let effects = self.state.apply(event, self.clock.now())?;
        self.collect(effects);
        if let Err(error) = self.commit().await {
            self.state = before;
            self.held = Held::default();
            self.waiting.clear();
            if !matches!(error, StoreError::Conflict(_)) {
                self.note(&error);
            }
            return Err(Refused::NotKept(error.to_string()));
        }
        self.publish();
        self.act();
        Ok(())
    }

    fn collect(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Persist(record) => self.held.push(record),
                outside => self.waiting.push(outside),
            }
        }
        self.overtaken = true;
    }

    /// Persist, publish, act.
    async fn settle(&mut self) {
        let kept = self.keep().await;
        let urgent = !self.waiting.is_empty();
        if urgent || self.published.elapsed() >= PUBLISH_WITHIN {
            self.publish();
        }
        if kept {
            self.act();
        }
    }

    /// Asks the store what other launches have lately done to the same target, if it matters now.
    fn ask_elsewhere(&self) -> Option<JoinHandle<Result<Vec<Elsewhere>, StoreError>>> {
        if !self.state.may_roll_back() {
            return None;
        }
        let (store, plan) = (Arc::clone(&self.store), Arc::clone(self.state.plan()));
        Some(tokio::task::spawn_blocking(move || {
            let mut store = store.lock().unwrap_or_else(PoisonError::into_inner);
            store.elsewhere(&plan.target, &plan.launch)
        }))
    }

    async fn look_elsewhere(&mut self) {
        self.asking = self.ask_elsewhere();
        if self.asking.is_some() {
            let found = answered(&mut self.asking).await;
            self.asking = None;
            self.learn(found);
        }
    }

    /// A store that cannot be read says so when it is written.
    fn learn(&mut self, found: Result<Vec<Elsewhere>, StoreError>) {
        match found {
            Ok(elsewhere) if elsewhere == self.state.elsewhere() => {}
            Ok(elsewhere) => self.take(Event::Elsewhere(elsewhere)),
            Err(error) => tracing::warn!(%error, "what happens elsewhere cannot be read"),
        }
    }

    /// Keeps what is held. Says whether nothing is held any more.
    async fn keep(&mut self) -> bool {
        let mut kept = self.commit().await;
        if let Err(StoreError::Conflict(why)) = &kept {
            tracing::warn!(%why, "another launch was first; going on from what is kept");
            self.start_over().await;
            kept = self.commit().await;
        }
        if let Err(error) = &kept {
            self.note(error);
        }
        self.measure.holds(self.held.len());
        kept.is_ok()
    }

    /// Goes on from what is kept, as after a crash: what was held claims a target that another launch holds by now. What
    /// the probes saw since the last commit is lost, and looked at again.
    async fn start_over(&mut self) {
        let plan = Arc::clone(self.state.plan());
        let launch = plan.launch.clone();
        let Ok(saved) = with(&self.store, move |store| store.load(&launch)).await else { return };
        self.state = State::restore(plan, saved);
        self.held = Held::default();
        self.waiting.clear();
        self.look_elsewhere().await;
        self.take(Event::Restarted);
    }

    fn note(&mut self, error: &StoreError) {
        if self.trouble.is_none() {
            tracing::error!(%error, "the store cannot be written");
        }
        self.trouble = Some(error.to_string());
        self.overtaken = true;
    }

    /// Writes what is held, in one transaction.
    async fn commit(&mut self) -> Result<(), StoreError> {
        if self.held.is_empty() {
            return Ok(());
        }
        let launch = self.state.plan().launch.clone();
        let (at, records) = (self.clock.now().wall, self.held.records());
        crash::records("before", self.state.runs(), &records);
        let kept = with(&self.store, move |store| store.commit(&launch, at, &records)).await;
        kept?;
        crash::records("committed", self.state.runs(), &self.held.records());
        if self.trouble.take().is_some() {
            tracing::info!("the store can be written again; everything held is kept");
        }
        self.held = Held::default();
        Ok(())
    }

    fn publish(&mut self) {
        let mut report = self.state.report(self.clock.now());
        if let Some(trouble) = &self.trouble {
            let merged = match self.held.merged() {
                0 => String::new(),
                n => format!(" {n} older observations will be missing from the history."),
            };
            let alarm = format!(
                "the store cannot be written: {trouble}. No step begins and no order is taken until it can.{merged}"
            );
            report.alarms.insert(0, alarm);
        }
        self.reports.send_replace(Arc::new(report));
        self.published = Instant::now();
        self.overtaken = false;
    }

    fn act(&mut self) {
        crash::effects("published", &self.waiting);
        for effect in self.waiting.drain(..) {
            match &effect {
                Effect::Perform(perform) => {
                    tracing::warn!(run = %perform.run, step = %perform.step.id, attempt = perform.attempt, "a step begins");
                }
                Effect::LookAt(perform) => {
                    tracing::warn!(run = %perform.run, step = %perform.step.id, attempt = perform.attempt, "a step was under way");
                }
                Effect::Persist(_)
                | Effect::Send(_)
                | Effect::LookBack { .. }
                | Effect::LookAgain(_)
                | Effect::Rehearse { .. } => {}
            }
            (self.performer)(self.state.plan(), effect);
        }
    }

    /// The launch's name.
    pub fn launch(&self) -> &Name {
        &self.state.plan().launch
    }
}

/// The store's answer, once there is one; never, when nothing was asked.
async fn answered(
    asking: &mut Option<JoinHandle<Result<Vec<Elsewhere>, StoreError>>>,
) -> Result<Vec<Elsewhere>, StoreError> {
    match asking {
        Some(asking) => asking.await.expect("a store gives errors and does not panic"),
        None => std::future::pending().await,
    }
}

/// Runs a call on the store where it may block.
async fn with<T: Send + 'static>(
    store: &SharedStore,
    call: impl FnOnce(&mut dyn Store) -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    let store = Arc::clone(store);
    let done = tokio::task::spawn_blocking(move || {
        let mut store = store.lock().unwrap_or_else(PoisonError::into_inner);
        call(&mut *store)
    });
    done.await.expect("a store gives errors and does not panic")
}
