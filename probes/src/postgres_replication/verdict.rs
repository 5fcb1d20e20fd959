//! From what the primary and its standbys said to readings.

use std::time::Duration;

use launchgate_core::observation::Failure;
use launchgate_core::reading::{Readings, Unit};
use launchgate_core::time::format_duration;

use super::chase::Chased;
use super::primary::{Mark, Row, View};

/// Puts it all together; `watched` is how long each standby was watched. One that could not be asked, or did not apply the
/// mark meanwhile, leaves `lag` absent, and so unknown.
pub(super) fn read(
    view: &View,
    mark: &Mark,
    chased: &[(&str, Result<Chased, Failure>)],
    watched: Duration,
) -> Readings {
    let known = |name: &str| best(&view.rows, name, view.silence);
    let streams = |name: &str| known(name).is_some_and(|row| is_streaming(row, view.silence));
    let missing = chased.iter().filter(|(name, _)| known(name).is_none()).map(|(name, _)| *name);
    let seen = || chased.iter().filter_map(|(_, seen)| seen.as_ref().ok());
    let caught_up = seen().filter(|c| c.lag.is_some()).count();
    let streaming = chased.iter().filter(|(name, _)| streams(name)).count();
    let expected = chased.iter().filter_map(|(name, _)| known(name));
    let behind = expected.filter_map(|row| row.behind).reduce(f64::max);
    let usual = seen().filter_map(|c| c.usual).reduce(f64::max);
    let all_asked = chased.iter().all(|(_, seen)| seen.is_ok());
    let roles = view.is_primary && seen().all(|c| c.is_standby);
    let mut readings = Readings::new()
        .number("caught_up", share(caught_up, chased.len()))
        .number("streaming", share(streaming, chased.len()))
        .texts("missing", missing)
        .texts("slots_at_risk", &view.slots_at_risk)
        .flag("replay_paused", seen().any(|c| c.paused));
    if all_asked || !roles {
        readings = readings.flag("roles_ok", roles);
    }
    if let Some(bytes) = behind {
        readings = readings.number("lag_bytes", bytes.max(0.0));
    }
    if let Some(seconds) = usual {
        readings = readings.number("usual_formula", seconds);
    }
    // Without a mark of ours a standby that hangs may have applied all there is: nothing was chased.
    let proves =
        mark.unwritten.is_none() || (streaming == chased.len() && seen().all(|c| c.receives));
    // Nor is there a lag where a standby did not apply the mark: any figure would pass under a limit that is wide enough.
    let late = seen().any(|c| c.lag.is_none());
    if all_asked && proves && !late {
        let worst = seen().filter_map(|c| c.lag).max().unwrap_or_default();
        readings = readings.time("lag", worst);
    }
    if late {
        readings = readings.note(format!(
            "the lag is more than can be told: a standby was watched for {}",
            format_duration(watched)
        ));
    }
    if let Some(why) = &mark.unwritten {
        readings =
            readings.note(format!("no mark could be written, so what was there was chased: {why}"));
    }
    for (name, seen) in chased {
        let (says, odd) = told(known(name), streams(name), seen, watched);
        readings = readings.part(format!("standby {name}"), says, odd);
    }
    readings
}

/// The standby's row; the one that streams, where one that hangs is there beside it.
fn best<'a>(rows: &'a [Row], name: &str, silence: f64) -> Option<&'a Row> {
    let of_name = || rows.iter().filter(|row| row.name == name);
    of_name().find(|row| is_streaming(row, silence)).or_else(|| of_name().next())
}

fn is_streaming(row: &Row, silence: f64) -> bool {
    row.state == "streaming" && row.heard.is_none_or(|seconds| seconds <= silence)
}

fn told(
    row: Option<&Row>,
    streams: bool,
    seen: &Result<Chased, Failure>,
    watched: Duration,
) -> (String, bool) {
    let chased = match seen {
        Ok(chased) => chased,
        Err(failure) => return (failure.to_string(), true),
    };
    let mut says = match chased.lag {
        Some(lag) => format!("applied the mark after {}", format_duration(lag)),
        None => format!("did not apply the mark within {}", format_duration(watched)),
    };
    match row {
        None => says += "; the primary does not know it",
        Some(row) if !streams => {
            let heard = row.heard.unwrap_or_default();
            says += &format!("; `{}`, last heard of {heard:.0} s ago", row.state);
        }
        Some(row) => {
            if let Some(behind) = row.behind.filter(|b| *b > 0.0) {
                says += &format!("; {} behind", Unit::Bytes.format(behind));
            }
        }
    }
    if chased.delays > 0.0 {
        says += &format!("; it applies {} late on purpose", Unit::Time.format(chased.delays));
    }
    for (odd, text) in
        [(!chased.is_standby, "it is no standby"), (chased.paused, "replay is paused")]
    {
        if odd {
            says += "; ";
            says += text;
        }
    }
    (says, chased.lag.is_none() || !streams || !chased.is_standby || chased.paused)
}

fn share(part: usize, of: usize) -> f64 {
    let [part, of] = [part, of].map(|n| f64::from(u32::try_from(n).unwrap_or(u32::MAX)));
    100.0 * part / of.max(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use launchgate_core::observation::Cause;

    fn row(name: &str, state: &str, heard: f64) -> Row {
        Row { name: name.into(), state: state.into(), behind: Some(0.0), heard: Some(heard) }
    }

    fn chased(lag: Option<u64>) -> Chased {
        let lag = lag.map(Duration::from_millis);
        Chased {
            lag,
            is_standby: true,
            paused: false,
            receives: true,
            usual: Some(0.0),
            delays: 0.0,
        }
    }

    fn mark(unwritten: bool) -> Mark {
        let unwritten = unwritten.then(|| "not allowed".to_owned());
        Mark { lsn: 1, at: tokio::time::Instant::now(), unwritten }
    }

    #[test]
    fn a_standby_counts_only_when_everybody_agrees() {
        let lost = || Err(Failure::new(Cause::Refused, "gone"));
        let rows = [
            (
                "all well",
                vec![row("a", "streaming", 1.0)],
                false,
                Ok(chased(Some(110))),
                "110ms 100% 100%",
            ),
            (
                "a frozen receiver",
                vec![row("a", "streaming", 22.0)],
                false,
                Ok(chased(None)),
                "- 0% 0%",
            ),
            (
                "a frozen one beside its successor",
                vec![row("a", "streaming", 22.0), row("a", "streaming", 1.0)],
                false,
                Ok(chased(Some(9))),
                "9ms 100% 100%",
            ),
            ("not known to the primary", vec![], false, Ok(chased(None)), "- 0% 0%"),
            (
                "another one is known",
                vec![row("b", "streaming", 1.0)],
                false,
                Ok(chased(Some(9))),
                "9ms 100% 0%",
            ),
            (
                "still catching up",
                vec![row("a", "catchup", 1.0)],
                false,
                Ok(chased(Some(9))),
                "9ms 100% 0%",
            ),
            ("cannot be asked", vec![row("a", "streaming", 1.0)], false, lost(), "- 0% 100%"),
            (
                "no mark, and alive",
                vec![row("a", "streaming", 1.0)],
                true,
                Ok(chased(Some(9))),
                "9ms 100% 100%",
            ),
            (
                "no mark, and silent",
                vec![row("a", "streaming", 22.0)],
                true,
                Ok(chased(Some(9))),
                "- 100% 0%",
            ),
        ];
        for (name, rows, unwritten, seen, expected) in rows {
            let view = View { is_primary: true, rows, silence: 10.0, slots_at_risk: vec![] };
            let patience = Duration::from_secs(5);
            let readings = read(&view, &mark(unwritten), &[("a", seen)], patience);
            let show = |name: &str, unit| {
                readings.get(name).map_or_else(|| "-".to_owned(), |value| value.show(unit))
            };
            let got = format!(
                "{} {} {}",
                show("lag", Unit::Time),
                show("caught_up", Unit::Percent),
                show("streaming", Unit::Percent)
            );
            assert_eq!(got, expected, "{name}");
        }
    }
}
