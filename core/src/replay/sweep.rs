//! A sweep: the same tape under several durations of `for`, to see which would have been quick and which would have cried
//! wolf.
//!
//! After each firing the trigger is armed anew for a next deployment, which begins at once; a breach that goes on is
//! therefore a breach of that one too.

use std::sync::Arc;
use std::time::Duration;

use super::{Player, ReplayError, Tape, alone};
use crate::name::Name;
use crate::plan::Plan;
use crate::scenario::Window;

/// What came of one duration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The `for`.
    pub lasts: Duration,
    /// When it fired.
    pub firings: Vec<Duration>,
    /// How that compares with what truly was wrong; nothing where that is not known.
    pub score: Option<Score>,
}

/// Firings beside incidents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Score {
    /// Firings outside every incident.
    pub false_alarms: usize,
    /// How long after its beginning each incident was detected that was, shortest first.
    pub delays: Vec<Duration>,
}

impl Score {
    /// The middle one of the delays; of an even number the earlier.
    pub fn median(&self) -> Option<Duration> {
        self.delays.get(self.delays.len().saturating_sub(1) / 2).copied()
    }

    /// The longest of the delays.
    pub fn longest(&self) -> Option<Duration> {
        self.delays.last().copied()
    }

    fn of(firings: &[Duration], incidents: &[Window]) -> Self {
        let within = |at: Duration| incidents.iter().any(|incident| incident.contains(at));
        let detected = incidents.iter().filter_map(|incident| {
            firings
                .iter()
                .find(|at| incident.contains(**at))
                .map(|at| at.saturating_sub(incident.from))
        });
        let mut delays: Vec<Duration> = detected.collect();
        delays.sort();
        Self { false_alarms: firings.iter().filter(|at| !within(**at)).count(), delays }
    }
}

/// Replays the tape once per duration.
///
/// # Errors
/// See [`super::replay`].
pub fn sweep(
    plan: &Plan,
    trigger: &Name,
    tape: &Tape,
    durations: &[Duration],
    incidents: &[Window],
) -> Result<Vec<Row>, ReplayError> {
    let plan = alone(plan, trigger)?;
    let row = |lasts: &Duration| {
        let mut plan = plan.clone();
        plan.triggers[0].lasts = *lasts;
        let firings = firings(&Arc::new(plan), tape)?;
        let score = (!incidents.is_empty()).then(|| Score::of(&firings, incidents));
        Ok(Row { lasts: *lasts, firings, score })
    };
    durations.iter().map(row).collect()
}

/// Every firing, with a new deployment after each.
fn firings(plan: &Arc<Plan>, tape: &Tape) -> Result<Vec<Duration>, ReplayError> {
    let mut firings = Vec::new();
    let mut first = 0;
    while first < tape.looks.len() {
        let mut player = Player::new(Arc::clone(plan), tape, first)?;
        player.play(|course| course.fired.is_some())?;
        let Some(fired) = player.course.fired else { break };
        firings.push(fired);
        first = tape.looks.partition_point(|look| look.at <= fired);
    }
    Ok(firings)
}
