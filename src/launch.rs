//! One launch at work in a daemon: its engine, its runner, and the launch file that both come from.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use launchgate_core::name::{CheckPath, Name};
use launchgate_core::plan::Plan;
use launchgate_core::state::{Effect, Event};
use launchgate_core::time::add;
use launchgate_probes::{DynProbe, Registry};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::actions::{Around, Shims};
use crate::clock::Clock;
use crate::engine::{Engine, Handle, SharedStore};
use crate::postman::{Couriers, InForce, Postman, Turns};
use crate::runner::{Limits, Looking, Memories, Runner, Surroundings, Wanted, look_back};
use crate::settings::launch::{Compiled, compile_file};
use crate::store::StoreError;
use crate::telemetry::Measures;
use crate::{executor, rehearse};

/// How many observations may wait between a runner and its engine.
const SEEN: usize = 256;

/// What every launch of a daemon shares.
#[derive(Clone)]
pub struct Shared {
    /// The probes there are.
    pub registry: Arc<Registry>,
    /// The store.
    pub store: SharedStore,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// The permits to look.
    pub limits: Arc<Limits>,
    /// The shims that scripts run under.
    pub shims: Arc<Shims>,
    /// The couriers that bring messages.
    pub couriers: Arc<Couriers>,
    /// What is measured.
    pub measures: Measures,
}

/// A launch under way.
pub struct Launch {
    file: PathBuf,
    shared: Shared,
    handle: Handle,
    plan: Arc<Plan>,
    in_force: InForce,
    probes: Probes,
    memories: Memories,
    wanted: Arc<Wanted>,
    looking: Option<Eyes>,
    engine: JoinHandle<()>,
    stop: CancellationToken,
}

/// What looks for each check of the plan in force.
type Probes = Arc<Mutex<HashMap<CheckPath, Arc<dyn DynProbe>>>>;

/// How many instants of a source's history are asked for at most.
const MOST_INSTANTS: usize = 240;

/// What does the engine's work outside.
struct Outside {
    folder: PathBuf,
    shims: Arc<Shims>,
    handle: Handle,
    clock: Arc<dyn Clock>,
    probes: Probes,
    wanted: Arc<Wanted>,
    postman: Postman,
}

impl Outside {
    fn act(&self, plan: &Arc<Plan>, effect: Effect) {
        match effect {
            Effect::Perform(perform) => executor::begin(self.around(plan), *perform),
            Effect::LookAt(perform) => executor::look_at(self.around(plan), *perform),
            Effect::Send(message) => self.postman.send(*message),
            Effect::Rehearse { procedure, by } => self.rehearse(plan, &procedure, by),
            Effect::LookBack { check, from, to } => self.look_back(plan, check, from, to),
            Effect::LookAgain(checks) => self.wanted.ask(checks),
            Effect::Persist(_) => {}
        }
    }

    fn rehearse(&self, plan: &Arc<Plan>, procedure: &Name, by: Option<Name>) {
        let Some(procedure) = plan.procedures.get(procedure).cloned() else { return };
        let (plan, folder) = (Arc::clone(plan), self.folder.clone());
        let (handle, at) = (self.handle.clone(), self.clock.now().wall);
        tokio::spawn(async move {
            let report = handle.report();
            let walked = rehearse::rehearse(&plan, &folder, &procedure, &report, by, at).await;
            handle.tell(Event::Rehearsed(Box::new(walked))).await;
        });
    }

    fn around(&self, plan: &Arc<Plan>) -> Around {
        Around {
            plan: Arc::clone(plan),
            folder: self.folder.clone(),
            shims: Arc::clone(&self.shims),
            handle: self.handle.clone(),
        }
    }

    /// Asks a check's source for its history, if it keeps one.
    fn look_back(&self, plan: &Arc<Plan>, check: CheckPath, from: Timestamp, to: Timestamp) {
        let probes = self.probes.lock().unwrap_or_else(PoisonError::into_inner);
        let probe = probes.get(&check).filter(|probe| probe.keeps_history()).cloned();
        let (Some(probe), Some(asked)) = (probe, plan.check(&check)) else { return };
        let (every, timeout) = (asked.every, asked.timeout);
        let go_live = Some(plan.go_live.timestamp());
        let folder = self.folder.clone();
        let around = Surroundings { go_live, folder, ..Surroundings::default() };
        let (handle, clock) = (self.handle.clone(), Arc::clone(&self.clock));
        let times = std::iter::successors(Some(add(from, every)), move |at| Some(add(*at, every)))
            .take_while(move |at| *at < to)
            .take(MOST_INSTANTS);
        tokio::spawn(async move {
            let history = look_back(&probe, timeout, &around, &*clock, times).await;
            tracing::info!(%check, samples = history.len(), "the source's history fills a gap");
            handle.tell(Event::LookedBack { check, history }).await;
        });
    }
}

/// A runner and the task that carries what it sees to the engine.
struct Eyes {
    runner: Runner,
    relay: JoinHandle<()>,
}

impl Launch {
    /// Restores a compiled launch and starts to look.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn start(
        file: PathBuf,
        compiled: Compiled,
        shared: Shared,
    ) -> Result<Self, StoreError> {
        let plan = Arc::clone(&compiled.plan);
        let (folder, shims) = (compiled.folder.clone(), Arc::clone(&shared.shims));
        let clock = Arc::clone(&shared.clock);
        let probes: Probes = Arc::new(Mutex::new(compiled.probes.clone()));
        let seen = Arc::clone(&probes);
        let wanted = Arc::new(Wanted::default());
        let asked = Arc::clone(&wanted);
        let in_force = Arc::new(Mutex::new(Arc::clone(&plan)));
        let told = Arc::clone(&in_force);
        let (couriers, posting) = (Arc::clone(&shared.couriers), shared.measures.posting.clone());
        let (engine, handle) = Engine::restore(
            Arc::clone(&plan),
            Arc::clone(&shared.store),
            Arc::clone(&shared.clock),
            shared.measures.engines.of(&plan.launch),
            |handle| {
                let postman = Postman {
                    plan: told,
                    folder: folder.clone(),
                    handle: handle.clone(),
                    clock: Arc::clone(&clock),
                    couriers,
                    posting,
                    turns: Turns::default(),
                };
                let outside =
                    Outside { folder, shims, handle, clock, probes: seen, wanted: asked, postman };
                Arc::new(move |plan: &Arc<Plan>, effect| outside.act(plan, effect))
            },
        )
        .await?;
        let memories = Memories::of(engine.remembered());
        let stop = CancellationToken::new();
        let engine = tokio::spawn(engine.run(stop.clone()));
        let looking = Some(Eyes::open(&compiled, &shared, &handle, &memories, &wanted));
        Ok(Self {
            file,
            shared,
            handle,
            plan,
            in_force,
            probes,
            memories,
            wanted,
            looking,
            engine,
            stop,
        })
    }

    /// The way in and out for everybody else.
    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Reads the launch file again. One that does not compile leaves the plan in force, and the report says so.
    pub async fn reload(&mut self) {
        let compiled = match compile_file(&self.file, &self.shared.registry) {
            Ok(compiled) if compiled.plan.launch == *self.handle.launch() => compiled,
            Ok(compiled) => {
                let name = &compiled.plan.launch;
                let problem = format!(
                    "{} now describes the launch `{name}`; a launch keeps its name: the old plan stays in force",
                    self.file.display()
                );
                return self.refuse(problem).await;
            }
            Err(problems) => {
                let problem = format!(
                    "the launch file does not compile, the old plan stays in force: {problems}"
                );
                return self.refuse(problem).await;
            }
        };
        if compiled.plan.hash == self.plan.hash {
            tracing::info!(launch = %self.handle.launch(), "the launch file has not changed");
            self.handle.tell(Event::Reloaded(Arc::clone(&self.plan))).await;
            return;
        }
        // What the old eyes saw is in the engine's inbox before the new plan is.
        if let Some(eyes) = self.looking.take() {
            eyes.close().await;
        }
        let (old, new) = (&self.plan, &compiled.plan);
        self.memories.retain(|check| new.check(check) == old.check(check));
        self.plan = Arc::clone(&compiled.plan);
        *self.in_force.lock().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&self.plan);
        self.probes.lock().unwrap_or_else(PoisonError::into_inner).clone_from(&compiled.probes);
        self.handle.tell(Event::Reloaded(Arc::clone(&compiled.plan))).await;
        let (memories, wanted) = (&self.memories, &self.wanted);
        self.looking = Some(Eyes::open(&compiled, &self.shared, &self.handle, memories, wanted));
        tracing::info!(launch = %self.handle.launch(), "the changed launch file is in force");
    }

    async fn refuse(&self, problem: String) {
        tracing::error!(launch = %self.handle.launch(), "{problem}");
        self.handle.tell(Event::ReloadFailed { problem }).await;
    }

    /// Stops looking, gives a step under way some time to end, lets the engine keep what it holds, and ends. The
    /// script of one that does not end in time goes on under its shim; anything else ends with the daemon. Either is looked
    /// at when the daemon comes back.
    pub async fn stop(mut self) {
        if let Some(eyes) = self.looking.take() {
            eyes.close().await;
        }
        self.stop.cancel();
        if let Err(error) = self.engine.await {
            tracing::error!(%error, "an engine ended badly");
        }
    }
}

impl Eyes {
    fn open(
        compiled: &Compiled,
        shared: &Shared,
        handle: &Handle,
        memories: &Memories,
        wanted: &Arc<Wanted>,
    ) -> Self {
        let around = Surroundings { memories: memories.clone(), ..surroundings(compiled) };
        let (send, mut seen) = mpsc::channel(SEEN);
        let seed = shared.clock.now().uptime.subsec_nanos().into();
        let runner = Runner::start(
            looks(compiled),
            Arc::clone(wanted),
            around,
            Arc::clone(&shared.limits),
            Arc::clone(&shared.clock),
            send,
            seed,
        );
        let handle = handle.clone();
        let relay = tokio::spawn(async move {
            while let Some((check, observation)) = seen.recv().await {
                handle.tell(Event::Observed { check, observation }).await;
            }
        });
        Self { runner, relay }
    }

    async fn close(self) {
        self.runner.stop().await;
        if let Err(error) = self.relay.await {
            tracing::error!(%error, "a relay ended badly");
        }
    }
}

/// What is the same for every look of a compiled launch.
pub fn surroundings(compiled: &Compiled) -> Surroundings {
    Surroundings {
        go_live: Some(compiled.plan.go_live.timestamp()),
        folder: compiled.folder.clone(),
        canaries: compiled.canaries.clone(),
        ..Surroundings::default()
    }
}

/// What is to be looked at for a compiled launch.
pub fn looks(compiled: &Compiled) -> Vec<Looking> {
    let checks = compiled.plan.checks();
    checks
        .filter_map(|(_, check)| {
            let probe = Arc::clone(compiled.probes.get(&check.path)?);
            let (every, timeout) = (check.every, check.timeout);
            Some(Looking { check: check.path.clone(), probe, every, timeout })
        })
        .collect()
}
