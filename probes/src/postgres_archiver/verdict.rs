//! From what a server says of its archiver to readings.

use launchgate_core::reading::Readings;

/// What the server says.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Facts {
    /// `archive_mode`: off, on or always.
    pub(super) mode: String,
    pub(super) is_primary: bool,
    /// Whether there is a command or a library to archive with.
    pub(super) has_way: bool,
    pub(super) archived: f64,
    pub(super) failed: f64,
    /// Seconds since the last success, and since the last failed attempt.
    pub(super) since_archived: Option<f64>,
    pub(super) since_failed: Option<f64>,
    pub(super) failed_segment: String,
    /// `archive_timeout` in seconds; 0 for never.
    pub(super) timeout: f64,
    /// What is full and not archived, or why the role may not see it.
    pub(super) waiting: Result<Waiting, String>,
}

/// The segments that are full and not archived.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Waiting {
    pub(super) count: f64,
    /// For how long the oldest has waited, in seconds.
    pub(super) oldest: Option<f64>,
}

/// The readings; what the server does not know is absent.
pub(super) fn read(facts: &Facts) -> Readings {
    let mode = match facts.mode.as_str() {
        "always" => true,
        "on" => facts.is_primary,
        _ => false,
    };
    // The smaller age is the later event.
    let failing = match (facts.since_failed, facts.since_archived) {
        (Some(failed), Some(archived)) => failed < archived,
        (failed, _) => failed.is_some(),
    };
    let mut readings = Readings::new()
        .flag("archiving", mode && facts.has_way)
        .flag("failing", failing)
        .number("archived_count", facts.archived)
        .number("failed_count", facts.failed);
    let ages = [
        ("last_archived_age", facts.since_archived.map(|s| s.max(0.0))),
        ("last_failed_age", facts.since_failed.map(|s| s.max(0.0))),
        ("archive_timeout", Some(facts.timeout).filter(|s| *s > 0.0)),
    ];
    for (name, age) in ages {
        if let Some(seconds) = age {
            readings = readings.number(name, seconds);
        }
    }
    match &facts.waiting {
        Ok(waiting) => {
            readings = readings.number("waiting", waiting.count);
            if let Some(oldest) = waiting.oldest.or((waiting.count == 0.0).then_some(0.0)) {
                readings = readings.number("oldest_waiting", oldest.max(0.0));
            }
        }
        Err(why) => {
            readings =
                readings.note(format!("what waits may not be seen; grant pg_monitor: {why}"));
        }
    }
    if !mode {
        let role = if facts.is_primary { "primary" } else { "standby" };
        readings = readings
            .note(format!("archive_mode is {} on this {role}: it archives nothing", facts.mode));
    } else if !facts.has_way {
        readings = readings.note("there is neither an archive_command nor an archive_library");
    }
    if failing {
        readings = readings.note(format!("it last failed at segment {}", facts.failed_segment));
    }
    readings
}

#[cfg(test)]
mod tests {
    use super::*;
    use launchgate_core::reading::Unit;

    fn facts() -> Facts {
        Facts {
            mode: "on".to_owned(),
            is_primary: true,
            has_way: true,
            archived: 3.0,
            failed: 0.0,
            since_archived: Some(10.0),
            since_failed: None,
            failed_segment: String::new(),
            timeout: 0.0,
            waiting: Ok(Waiting { count: 0.0, oldest: None }),
        }
    }

    #[test]
    fn an_archiver_that_is_off_stuck_or_new_is_told_apart() {
        let off = || Facts { mode: "off".to_owned(), since_archived: None, ..facts() };
        let hidden = Err("permission denied".to_owned());
        let stuck = Waiting { count: 4.0, oldest: Some(90.0) };
        let rows = [
            ("well", facts(), "true false 10s 0 0s"),
            ("off", off(), "false false - 0 0s"),
            ("no command", Facts { has_way: false, ..facts() }, "false false 10s 0 0s"),
            ("a standby", Facts { is_primary: false, ..facts() }, "false false 10s 0 0s"),
            (
                "a standby that archives always",
                Facts { is_primary: false, mode: "always".to_owned(), ..facts() },
                "true false 10s 0 0s",
            ),
            ("failed before", Facts { since_failed: Some(99.0), ..facts() }, "true false 10s 0 0s"),
            (
                "fails now",
                Facts { since_failed: Some(1.0), waiting: Ok(stuck), ..facts() },
                "true true 10s 4 1m30s",
            ),
            (
                "never did",
                Facts { since_failed: Some(1.0), since_archived: None, ..facts() },
                "true true - 0 0s",
            ),
            ("may not see", Facts { waiting: hidden, ..facts() }, "true false 10s - -"),
        ];
        for (row, facts, expected) in rows {
            let readings = read(&facts);
            let got = [
                ("archiving", Unit::One),
                ("failing", Unit::One),
                ("last_archived_age", Unit::Time),
                ("waiting", Unit::One),
                ("oldest_waiting", Unit::Time),
            ]
            .map(|(name, unit)| readings.get(name).map_or("-".to_owned(), |v| v.show(unit)))
            .join(" ");
            assert_eq!(got, expected, "{row}");
        }
    }
}
