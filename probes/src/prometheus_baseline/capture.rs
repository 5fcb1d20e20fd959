//! Captures a baseline: asks a Prometheus what named queries yield over a while. All of them, or nothing.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use launchgate_core::name::Name;
use launchgate_core::observation::{Cause, Failure};
use launchgate_core::problem::{KeyPath, Problem};

use super::file::{Baseline, Captured};
use super::{MAX_METRICS, MIN_VALUES};
use crate::probe::Context;
use crate::prometheus::access::Access;
use crate::prometheus::history::{History, Lines, Steps};
use crate::prometheus::settings::Check;
use crate::prometheus::{Source, UnitSetting};
use crate::secret::shown_url;

/// What a person wants captured.
#[derive(Debug)]
pub struct Wanted {
    /// The Prometheus that is asked.
    pub source: Source,
    /// Queries by name, with what their numbers count.
    pub metrics: BTreeMap<String, (String, UnitSetting)>,
    /// Over how long, such as `1h`, which is the default.
    pub over: Option<String>,
    /// How far apart the values are; the 120th part of `over` if not given.
    pub step: Option<String>,
}

/// A capture that can be made.
#[derive(Debug)]
pub struct Capture {
    access: Access,
    metrics: Vec<(Name, String, UnitSetting)>,
    steps: Steps,
}

impl Capture {
    /// Checks what is wanted.
    ///
    /// # Errors
    /// Every problem with its place.
    pub fn new(wanted: Wanted) -> Result<Self, Vec<Problem>> {
        let mut check = Check::default();
        let over = (wanted.over.as_deref(), Duration::from_secs(3600));
        let steps = Steps::read(&mut check, over, wanted.step.as_deref(), u32::from(MIN_VALUES));
        if wanted.metrics.is_empty() || wanted.metrics.len() > MAX_METRICS {
            let message = format!("there must be 1 to {MAX_METRICS} of them");
            check.problem("metrics", &message);
        }
        let mut metrics = Vec::new();
        for (text, (query, unit)) in wanted.metrics {
            let path = KeyPath::root().entry("metrics").entry(&text);
            // The names of readings are longer than those of metrics.
            match (Name::try_new(&text), Name::try_new(&format!("{text}_baseline"))) {
                (Ok(name), Ok(_)) if !query.trim().is_empty() => metrics.push((name, query, unit)),
                (Ok(_), Ok(_)) => {
                    check.problems.push(Problem::new(path, "there is nothing to ask"));
                }
                (Err(why), _) | (_, Err(why)) => {
                    check.problems.push(Problem::new(path, why.to_string()).at_key());
                }
            }
        }
        let at = KeyPath::root().entry("source");
        let access = wanted.source.given().check(&at, &mut check.problems);
        match access.filter(|_| check.problems.is_empty()) {
            Some(access) => Ok(Self { access, metrics, steps }),
            None => Err(check.problems),
        }
    }

    /// Asks for everything, up to now or [`Context::as_of`].
    ///
    /// # Errors
    /// The first query that yields nothing, several series, or too few values, and what keeps the source from answering.
    pub async fn take(&self, cx: &Context) -> Result<Baseline, Failure> {
        let history = History::open(&self.access, None, Duration::from_mins(5), cx).await?;
        let asked = self.metrics.iter().map(|(_, query, _)| history.lines(query, self.steps));
        let seen = futures_util::future::try_join_all(asked).await?;
        let mut metrics = BTreeMap::new();
        for ((name, query, unit), lines) in self.metrics.iter().zip(&seen) {
            let values = values(name, lines)?;
            metrics.insert(name.clone(), Captured { query: query.clone(), unit: *unit, values });
        }
        let (to, Steps { over, step }) = (history.instant()?, self.steps);
        let from = to.checked_sub(over).unwrap_or(Timestamp::MIN);
        let source = shown_url(self.access.url());
        Ok(Baseline::new(source, (from, to), step.as_secs_f64(), metrics))
    }
}

/// The values of the only series, of which there are enough.
fn values(name: &Name, lines: &Lines) -> Result<Vec<f64>, Failure> {
    let told =
        |failure: Failure| Failure::new(failure.cause, format!("`{name}`: {}", failure.message));
    let living = lines.present(1).map_err(told)?;
    let values: Vec<f64> =
        living.iter().flat_map(|(line, _)| &line.points).map(|(_, value)| *value).collect();
    if values.len() < usize::from(MIN_VALUES) {
        let message = format!(
            "{} values are too few to compare with, the least is {MIN_VALUES}",
            values.len()
        );
        return Err(told(Failure::new(Cause::NoData, message)));
    }
    Ok(values)
}
