//! The `postgres_replication` and `postgres_archiver` probes: what a standby and an archiver can be in, on real servers.

use std::time::Duration;

use jiff::Timestamp;
use launchgate_core::observation::{Cause, Failure};
use launchgate_core::reading::{Readings, Unit, Value};
use launchgate_probes::Context;
use serde_json::json;

use crate::rig::postgres::{Pair, Role};
use crate::rig::process::{need, poll_until};

async fn probe(kind: &str, settings: serde_json::Value) -> Result<Readings, Failure> {
    let probe = launchgate_probes::builtin().build(kind, settings).unwrap();
    let cx = Context::new(Duration::from_secs(8), Timestamp::now(), None, "/".into());
    probe.observe(&cx).await
}

async fn look(pair: &Pair, by: &str) -> Readings {
    let settings = json!({
        "source": { "kind": "postgres", "url": pair.url(Role::Primary) },
        "standbys": [{ "name": "standby", "url": pair.url(Role::Standby), "by": by }],
        "patience": "2s",
    });
    probe("postgres_replication", settings).await.unwrap()
}

async fn archiver(url: &str) -> Result<Readings, Failure> {
    probe("postgres_archiver", json!({ "source": { "kind": "postgres", "url": url } })).await
}

fn show(readings: &Readings, name: &str, unit: Unit) -> String {
    readings.get(name).map_or("-".to_owned(), |value| value.show(unit))
}

fn number(readings: &Readings, name: &str) -> f64 {
    match readings.get(name) {
        Some(Value::Number(number)) => *number,
        other => panic!("{name} is {other:?} in {readings:?}"),
    }
}

/// What monitoring usually asks a standby: with the exporter's guard against idle primaries, and without.
fn usual(pair: &Pair) -> [f64; 2] {
    let age = "extract(epoch from now() - pg_last_xact_replay_timestamp())";
    let exporter = format!(
        "select case when pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() then 0 else {age} end"
    );
    [exporter, format!("select {age}")]
        .map(|sql| pair.query(Role::Standby, &sql).unwrap().parse().unwrap())
}

/// The figures of a state in a line, beside what the usual formulas said before the look; the lag is told apart.
fn figures(state: &str, before: [f64; 2], readings: &Readings) -> String {
    let shown = [
        ("lag", Unit::Time),
        ("caught_up", Unit::Percent),
        ("received", Unit::Percent),
        ("streaming", Unit::Percent),
        ("replay_paused", Unit::One),
    ]
    .map(|(name, unit)| show(readings, name, unit));
    let [exporter, naive] = before;
    eprintln!("{state}: exporter {exporter:.1}s, age {naive:.1}s, ours {}", shown.join(" "));
    shown[1..].join(" ")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_usual_formulas_are_wrong_where_the_chase_is_not() {
    if !need("postgres") {
        return;
    }
    let mut pair = tokio::task::spawn_blocking(Pair::start).await.unwrap();
    pair.write_rows(10);
    let before = usual(&pair);
    let healthy = look(&pair, "stream").await;
    assert_eq!(figures("healthy", before, &healthy), "100% 100% 100% false", "{healthy:?}");

    let before = poll_until(Duration::from_secs(10), "idle primary", || {
        // The age alone is a false alarm.
        Some(usual(&pair)).filter(|[_, age]| *age > 2.5)
    });
    let idle = look(&pair, "stream").await;
    assert!(number(&idle, "lag") < 2.0, "{idle:?}");
    assert_eq!(figures("idle", before, &idle), "100% 100% 100% false", "{idle:?}");

    pair.freeze_receiver();
    pair.write_rows(2_000);
    let before = usual(&pair);
    assert!(before[0].abs() < 1e-9, "the exporter's formula sees nothing");
    let frozen = look(&pair, "stream").await;
    assert!(figures("frozen receiver", before, &frozen).starts_with("0% 0%"), "{frozen:?}");
    assert!(frozen.get("lag").is_none() && number(&frozen, "usual_formula").abs() < 1e-9);
    pair.thaw_receiver();
    poll_until(Duration::from_secs(20), "standby that streams again", || {
        let rows = pair
            .query(Role::Primary, "select 1 from pg_stat_replication where state = 'streaming'");
        rows.filter(|rows| rows == "1")
    });

    pair.pause_replay();
    pair.write_rows(10);
    let before = usual(&pair);
    let paused = look(&pair, "stream").await;
    assert_eq!(figures("paused replay", before, &paused), "0% 100% 100% true", "{paused:?}");
    pair.resume_replay();

    // Late on purpose, by less than it is watched for and by more.
    for (delay, expected) in [("1s", "100% 100% 100% false"), ("1h", "- 100% 100% false")] {
        pair.execute(
            Role::Standby,
            &format!("alter system set recovery_min_apply_delay = '{delay}'"),
        );
        pair.execute(Role::Standby, "select pg_reload_conf()");
        poll_until(Duration::from_secs(5), "delay", || {
            let delay = pair.query(Role::Standby, "show recovery_min_apply_delay");
            delay.filter(|shown| shown == if expected.starts_with('-') { "1h" } else { "1s" })
        });
        let before = usual(&pair);
        let late = look(&pair, "stream").await;
        assert_eq!(figures("late on purpose", before, &late), expected, "{delay}: {late:?}");
        if delay == "1s" {
            assert!(
                number(&late, "lag") < 1.0 && (number(&late, "apply_delay") - 1.0).abs() < 1e-9
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn slots_sync_states_and_roles_are_told() {
    if !need("postgres") {
        return;
    }
    let pair = tokio::task::spawn_blocking(Pair::start).await.unwrap();
    let plain = look(&pair, "stream").await;
    assert_eq!(show(&plain, "sync_standbys", Unit::One), "[]", "{plain:?}");
    assert_eq!(show(&plain, "slots_inactive", Unit::One), "[]", "{plain:?}");
    assert!(number(&plain, "reply_age") < 5.0, "{plain:?}");
    for sql in [
        "select pg_create_physical_replication_slot('forgotten')",
        "alter system set synchronous_standby_names = 'standby'",
        "select pg_reload_conf()",
    ] {
        pair.execute(Role::Primary, sql);
    }
    poll_until(Duration::from_secs(10), "synchronous standby", || {
        let state = pair.query(Role::Primary, "select sync_state from pg_stat_replication");
        state.filter(|state| state == "sync")
    });
    let sync = look(&pair, "stream").await;
    assert_eq!(show(&sync, "sync_standbys", Unit::One), "[standby]", "{sync:?}");
    assert_eq!(show(&sync, "slots_inactive", Unit::One), "[forgotten]", "{sync:?}");
    assert_eq!(show(&sync, "slots_at_risk", Unit::One), "[]", "{sync:?}");

    pair.execute(Role::Standby, "select pg_promote()");
    let promoted = look(&pair, "stream").await;
    assert_eq!(promoted.get("roles_ok"), Some(&Value::Flag(false)), "{promoted:?}");
    assert_eq!(
        (promoted.get("lag"), show(&promoted, "caught_up", Unit::Percent)),
        (None, "0%".into())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_archive_is_judged_by_what_reaches_it_and_by_what_is_restored() {
    if !need("postgres") {
        return;
    }
    let archiving = |folder: &std::path::Path| {
        let archive = folder.join("archive");
        let shown = archive.display();
        format!(
            "archive_mode = on\narchive_timeout = '1min'\n\
             archive_command = 'mkdir -p {shown} && cp %p {shown}/%f'\n"
        )
    };
    let pair = tokio::task::spawn_blocking(move || Pair::start_with(archiving)).await.unwrap();
    let url = pair.url(Role::Primary);
    let switch = || {
        pair.write_rows(5);
        let sql = "select pg_walfile_name(pg_switch_wal())";
        pair.query(Role::Primary, sql).unwrap()
    };
    let segment = switch();
    poll_until(Duration::from_secs(20), "archived segment", || {
        let last = pair.query(Role::Primary, "select last_archived_wal from pg_stat_archiver");
        last.filter(|last| *last >= segment)
    });
    let well = archiver(&url).await.unwrap();
    assert_eq!(show(&well, "archiving", Unit::One), "true", "{well:?}");
    assert_eq!(show(&well, "failing", Unit::One), "false", "{well:?}");
    assert_eq!(show(&well, "archive_timeout", Unit::Time), "1m", "{well:?}");
    assert!(number(&well, "last_archived_age") < 30.0, "{well:?}");

    // The standby is fed by the archive alone: the primary need not know it, and its newest commit is what counts.
    let archive = pair.query(Role::Primary, "show archive_command").unwrap();
    let folder = archive.split_whitespace().nth(2).unwrap();
    for sql in [
        &format!("alter system set restore_command = 'cp {folder}/%f %p'"),
        "alter system set primary_conninfo = ''",
        "select pg_reload_conf()",
    ] {
        pair.execute(Role::Standby, sql);
    }
    let segment = switch();
    poll_until(Duration::from_secs(30), "restored segment", || {
        let applied = "select extract(epoch from pg_last_xact_replay_timestamp())";
        let written = "select extract(epoch from max(at)) from written";
        let at = |role, sql: &str| pair.query(role, sql).and_then(|t| t.parse::<f64>().ok());
        let (applied, written) = (at(Role::Standby, applied)?, at(Role::Primary, written)?);
        (applied + 1e-3 >= written).then_some(&segment)
    });
    let restored = look(&pair, "archive").await;
    assert!(number(&restored, "archive_lag") < 60.0, "{restored:?}");
    assert_eq!((restored.get("lag"), restored.get("missing")), (None, None), "{restored:?}");
    assert_eq!(restored.get("roles_ok"), Some(&Value::Flag(true)), "{restored:?}");

    pair.execute(Role::Primary, "alter system set archive_command = 'false'");
    pair.execute(Role::Primary, "select pg_reload_conf()");
    switch();
    let failing = "select 1 from pg_stat_archiver where last_failed_time > last_archived_time";
    poll_until(Duration::from_secs(30), "failing archiver", || {
        pair.query(Role::Primary, failing).filter(|rows| rows == "1")
    });
    let stuck = archiver(&url).await.unwrap();
    assert_eq!(show(&stuck, "failing", Unit::One), "true", "{stuck:?}");
    assert!(number(&stuck, "waiting") >= 1.0 && number(&stuck, "failed_count") >= 1.0, "{stuck:?}");

    pair.execute(Role::Primary, "create role onlooker login");
    let blind = archiver(&url.replace("postgres@", "onlooker@")).await.unwrap();
    assert_eq!(blind.get("waiting"), None, "it may not see: {blind:?}");
    let standby = archiver(&pair.url(Role::Standby)).await.unwrap();
    assert_eq!(show(&standby, "archiving", Unit::One), "false", "it is off there: {standby:?}");
    let away = archiver("postgres://postgres@127.0.0.1:1/postgres").await.expect_err("no server");
    assert_eq!(away.cause, Cause::Refused, "{away}");
}
