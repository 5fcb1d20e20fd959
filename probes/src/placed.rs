//! A probe that looks from a vantage of its own, whatever the context says.

use std::sync::Arc;
use std::time::Duration;

use launchgate_core::reading::ReadingSpec;

use crate::probe::Context;
use crate::registry::{DynProbe, Look};
use crate::vantage::Vantage;

/// A probe in its place.
pub struct Placed {
    probe: Arc<dyn DynProbe>,
    vantage: Arc<Vantage>,
}

impl Placed {
    /// Places a probe.
    pub fn new(probe: Arc<dyn DynProbe>, vantage: Arc<Vantage>) -> Self {
        Self { probe, vantage }
    }
}

impl DynProbe for Placed {
    fn kind(&self) -> &'static str {
        self.probe.kind()
    }
    fn readings(&self) -> Vec<ReadingSpec> {
        self.probe.readings()
    }
    fn hosts(&self) -> Vec<String> {
        self.probe.hosts()
    }
    fn keeps_history(&self) -> bool {
        self.probe.keeps_history()
    }
    fn least_timeout(&self) -> Duration {
        self.probe.least_timeout()
    }
    fn vantage(&self) -> Arc<Vantage> {
        Arc::clone(&self.vantage)
    }
    fn observe<'a>(&'a self, cx: &'a Context) -> Look<'a> {
        Box::pin(async move {
            let cx = Context { vantage: Arc::clone(&self.vantage), ..cx.clone() };
            self.probe.observe(&cx).await
        })
    }
}
