//! Tables over what the primary and its standbys may say.

use super::*;
use crate::secret::TextOrCredential;
use launchgate_core::observation::Cause;
use launchgate_core::reading::Value;
use tokio::time::Instant;

fn row(name: &str, state: &str, heard: f64) -> Row {
    Row {
        name: name.into(),
        state: state.into(),
        behind: Some(0.0),
        heard: Some(heard),
        sync: "async".into(),
    }
}

fn chased(lag: Option<u64>) -> Chased {
    Chased {
        lag: lag.map(Duration::from_millis),
        watched: Duration::from_secs(5),
        unseen: false,
        received: lag.is_some(),
        is_standby: true,
        paused: false,
        receives: true,
        usual: Some(0.0),
        delays: 0.0,
        replayed: Some(940.0),
        system: Some(7),
    }
}

fn view(rows: Vec<Row>) -> View {
    View {
        is_primary: true,
        rows,
        silence: 10.0,
        slots_at_risk: vec![],
        slots_inactive: vec![],
        system: Some(7),
        clock: 1000.0,
        asked: Instant::now(),
        archive_timeout: 60.0,
    }
}

fn mark(unwritten: bool) -> Mark {
    let unwritten = unwritten.then(|| "not allowed".to_owned());
    Mark { lsn: 1, at: Instant::now(), unwritten }
}

fn look(view: &View, unwritten: bool, by: By, seen: Result<Chased, Failure>) -> Readings {
    let url = TextOrCredential::Text("postgres://a.example".to_owned());
    let standby = Standby { name: "a".to_owned(), url, by };
    read(view, &mark(unwritten), &[Seen { standby: &standby, seen }], 1000.0)
}

fn show(readings: &Readings, names: &[(&str, Unit)]) -> String {
    let told = names.iter().map(|(name, unit)| {
        readings.get(name).map_or_else(|| "-".to_owned(), |value| value.show(*unit))
    });
    told.collect::<Vec<_>>().join(" ")
}

const FIGURES: [(&str, Unit); 3] =
    [("lag", Unit::Time), ("caught_up", Unit::Percent), ("streaming", Unit::Percent)];

#[test]
fn a_standby_counts_only_when_everybody_agrees() {
    let lost = || Err(Failure::new(Cause::Refused, "gone"));
    let well = || vec![row("a", "streaming", 1.0)];
    let silent = || vec![row("a", "streaming", 22.0)];
    let both = [silent(), well()].concat();
    let rows = [
        ("all well", well(), false, Ok(chased(Some(110))), "110ms 100% 100%"),
        ("a frozen receiver", silent(), false, Ok(chased(None)), "- 0% 0%"),
        ("a frozen one beside its successor", both, false, Ok(chased(Some(9))), "9ms 100% 100%"),
        ("not known to the primary", vec![], false, Ok(chased(None)), "- 0% 0%"),
        (
            "another is known",
            vec![row("b", "streaming", 1.0)],
            false,
            Ok(chased(Some(9))),
            "9ms 100% 0%",
        ),
        ("catching up", vec![row("a", "catchup", 1.0)], false, Ok(chased(Some(9))), "9ms 100% 0%"),
        ("cannot be asked", well(), false, lost(), "- 0% 100%"),
        ("no mark, and alive", well(), true, Ok(chased(Some(9))), "9ms 100% 100%"),
        ("no mark, and silent", silent(), true, Ok(chased(Some(9))), "- 100% 0%"),
        (
            "late on purpose for longer than it was watched",
            well(),
            false,
            Ok(Chased { unseen: true, delays: 3_600.0, ..chased(None) }),
            "- - 100%",
        ),
    ];
    for (name, rows, unwritten, seen, expected) in rows {
        let readings = look(&view(rows), unwritten, By::Stream, seen);
        assert_eq!(show(&readings, &FIGURES), expected, "{name}");
    }
}

#[test]
fn roles_are_told_where_they_are_known() {
    let promoted = Chased { is_standby: false, ..chased(None) };
    let foreign = Chased { system: Some(8), ..chased(Some(9)) };
    let hidden = Chased { system: None, ..chased(Some(9)) };
    let lost = Err(Failure::new(Cause::Refused, "gone"));
    let rows = [
        ("as it should be", true, Ok(chased(Some(9))), Some(true)),
        ("promoted", true, Ok(promoted), Some(false)),
        ("of another cluster", true, Ok(foreign), Some(false)),
        ("of a cluster that is not told", true, Ok(hidden), Some(true)),
        ("a primary that is none", false, Ok(chased(Some(9))), Some(false)),
        ("cannot be asked", true, lost, None),
    ];
    for (name, is_primary, seen, expected) in rows {
        let view = View { is_primary, ..view(vec![row("a", "streaming", 1.0)]) };
        let readings = look(&view, false, By::Stream, seen);
        assert_eq!(readings.get("roles_ok"), expected.map(Value::Flag).as_ref(), "{name}");
        let slots = readings.get("slots_at_risk").is_some();
        assert_eq!(slots, is_primary, "{name}: slots are told by a primary alone");
    }
}

#[test]
fn one_fed_by_an_archive_is_measured_by_its_newest_commit() {
    let rows = [
        ("a minute old", Ok(chased(None)), "1m - -"),
        ("late on purpose", Ok(Chased { delays: 50.0, ..chased(None) }), "10s - -"),
        ("nothing restored yet", Ok(Chased { replayed: None, ..chased(None) }), "- - -"),
        ("promoted", Ok(Chased { is_standby: false, ..chased(None) }), "- - -"),
        ("gone", Err(Failure::new(Cause::Refused, "gone")), "- - -"),
    ];
    for (name, seen, expected) in rows {
        let readings = look(&view(vec![]), false, By::Archive, seen);
        let figures =
            [("archive_lag", Unit::Time), ("lag", Unit::Time), ("caught_up", Unit::Percent)];
        assert_eq!(show(&readings, &figures), expected, "{name}");
        assert_eq!(readings.get("missing"), None, "{name}: its primary need not know it");
    }
}

#[test]
fn those_that_commits_wait_for_are_named() {
    for (sync, expected) in
        [("sync", "[a]"), ("quorum", "[a]"), ("potential", "[]"), ("async", "[]")]
    {
        let view = view(vec![Row { sync: sync.into(), ..row("a", "streaming", 3.0) }]);
        let readings = look(&view, false, By::Stream, Ok(chased(Some(9))));
        let got = show(&readings, &[("sync_standbys", Unit::One), ("reply_age", Unit::Time)]);
        assert_eq!(got, format!("{expected} 3s"), "{sync}");
    }
    let missing = look(&view(vec![]), false, By::Stream, Ok(chased(None)));
    assert_eq!(missing.get("reply_age"), None, "who is not there has no age");
}
