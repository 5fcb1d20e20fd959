//! The `mysql_replication` probe against a real MariaDB source with a replica.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use launchgate_core::observation::{Cause, Failure};
use launchgate_core::reading::{Readings, Unit, Value};
use launchgate_probes::Context;
use serde_json::json;

use crate::rig::mariadb::{Pair, Role};
use crate::rig::process::need;

/// What is asked, and as whom.
struct Look {
    source: String,
    replica: String,
    more: serde_json::Value,
    memory: Option<serde_json::Value>,
}

impl Look {
    fn at(pair: &Pair) -> Self {
        Self {
            source: pair.url(Role::Source, "root"),
            replica: pair.url(Role::Replica, "root"),
            more: json!({ "mark": "launchgate.mark" }),
            memory: None,
        }
    }

    async fn take(self) -> Result<Readings, Failure> {
        let mut settings = json!({
            "source": { "kind": "mysql", "url": self.source },
            "replicas": [{ "name": "replica", "url": self.replica }],
            "patience": "2s",
        });
        settings.as_object_mut().unwrap().extend(self.more.as_object().unwrap().clone());
        let probe = launchgate_probes::builtin().build("mysql_replication", settings).unwrap();
        let mut cx = Context::new(Duration::from_secs(8), Timestamp::now(), None, "/".into());
        cx.memory = self.memory.map(Arc::new);
        probe.observe(&cx).await
    }
}

/// The figures of a state in a line, those that are not had as `-`; the lag is told apart.
fn figures(state: &str, readings: &Readings) -> String {
    let shown = [
        ("lag", Unit::Time),
        ("caught_up", Unit::Percent),
        ("running", Unit::Percent),
        ("usual_formula", Unit::Time),
        ("roles_ok", Unit::One),
        ("broken", Unit::One),
    ]
    .map(|(name, unit)| readings.get(name).map_or("-".to_owned(), |v| v.show(unit)));
    eprintln!("{state}: {}", shown.join(" "));
    shown[1..].join(" ")
}

fn below(readings: &Readings, name: &str, limit: f64) -> bool {
    matches!(readings.get(name), Some(Value::Number(seconds)) if *seconds < limit)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_is_believed_only_when_it_applies_what_its_source_has() {
    if !need("mariadbd") {
        return;
    }
    let mut pair = tokio::task::spawn_blocking(Pair::start).await.unwrap();
    for state in ["healthy", "idle"] {
        let well = Look::at(&pair).take().await.unwrap();
        assert_eq!(figures(state, &well), "100% 100% 0s true []", "{well:?}");
        assert!(below(&well, "lag", 2.0), "{well:?}");
        assert_eq!(well.get("writable").map(|v| v.show(Unit::One)).as_deref(), Some("[]"));
    }

    // Nothing arrives, and the replica says that it is 0 seconds behind, with both threads running.
    pair.link.hold();
    pair.execute(
        Role::Source,
        "insert into launchgate.written (filler) values (repeat('x', 1000))",
    );
    let held = Look::at(&pair).take().await.unwrap();
    assert_eq!(figures("held link", &held), "0% 100% 0s true []", "{held:?}");
    assert_eq!(held.get("lag"), None, "{held:?}");
    // What was written anyhow does as well as a mark, where there is no table for one.
    let unmarked = Look { more: json!({}), ..Look::at(&pair) }.take().await.unwrap();
    assert_eq!(figures("held link, no mark", &unmarked), "0% 100% 0s true []", "{unmarked:?}");
    pair.link.release();
    pair.wait_for_the_replica();

    pair.execute(Role::Replica, "stop slave sql_thread");
    let stopped = Look::at(&pair).take().await.unwrap();
    assert_eq!(figures("stopped SQL thread", &stopped), "0% 0% - true [replica]", "{stopped:?}");
    pair.execute(Role::Replica, "start slave sql_thread");

    pair.execute(Role::Replica, "stop slave");
    pair.execute(Role::Replica, "change master to master_delay = 2");
    pair.execute(Role::Replica, "start slave");
    let late = Look::at(&pair).take().await.unwrap();
    assert!(below(&late, "lag", 1.5), "the two seconds on purpose are not counted: {late:?}");
    assert!(figures("late on purpose", &late).starts_with("100% 100%"), "{late:?}");
    pair.execute(Role::Replica, "stop slave");
    pair.execute(Role::Replica, "change master to master_delay = 0");
    pair.execute(Role::Replica, "start slave");

    // A row that is there already: the thread that applies ends with an error, of which only the number is told.
    for sql in [
        "set global read_only = 0",
        "set sql_log_bin = 0; insert into launchgate.written values (77, 'secret')",
    ] {
        pair.execute(Role::Replica, sql);
    }
    pair.execute(Role::Source, "insert into launchgate.written values (77, 'other')");
    let clash = Look::at(&pair).take().await.unwrap();
    assert_eq!(figures("a row twice", &clash), "0% 0% - true [replica]", "{clash:?}");
    assert!(clash.parts[0].says.contains("1062"), "{clash:?}");
    assert_eq!(clash.get("writable").map(|v| v.show(Unit::One)).as_deref(), Some("[replica]"));

    pair.execute(Role::Replica, "stop slave; reset slave all");
    let promoted = Look::at(&pair).take().await.unwrap();
    assert_eq!(figures("no replica any more", &promoted), "0% 0% - false []", "{promoted:?}");
    assert_eq!(promoted.get("missing").map(|v| v.show(Unit::One)).as_deref(), Some("[replica]"));

    pair.server(Role::Replica).stop();
    let gone = Look::at(&pair).take().await.unwrap();
    assert_eq!(figures("replica gone", &gone), "0% 0% - - -", "{gone:?}");
    pair.server(Role::Source).stop();
    let failure = Look::at(&pair).take().await.expect_err("there is no source");
    assert_eq!(failure.cause, Cause::Refused, "{failure}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lag_is_told_only_where_something_moved() {
    if !need("mariadbd") {
        return;
    }
    let pair = tokio::task::spawn_blocking(Pair::start).await.unwrap();

    // Without a mark an idle source proves nothing, and one that wrote since does.
    let unmarked = || Look { more: json!({}), ..Look::at(&pair) };
    let first = unmarked().take().await.unwrap();
    assert_eq!(first.get("lag"), None, "{first:?}");
    let memory = first.memory.clone();
    let idle = Look { memory: memory.clone(), ..unmarked() }.take().await.unwrap();
    assert_eq!(idle.get("lag"), None, "{idle:?}");
    pair.execute(Role::Source, "insert into launchgate.written (filler) values ('x')");
    let busy = Look { memory, ..unmarked() }.take().await.unwrap();
    assert!(below(&busy, "lag", 2.0), "{busy:?}");

    // Heartbeats that somebody else writes: fresh ones prove, old ones do not.
    let heartbeat = json!({ "heartbeat": { "table": "launchgate.heartbeat", "utc": true } });
    let beating = || Look { more: heartbeat.clone(), ..Look::at(&pair) };
    let none = beating().take().await.expect_err("nobody writes any");
    assert_eq!(none.cause, Cause::NoData, "{none}");
    let write = |age: &str| {
        let sql = format!(
            "replace into launchgate.heartbeat values (replace(utc_timestamp(6) - interval {age}, ' ', 'T'), 1)"
        );
        pair.execute(Role::Source, &sql);
    };
    write("0 second");
    let fresh = beating().take().await.unwrap();
    assert!(below(&fresh, "lag", 2.0) && below(&fresh, "heartbeat_age", 10.0), "{fresh:?}");
    write("1 hour");
    let old = beating().take().await.unwrap();
    assert_eq!(old.get("lag"), None, "{old:?}");
    pair.link.hold();
    write("0 second");
    let held = beating().take().await.unwrap();
    assert_eq!(figures("held link, heartbeats", &held), "0% 100% 0s true []", "{held:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_not_let_in_or_not_answered_cannot_tell() {
    if !need("mariadbd") {
        return;
    }
    let mut pair = tokio::task::spawn_blocking(Pair::start).await.unwrap();

    // One that may look and not write: the mark is missing, and it says so. A wrong password is no replica that lags.
    for sql in [
        "create user onlooker@'127.0.0.1' identified by 'right'",
        "grant slave monitor on *.* to onlooker@'127.0.0.1'",
        "grant select on launchgate.* to onlooker@'127.0.0.1'",
    ] {
        pair.execute(Role::Source, sql);
    }
    pair.wait_for_the_replica();
    let onlooker = |role| pair.url(role, "onlooker:right");
    let mute = Look {
        source: onlooker(Role::Source),
        replica: onlooker(Role::Replica),
        ..Look::at(&pair)
    };
    let mute = mute.take().await.unwrap();
    assert!(mute.get("lag").is_none() && mute.notes[0].contains("no mark"), "{mute:?}");
    let wrong = Look { source: pair.url(Role::Source, "onlooker:hunter2"), ..Look::at(&pair) };
    let wrong = wrong.take().await.expect_err("it is not let in");
    assert_eq!(wrong.cause, Cause::Auth, "{wrong}");
    assert!(!wrong.message.contains("hunter2"), "{wrong}");
    let hidden = Look { replica: pair.url(Role::Replica, "onlooker:hunter2"), ..Look::at(&pair) };
    let hidden = hidden.take().await.unwrap();
    assert_eq!((hidden.get("caught_up"), hidden.get("missing")), (None, None), "{hidden:?}");

    // The source speaks TLS and the replica does not: what is asked for is not done without, nor taken unseen.
    let named = |user: &str| pair.url(Role::Source, user).replace("127.0.0.1", "localhost");
    let rows = [
        ("encrypted", named("root") + "?require_ssl=true", true, ""),
        ("an unknown root", named("root") + "?require_ssl=true", false, "ca_file"),
        ("another name", pair.url(Role::Source, "root") + "?require_ssl=true", true, "ca_file"),
        ("none is spoken", pair.url(Role::Replica, "root") + "?require_ssl=true", true, "SSL"),
    ];
    for (row, source, trusted, said) in rows {
        let mut more = json!({ "mark": "launchgate.mark" });
        if trusted {
            more["ca_file"] = json!(pair.root);
        }
        match (Look { source, more, ..Look::at(&pair) }).take().await {
            Ok(readings) => assert!(said.is_empty() && below(&readings, "lag", 2.0), "{row}"),
            Err(failure) => {
                assert_eq!(failure.cause, Cause::BadResponse, "{row}: {failure}");
                assert!(!said.is_empty() && failure.message.contains(said), "{row}: {failure}");
            }
        }
    }

    pair.server(Role::Replica).freeze();
    let hung = Look::at(&pair).take().await.unwrap();
    assert_eq!(figures("frozen replica", &hung), "0% 0% - - -", "{hung:?}");
    assert!(hung.parts[0].says.contains("timeout"), "{hung:?}");
    pair.server(Role::Replica).thaw();

    // The source hangs: the replica goes on to say that all is well, and we say that we cannot tell.
    pair.server(Role::Source).freeze();
    let frozen = Look::at(&pair).take().await.expect_err("the source does not answer");
    assert_eq!(frozen.cause, Cause::Timeout, "{frozen}");
    let told = pair.query(Role::Replica, "show slave status\\G").unwrap();
    assert!(told.contains("Seconds_Behind_Master: 0") || told.contains("Yes"), "{told}");
    pair.server(Role::Source).thaw();
}
