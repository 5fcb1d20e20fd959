//! From what the primary and its standbys said to readings.

use std::time::Duration;

use launchgate_core::observation::Failure;
use launchgate_core::reading::{Readings, Unit};
use launchgate_core::time::format_duration;

use super::chase::Chased;
use super::primary::{Mark, Row, View};

/// Puts it all together. A standby that could not be asked leaves `lag` absent, and so unknown.
pub(super) fn read(
    view: &View,
    mark: &Mark,
    chased: &[(&str, Result<Chased, Failure>)],
    patience: Duration,
) -> Readings {
    let known = |name: &str| view.rows.iter().find(|row| row.name == name);
    let streams = |name: &str| known(name).is_some_and(|row| is_streaming(row, view.silence));
    let missing = chased.iter().filter(|(name, _)| known(name).is_none()).map(|(name, _)| *name);
    let seen = || chased.iter().filter_map(|(_, seen)| seen.as_ref().ok());
    let caught_up = seen().filter(|c| c.lag.is_some()).count();
    let streaming = chased.iter().filter(|(name, _)| streams(name)).count();
    let behind = view.rows.iter().filter_map(|row| row.behind).reduce(f64::max);
    let usual = seen().filter_map(|c| c.usual).reduce(f64::max);
    let all_asked = chased.iter().all(|(_, seen)| seen.is_ok());
    let roles = view.is_primary && seen().all(|c| c.is_standby);
    let mut readings = Readings::new()
        .number("caught_up", share(caught_up, chased.len()))
        .number("streaming", share(streaming, chased.len()))
        .texts("missing", missing)
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
    if all_asked && proves {
        let worst = seen().map(|c| c.lag.unwrap_or(patience)).max().unwrap_or_default();
        readings = readings.time("lag", worst);
    }
    if let Some(why) = &mark.unwritten {
        readings =
            readings.note(format!("no mark could be written, so what was there was chased: {why}"));
    }
    for (name, seen) in chased {
        let (says, odd) = told(known(name), streams(name), seen, patience);
        readings = readings.part(format!("standby {name}"), says, odd);
    }
    readings
}

fn is_streaming(row: &Row, silence: f64) -> bool {
    row.state == "streaming" && row.heard.is_none_or(|seconds| seconds <= silence)
}

fn told(
    row: Option<&Row>,
    streams: bool,
    seen: &Result<Chased, Failure>,
    patience: Duration,
) -> (String, bool) {
    let chased = match seen {
        Ok(chased) => chased,
        Err(failure) => return (failure.to_string(), true),
    };
    let mut says = match chased.lag {
        Some(lag) => format!("applied the mark after {}", format_duration(lag)),
        None => format!("did not apply the mark within {}", format_duration(patience)),
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
        Chased { lag, is_standby: true, paused: false, receives: true, usual: Some(0.0) }
    }

    #[test]
    fn a_standby_counts_only_when_everybody_agrees() {
        let mark = |unwritten: bool| Mark {
            lsn: 1,
            at: tokio::time::Instant::now(),
            unwritten: unwritten.then(|| "not allowed".to_owned()),
        };
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
                "5s 0% 0%",
            ),
            ("not known to the primary", vec![], false, Ok(chased(None)), "5s 0% 0%"),
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
            let view = View { is_primary: true, rows, silence: 10.0 };
            let readings = read(&view, &mark(unwritten), &[("a", seen)], Duration::from_secs(5));
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
