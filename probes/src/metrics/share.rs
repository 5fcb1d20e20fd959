//! A share of events, and when there are too few of them to speak of one.

use launchgate_core::observation::{Cause, Failure};

/// The least events that a share is told of, where none is set.
pub(crate) const MIN_EVENTS: u64 = 30;

/// Refuses what is too few; `within` says which events were counted.
///
/// # Errors
/// [`Cause::LowTraffic`] for fewer than `least`, [`Cause::Nan`] for what is no number.
pub(crate) fn enough(events: f64, least: u64, within: &str) -> Result<(), Failure> {
    if !events.is_finite() {
        return Err(Failure::new(Cause::Nan, format!("the number of events is {events}")));
    }
    #[expect(
        clippy::cast_precision_loss,
        reason = "a limit beyond 2^53 events is out of this world"
    )]
    let least = least as f64;
    // Rates are reckoned, so a whole number comes with a little less or more.
    if events < least - 1e-6 {
        let message =
            format!("{events:.1} events {within} are too few to judge by; the least is {least}");
        return Err(Failure::new(Cause::LowTraffic, message));
    }
    Ok(())
}

/// `errors` of `events` in percent.
///
/// # Errors
/// [`Cause::Nan`] without events; [`Cause::BadResponse`] for clearly more errors than events.
pub(crate) fn percent(errors: f64, events: f64) -> Result<f64, Failure> {
    let share = 100.0 * errors / events;
    if !share.is_finite() {
        let message = format!("{errors} errors of {events} events are no share");
        return Err(Failure::new(Cause::Nan, message));
    }
    // Counters are not all read at the same instant.
    if !(-1.0..=105.0).contains(&share) {
        let message =
            format!("{errors:.1} errors of {events:.1} events: `errors` is no part of `total`");
        return Err(Failure::new(Cause::BadResponse, message));
    }
    Ok(share.clamp(0.0, 100.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_need_events() {
        let rows = [
            ("some", 7.0, 100.0, Ok(7.0)),
            ("none", 0.0, 100.0, Ok(0.0)),
            ("all", 100.0, 100.0, Ok(100.0)),
            ("a race", 100.5, 100.0, Ok(100.0)),
            ("no traffic", 0.0, 0.0, Err(Cause::Nan)),
            ("no number", f64::NAN, 5.0, Err(Cause::Nan)),
            ("more than all", 300.0, 100.0, Err(Cause::BadResponse)),
        ];
        for (row, errors, events, expected) in rows {
            assert_eq!(percent(errors, events).map_err(|f| f.cause), expected, "{row}");
        }
    }

    #[test]
    fn too_few_events_are_low_traffic() {
        let rows = [
            ("enough", 30.0, 30, None),
            ("enough but for rounding", 29.999_999_9, 30, None),
            ("too few", 29.0, 30, Some(Cause::LowTraffic)),
            ("none is enough when none is asked for", 0.0, 0, None),
            ("no number", f64::NAN, 0, Some(Cause::Nan)),
        ];
        for (row, events, least, cause) in rows {
            assert_eq!(enough(events, least, "within 1m").err().map(|f| f.cause), cause, "{row}");
        }
    }
}
