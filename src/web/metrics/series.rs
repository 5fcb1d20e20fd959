//! Series: a gauge for each set of labels, and the labels.

use std::sync::atomic::AtomicU64;

use jiff::Timestamp;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// The labels of a series, in the order of the exposition.
#[derive(Debug, Clone)]
pub(super) struct Labels(Vec<(&'static str, String)>);

impl Labels {
    pub(super) fn of(name: &'static str, value: &str) -> Self {
        Self(vec![(name, value.to_owned())])
    }

    /// These and one more.
    pub(super) fn and(&self, name: &'static str, value: impl Into<String>) -> Self {
        let mut all = self.0.clone();
        all.push((name, value.into()));
        Self(all)
    }
}

/// A gauge per set of labels.
#[derive(Debug, Clone, Default)]
pub(super) struct Series(Family<Vec<(&'static str, String)>, Gauge<f64, AtomicU64>>);

impl Series {
    pub(super) fn register(registry: &mut Registry, name: &str, help: &str) -> Self {
        let series = Self::default();
        registry.register(name, help, series.0.clone());
        series
    }

    pub(super) fn set(&self, labels: &Labels, value: f64) {
        self.0.get_or_create(&labels.0).set(value);
    }

    pub(super) fn is(&self, labels: &Labels, so: bool) {
        self.set(labels, f64::from(u8::from(so)));
    }

    #[expect(clippy::cast_precision_loss, reason = "what is counted is far below 2^52")]
    pub(super) fn count(&self, labels: &Labels, many: usize) {
        self.set(labels, many as f64);
    }

    /// An instant in seconds since 1970; nothing where there is none.
    pub(super) fn at(&self, labels: &Labels, at: Option<Timestamp>) {
        if let Some(at) = at {
            self.set(labels, at.duration_since(Timestamp::UNIX_EPOCH).as_secs_f64());
        }
    }

    /// One series for each of `words`: 1 for those that `so` picks, 0 for the others.
    pub(super) fn each<'w>(
        &self,
        of: &Labels,
        label: &'static str,
        words: impl IntoIterator<Item = &'w str>,
        so: impl Fn(&str) -> bool,
    ) {
        for word in words {
            self.is(&of.and(label, word), so(word));
        }
    }
}
