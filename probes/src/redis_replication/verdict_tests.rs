//! Tables over what the master and its replicas may say.

use std::time::Duration;

use super::*;
use crate::redis_replication::info::Info;
use crate::secret::TextOrCredential;
use launchgate_core::observation::Cause;
use tokio::time::Instant;

fn known(state: &str, offset: u64) -> Known {
    Known { host: "127.0.0.1".into(), port: 6380, state: state.into(), offset, lag: Some(1.0) }
}

fn origin(replicas: Vec<Known>, moved: bool) -> Origin {
    let info = Info { is_master: true, replid: "abc".into(), offset: 100, replicas, link: None };
    Origin { info, moved, unwritten: None, at: Instant::now() }
}

fn chased(lag: Option<u64>) -> Chased {
    let link = Link {
        is_up: true,
        is_syncing: false,
        last_io: Some(1.0),
        offset: 100,
        is_read_only: true,
    };
    Chased {
        lag: lag.map(Duration::from_millis),
        watched: Duration::from_secs(5),
        follows: true,
        link: Some(link),
    }
}

fn look(origin: &Origin, memory: Option<&Value>, seen: Result<Chased, Failure>) -> Readings {
    let url = TextOrCredential::Text("redis://127.0.0.1:6380".to_owned());
    let replica = Replica { name: "a".to_owned(), url, announced: None };
    let addresses = vec![SocketAddr::from(([127, 0, 0, 1], 6380))];
    read(origin, Ok(Some(1)), memory, &[Expected { replica: &replica, addresses, seen }])
}

fn show(readings: &Readings) -> String {
    let names = [
        ("lag", Unit::Time),
        ("caught_up", Unit::Percent),
        ("online", Unit::Percent),
        ("link_up", Unit::Percent),
        ("lag_bytes", Unit::Bytes),
        ("roles_ok", Unit::One),
        ("syncing", Unit::One),
        ("missing", Unit::One),
    ];
    names.map(|(n, unit)| readings.get(n).map_or("-".to_owned(), |v| v.show(unit))).join(" ")
}

#[test]
fn a_replica_counts_only_when_it_reads_the_mark() {
    let with = |change: fn(&mut Link)| {
        let mut seen = chased(None);
        seen.link.iter_mut().for_each(change);
        seen
    };
    let down = with(|link| link.is_up = false);
    let copied = with(|link| link.is_syncing = true);
    let promoted = Chased { link: None, follows: false, ..chased(None) };
    let foreign = Chased { follows: false, ..chased(None) };
    let fails = |cause| Err(Failure::new(cause, "it"));
    let well = || vec![known("online", 100)];
    let rows = [
        ("all well", well(), Ok(chased(Some(3))), "3ms 100% 100% 100% 0B true false []"),
        (
            "a hung link",
            vec![known("online", 40)],
            Ok(chased(None)),
            "- 0% 100% 100% 60B true false []",
        ),
        ("a link that is down", vec![], Ok(down), "- 0% 0% 0% - true false [a]"),
        ("a whole copy", vec![known("send_bulk", 0)], Ok(copied), "- 0% 0% 100% 100B true true []"),
        ("promoted", vec![], Ok(promoted), "- 0% 0% 0% - false false [a]"),
        ("of another master", vec![], Ok(foreign), "- 0% 0% 100% - false false [a]"),
        ("gone", vec![], fails(Cause::Refused), "- 0% 0% 0% - - - [a]"),
        ("not let in", well(), fails(Cause::Auth), "- - 100% - 0B - - []"),
    ];
    for (name, replicas, seen, expected) in rows {
        assert_eq!(show(&look(&origin(replicas, true), None, seen)), expected, "{name}");
    }
}

#[test]
fn a_lag_is_told_only_where_the_stream_moved() {
    let before = |replid: &str, offset: u64| Some(json!({ "replid": replid, "offset": offset }));
    let rows = [
        ("a mark", true, None, true),
        ("no mark, and the first look", false, None, false),
        ("no mark, and nothing since", false, before("abc", 100), false),
        ("no mark, and something since", false, before("abc", 99), true),
        ("no mark, and another history", false, before("xyz", 99), false),
    ];
    for (name, moved, memory, told) in rows {
        let origin = origin(vec![known("online", 100)], moved);
        let readings = look(&origin, memory.as_ref(), Ok(chased(Some(3))));
        assert_eq!(readings.get("lag").is_some(), told, "{name}: {readings:?}");
        assert_eq!(readings.memory, before("abc", 100), "{name}");
    }
}

#[test]
fn a_master_that_is_none_knows_nothing() {
    let mut origin = origin(vec![], false);
    origin.info.is_master = false;
    let got = show(&look(&origin, None, Ok(chased(None))));
    assert_eq!(got, "- 0% - 100% - false false -");
}
