//! What a load balancer says of one backend, in words that are the same for all of them.

use std::time::Duration;

/// The state of a backend, the best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum State {
    /// It passes its checks and gets its share.
    Healthy,
    /// Nobody knows: it is not checked, or said to be what is not known here.
    Unchecked,
    /// On its way up or down.
    Changing,
    /// In maintenance, drained, or without a share of the requests.
    Out,
    /// It fails its checks.
    Down,
}

/// A backend of the balancer.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Entry {
    /// What it is called.
    pub(super) name: String,
    /// What else it is called: the name of its host beside its address.
    pub(super) alias: Option<String>,
    pub(super) state: State,
    /// The balancer's own words, for people.
    pub(super) says: String,
    /// Since it last went up or down, if that is told.
    pub(super) since: Option<Duration>,
}

impl Entry {
    /// Whether it is the instance of this name.
    pub(super) fn is(&self, name: &str) -> bool {
        self.name == name || self.alias.as_deref() == Some(name)
    }
}
