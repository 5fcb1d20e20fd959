//! Reports of other instants: of one to come from the state, of one that is past from the store. The engine does not wait
//! for the store meanwhile.

use std::collections::HashMap;
use std::sync::Arc;

use launchgate_core::name::CheckPath;
use launchgate_core::observation::Observation;
use launchgate_core::state::{Saved, State};

use super::handle::Question;
use super::{Engine, with};

type Past = (Saved, HashMap<CheckPath, Vec<Observation>>);

impl Engine {
    pub(super) fn answer(&self, Question { at, answer }: Question) {
        let now = self.clock.now();
        let at = self.state.at(at, now);
        if at >= now.wall {
            // Whoever asked may have left.
            drop(answer.send(Ok(self.state.projected(at, now))));
            return;
        }
        let (plan, store) = (Arc::clone(self.state.plan()), Arc::clone(&self.store));
        tokio::spawn(async move {
            let launch = plan.launch.clone();
            let checks: Vec<CheckPath> =
                plan.checks().map(|(_, check)| check.path.clone()).collect();
            let past: Result<Past, _> =
                with(&store, move |store| store.load_at(&launch, at, &checks)).await;
            let report = past
                .map(|(saved, seen)| State::recorded(&plan, saved, &seen, at))
                .map_err(|error| error.to_string());
            drop(answer.send(report));
        });
    }
}
