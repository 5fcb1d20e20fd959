//! The requests to the API and the page, by class of route: their number and how long their answers took to begin.

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::{Registry, Unit};

use super::{Seconds, seconds};

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Answer {
    route: &'static str,
    code: u16,
}

/// What is measured of requests.
#[derive(Debug, Clone)]
pub struct Requests {
    answered: Family<Answer, Counter>,
    took: Seconds<[(&'static str, &'static str); 1]>,
}

impl Requests {
    /// Notes that a request to a class of routes began to be answered with this status.
    pub fn answered(&self, route: &'static str, code: u16, took: Duration) {
        self.answered.get_or_create(&Answer { route, code }).inc();
        self.took.get_or_create(&[("route", route)]).observe(took.as_secs_f64());
    }

    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register(
            "http_requests",
            "Requests answered, by class of route and status",
            self.answered.clone(),
        );
        registry.register_with_unit(
            "http_request_duration",
            "Until answers began",
            Unit::Seconds,
            self.took.clone(),
        );
    }
}

impl Default for Requests {
    fn default() -> Self {
        Self { answered: Family::default(), took: Family::new_with_constructor(seconds) }
    }
}
