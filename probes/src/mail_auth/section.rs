//! A section of the look: what one part of mail authentication brought home, and what kept it from more.

use launchgate_core::observation::Failure;
use launchgate_core::reading::Readings;

/// What came of a section. A reading that could not be had is absent, and `failure` says why.
#[derive(Debug, Clone, Default)]
pub(super) struct Section {
    /// The readings.
    pub(super) readings: Readings,
    /// Why some are absent.
    pub(super) failure: Option<Failure>,
}

impl Section {
    /// Nothing, for a reason; `what` is named as a part.
    pub(super) fn failed(what: impl Into<String>, failure: Failure) -> Self {
        let readings = Readings::new().part(what, failure.to_string(), true);
        Self { readings, failure: Some(failure) }
    }
}

/// All sections as one look.
///
/// # Errors
/// The first failure, when there is not a single reading.
pub(super) fn join(sections: impl IntoIterator<Item = Section>) -> Result<Readings, Failure> {
    let (mut all, mut first) = (Readings::new(), None);
    for section in sections {
        let Readings { values, parts, notes, .. } = section.readings;
        all.values.extend(values);
        for part in parts {
            all = all.part(part.subject, part.says, part.odd);
        }
        for note in notes {
            all = all.note(note);
        }
        first = first.or(section.failure);
    }
    match first {
        Some(failure) if all.values.is_empty() => Err(failure),
        _ => Ok(all),
    }
}
