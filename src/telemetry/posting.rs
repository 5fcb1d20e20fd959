//! The tries to deliver messages, by kind of channel and by what came of them.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

/// What is measured of the post.
#[derive(Debug, Clone, Default)]
pub struct Posting {
    tries: Family<[(&'static str, String); 2], Counter>,
}

impl Posting {
    /// Notes a try at a channel of this kind; the result is `sent`, `later`, `refused` or `too_old`.
    pub fn tried(&self, kind: &str, result: &'static str) {
        let labels = [("kind", kind.to_owned()), ("result", result.to_owned())];
        self.tries.get_or_create(&labels).inc();
    }

    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register(
            "message_tries",
            "Tries to deliver messages, by what came of them",
            self.tries.clone(),
        );
    }
}
