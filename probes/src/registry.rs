//! The registry: probes by kind, with their types erased here and nowhere else.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use launchgate_core::observation::Failure;
use launchgate_core::problem::{Problem, did_you_mean};
use launchgate_core::reading::{ReadingSpec, Readings};
use launchgate_core::time::format_duration;
use serde_json::Value;

use crate::probe::{Context, Probe};
use crate::strict;
use crate::vantage::Vantage;

/// A look in progress.
pub type Look<'a> = Pin<Box<dyn Future<Output = Result<Readings, Failure>> + Send + 'a>>;

/// A probe whose kind was chosen at run time.
pub trait DynProbe: Send + Sync {
    /// The probe's kind.
    fn kind(&self) -> &'static str;
    /// See [`Probe::readings`].
    fn readings(&self) -> Vec<ReadingSpec>;
    /// See [`Probe::hosts`].
    fn hosts(&self) -> Vec<String>;
    /// See [`Probe::keeps_history`].
    fn keeps_history(&self) -> bool;
    /// See [`Probe::least_timeout`].
    fn least_timeout(&self) -> Duration {
        Duration::ZERO
    }
    /// From where it looks.
    fn vantage(&self) -> Arc<Vantage> {
        Arc::default()
    }
    /// See [`Probe::observe`].
    fn observe<'a>(&'a self, cx: &'a Context) -> Look<'a>;
}

impl dyn DynProbe {
    /// What is wrong with a `timeout`, if a look needs more.
    pub fn too_short(&self, timeout: Duration) -> Option<Problem> {
        let least = self.least_timeout();
        let [has, needs] = [timeout, least].map(format_duration);
        let message = format!("such a look needs at least {needs}, and has {has}");
        let hint = format!("a `timeout` of {needs} is the least");
        (timeout < least).then(|| Problem::at("timeout", message).hint(hint))
    }
}

impl<P: Probe> DynProbe for P {
    fn kind(&self) -> &'static str {
        P::KIND
    }
    fn readings(&self) -> Vec<ReadingSpec> {
        Probe::readings(self)
    }
    fn hosts(&self) -> Vec<String> {
        Probe::hosts(self)
    }
    fn keeps_history(&self) -> bool {
        Probe::keeps_history(self)
    }
    fn least_timeout(&self) -> Duration {
        Probe::least_timeout(self)
    }
    fn observe<'a>(&'a self, cx: &'a Context) -> Look<'a> {
        Box::pin(Probe::observe(self, cx))
    }
}

type Build = fn(Value) -> Result<Arc<dyn DynProbe>, Vec<Problem>>;

struct Entry {
    build: Build,
    schema: fn() -> Value,
    example: &'static str,
}

/// The probes that are compiled in, by kind.
#[derive(Default)]
pub struct Registry {
    entries: BTreeMap<&'static str, Entry>,
}

impl Registry {
    /// This registry with one more kind.
    ///
    /// # Panics
    /// If the kind is there already: two probes of one name are a mistake in our own source.
    #[must_use]
    pub fn with<P: Probe>(mut self) -> Self {
        let build: Build = |settings| {
            let probe = P::new(strict::read(settings)?)?;
            Ok(Arc::new(probe) as Arc<dyn DynProbe>)
        };
        let schema = || schemars::schema_for!(P::Settings).to_value();
        let earlier = self.entries.insert(P::KIND, Entry { build, schema, example: P::EXAMPLE });
        assert!(earlier.is_none(), "the probe kind `{}` is registered twice", P::KIND);
        self
    }

    /// Builds a probe of `kind` from the settings under `with:`.
    ///
    /// # Errors
    /// An unknown kind (an empty path, with the nearest kind as hint), or every problem in the settings.
    pub fn build(&self, kind: &str, settings: Value) -> Result<Arc<dyn DynProbe>, Vec<Problem>> {
        match self.entries.get(kind) {
            Some(entry) => (entry.build)(settings),
            None => Err(vec![self.unknown(kind)]),
        }
    }

    fn unknown(&self, kind: &str) -> Problem {
        let known = self.kinds().collect::<Vec<_>>();
        let hint = did_you_mean(kind, known.iter().copied())
            .unwrap_or_else(|| format!("probes are {}", known.join(", ")));
        Problem::new(
            launchgate_core::problem::KeyPath::root(),
            format!("no probe is called `{kind}`"),
        )
        .hint(hint)
    }

    /// The kinds, in order.
    pub fn kinds(&self) -> impl Iterator<Item = &'static str> {
        self.entries.keys().copied()
    }

    /// The JSON Schema of a kind's settings.
    pub fn schema(&self, kind: &str) -> Option<Value> {
        self.entries.get(kind).map(|entry| (entry.schema)())
    }

    /// A working `with:` block of a kind, in YAML.
    pub fn example(&self, kind: &str) -> Option<&'static str> {
        self.entries.get(kind).map(|entry| entry.example)
    }
}
