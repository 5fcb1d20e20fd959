//! What a probe is: a way to look, with settings, declared readings and one act of looking.
//!
//! A probe never sees a threshold and never decides. It makes one attempt; cadence, retries and judgement belong to
//! others. It keeps within [`Context::deadline`], though the runner enforces that from outside as well.

use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use launchgate_core::observation::Failure;
use launchgate_core::problem::Problem;
use launchgate_core::reading::{ReadingSpec, Readings};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::time::Instant;

use crate::trail::Trail;
use crate::vantage::Vantage;

/// What a probe is told about the moment it looks in. It holds no threshold.
#[derive(Debug, Clone)]
pub struct Context {
    /// When the look must have ended.
    pub deadline: Instant,
    /// The wall-clock time at which the look began; date rules count from here.
    pub now: Timestamp,
    /// The launch's planned go-live, for readings such as "days left at go-live".
    pub go_live: Option<Timestamp>,
    /// The time in the past at which to look, for a probe that [keeps history](Probe::keeps_history); none for now.
    pub as_of: Option<Timestamp>,
    /// The folder that relative paths in settings count from: the launch file's own.
    pub folder: PathBuf,
    /// From where to look.
    pub vantage: Arc<Vantage>,
    /// What this probe asked to be told at its next look, by [`Readings::remember`]; none at the first.
    pub memory: Option<Arc<Value>>,
    /// Where exchanges are noted for people, if anybody wants to know.
    pub trail: Trail,
}

impl Context {
    /// A context for a single look that must end within `timeout`.
    pub fn new(
        timeout: Duration,
        now: Timestamp,
        go_live: Option<Timestamp>,
        folder: PathBuf,
    ) -> Self {
        Self {
            deadline: Instant::now() + timeout,
            now,
            go_live,
            as_of: None,
            folder,
            vantage: Arc::default(),
            memory: None,
            trail: Trail::default(),
        }
    }

    /// The time left until the deadline, zero when it has passed.
    pub fn remaining(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }
}

/// A kind of probe. A new one is a file with this implemented and two adjacent lines in `lib.rs`.
pub trait Probe: Sized + Send + Sync + 'static {
    /// The kind's name in launch files, the API, metrics and docs.
    const KIND: &'static str;
    /// A working `with:` block in YAML; it stands on the kind's docs page and is compiled by a test.
    const EXAMPLE: &'static str;
    /// The settings under `with:`. Doc comments on its fields are the reference page.
    type Settings: DeserializeOwned + JsonSchema;

    /// Turns settings into a probe. Pure: it parses and checks, but neither looks nor connects.
    ///
    /// # Errors
    /// Every problem in the settings, with paths relative to them.
    fn new(settings: Self::Settings) -> Result<Self, Vec<Problem>>;

    /// The readings that a look can bring, for the compiler of expectations.
    fn readings(&self) -> Vec<ReadingSpec>;

    /// The hosts that a look talks to, `name:port`, for limits per host. Empty for what stays on this machine.
    fn hosts(&self) -> Vec<String> {
        Vec::new()
    }

    /// Whether it can look at what was, as [`Context::as_of`] asks. A probe of which this is not said sees the present alone.
    fn keeps_history(&self) -> bool {
        false
    }

    /// How long a look needs at least; a check that gives it less is a mistake.
    fn least_timeout(&self) -> Duration {
        Duration::ZERO
    }

    /// Looks once.
    fn observe(&self, cx: &Context) -> impl Future<Output = Result<Readings, Failure>> + Send;
}
