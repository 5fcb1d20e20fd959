//! Looks that people ask for, beside the rhythm: what is still waited for.

use super::event::{Effect, Rejected};
use super::{CheckState, State};
use crate::check::{Check, Question};
use crate::name::CheckPath;
use crate::observation::Observation;
use crate::time::Moment;

impl State {
    /// Has checks looked at, all or none of those that are named.
    pub(super) fn look_again(
        &mut self,
        named: Vec<CheckPath>,
        now: Moment,
        effects: &mut Vec<Effect>,
    ) -> Result<(), Rejected> {
        for path in &named {
            let check = self.plan.check(path).ok_or_else(|| Rejected::NoSuchCheck(path.clone()))?;
            if !is_looked_at(check) {
                return Err(Rejected::NothingToLookAt(path.clone()));
            }
        }
        let checks = if named.is_empty() {
            let all = self.plan.checks().filter(|(_, check)| is_looked_at(check));
            all.map(|(_, check)| check.path.clone()).collect()
        } else {
            named
        };
        for path in &checks {
            if let Some(place) = self.index.get(path) {
                self.checks[place.at].asked = Some(now);
            }
        }
        effects.push(Effect::LookAgain(checks));
        Ok(())
    }

    /// The checks that were to be looked at again, and have not been.
    pub(super) fn looking_again(&self) -> Vec<CheckPath> {
        let asked = self.plan.checks().zip(&self.checks).filter(|(_, state)| state.asked.is_some());
        asked.map(|((_, check), _)| check.path.clone()).collect()
    }
}

impl CheckState {
    /// Takes note of a look: one that had begun before it was asked for is not the one that is waited for.
    pub(super) fn looked(&mut self, observation: &Observation) {
        let began = observation.at.uptime.saturating_sub(observation.took);
        if self.asked.is_some_and(|asked| began >= asked.uptime) {
            self.asked = None;
        }
    }
}

fn is_looked_at(check: &Check) -> bool {
    matches!(check.question, Question::Probe { .. })
}
