//! The looks: how late they began, how long they took, and how they ended.

use std::time::Duration;

use launchgate_core::observation::Observation;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::{Registry, Unit};

use super::{Seconds, seconds};

type Labels<const N: usize> = [(&'static str, &'static str); N];

/// What is measured of looks, for all launches of a daemon together.
#[derive(Debug, Clone)]
pub struct Looks {
    delays: Seconds<Labels<1>>,
    took: Seconds<Labels<1>>,
    ended: Family<Labels<2>, Counter>,
}

impl Looks {
    /// Notes how long after its time a look began. Looks whose last answer did not come in time have a lane of their own.
    pub fn began(&self, lane: &'static str, after: Duration) {
        self.delays.get_or_create(&[("lane", lane)]).observe(after.as_secs_f64());
    }

    /// Notes how a look of this kind of probe ended: `seen`, or why nothing could be seen.
    pub fn ended(&self, kind: &'static str, observation: &Observation) {
        let outcome = match &observation.outcome {
            Ok(_) => "seen",
            Err(failure) => failure.cause.name(),
        };
        self.ended.get_or_create(&[("kind", kind), ("outcome", outcome)]).inc();
        self.took.get_or_create(&[("kind", kind)]).observe(observation.took.as_secs_f64());
    }

    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register_with_unit(
            "look_start_delay",
            "How long after they were due looks began",
            Unit::Seconds,
            self.delays.clone(),
        );
        registry.register_with_unit(
            "look_duration",
            "How long looks took",
            Unit::Seconds,
            self.took.clone(),
        );
        registry.register("looks", "Looks that ended, by how they ended", self.ended.clone());
    }
}

impl Default for Looks {
    fn default() -> Self {
        Self {
            delays: Family::new_with_constructor(seconds),
            took: Family::new_with_constructor(seconds),
            ended: Family::default(),
        }
    }
}
