//! What the store is asked to do: how long it takes, and how often it fails.

use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::{Registry, Unit};

use super::{Seconds, seconds};

type Labels<const N: usize> = [(&'static str, &'static str); N];

/// What is measured of the store, by operation. The wait for its turn is not part of an operation.
#[derive(Debug, Clone)]
pub struct Keeping {
    took: Seconds<Labels<1>>,
    failed: Family<Labels<2>, Counter>,
}

impl Keeping {
    /// Notes an operation, and why it failed if it did.
    pub fn ended(&self, operation: &'static str, took: Duration, failed: Option<&'static str>) {
        self.took.get_or_create(&[("operation", operation)]).observe(took.as_secs_f64());
        if let Some(reason) = failed {
            self.failed.get_or_create(&[("operation", operation), ("reason", reason)]).inc();
        }
    }

    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register_with_unit(
            "store_operation_duration",
            "How long the store took",
            Unit::Seconds,
            self.took.clone(),
        );
        registry.register(
            "store_failures",
            "Operations of the store that failed, by why",
            self.failed.clone(),
        );
    }
}

impl Default for Keeping {
    fn default() -> Self {
        let failed = Family::<Labels<2>, Counter>::default();
        // From the beginning, so that the first failure is an increase.
        for reason in ["unavailable", "unreadable", "conflict"] {
            failed.get_or_create(&[("operation", "commit"), ("reason", reason)]).inc_by(0);
        }
        Self { took: Family::new_with_constructor(seconds), failed }
    }
}
