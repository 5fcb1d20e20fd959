//! The `sql` probe against real PostgreSQL and MariaDB servers: the same questions to both.

use std::time::Duration;

use jiff::Timestamp;
use launchgate_core::observation::{Cause, Failure};
use launchgate_core::reading::{Readings, Unit};
use launchgate_probes::Context;
use serde_json::json;

use crate::rig::process::need;
use crate::rig::{mariadb, postgres};

async fn ask(kind: &str, url: &str, query: &str, seconds: u64) -> Result<Readings, Failure> {
    let settings = json!({
        "source": { "kind": kind, "url": url },
        "query": query,
        "columns": {
            "orphans": {},
            "oldest": { "column": "Age", "type": "time" },
            "fine": { "type": "flag" },
            "worst": { "type": "text" },
        },
    });
    let probe = launchgate_probes::builtin().build("sql", settings).unwrap();
    let cx = Context::new(Duration::from_secs(seconds), Timestamp::now(), None, "/".into());
    probe.observe(&cx).await
}

fn show(readings: &Readings) -> String {
    let names = ["rows", "orphans", "oldest", "fine", "worst"];
    names.map(|n| readings.get(n).map_or("-".to_owned(), |v| v.show(Unit::One))).join(" ")
}

/// The questions that both servers answer alike, and those that neither may carry out.
async fn same_on(kind: &str, url: &str, sleep: &str) {
    let rest = "as orphans, 2.5 as age, 1=1 as fine, 'ok' as worst";
    let rows = [
        ("one row", format!("select count(*) {rest} from asserted"), "1 2 2.5 true \"ok\""),
        ("NULL", format!("select max(id + null) {rest} from asserted;"), "1 - 2.5 true \"ok\""),
        ("no row", format!("select id {rest} from asserted where id > 9"), "0 - - - -"),
        ("two rows", format!("select id {rest} from asserted"), "2 - - - -"),
        (
            "with",
            format!("with a as (select 7 as n) select n {rest} from a"),
            "1 7 2.5 true \"ok\"",
        ),
    ];
    for (row, query, expected) in rows {
        let readings =
            ask(kind, url, &query, 10).await.unwrap_or_else(|e| panic!("{kind} {row}: {e}"));
        assert_eq!(show(&readings), expected, "{kind}: {row}");
    }
    let rows = [
        (
            "two statements",
            "select 1 as orphans; delete from asserted".to_owned(),
            Cause::BadResponse,
        ),
        ("no such table", "select 1 from nowhere".to_owned(), Cause::BadResponse),
        ("a column missing", "select 1 as other".to_owned(), Cause::BadResponse),
        ("too long", format!("select {sleep} {rest}"), Cause::Timeout),
    ];
    for (row, query, cause) in rows {
        let began = std::time::Instant::now();
        let failure = ask(kind, url, &query, 3).await.expect_err(row);
        assert_eq!(failure.cause, cause, "{kind}: {row}: {failure}");
        assert!(began.elapsed() < Duration::from_secs(4), "{kind}: {row}: {:?}", began.elapsed());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_is_asked_and_never_changed() {
    use postgres::{Pair, Role};
    if !need("postgres") {
        return;
    }
    let pair = tokio::task::spawn_blocking(Pair::start).await.unwrap();
    for sql in [
        "create table asserted (id int)",
        "insert into asserted values (1), (2)",
        "create function sneak() returns int language sql as 'delete from asserted returning 1'",
        "create role stranger login",
    ] {
        pair.execute(Role::Primary, sql);
    }
    let url = pair.url(Role::Primary);
    same_on("postgres", &url, "pg_sleep(30)").await;
    let rows = [
        ("a function that writes", "select sneak() as orphans", Cause::ProbeError),
        (
            "a change within",
            "with a as (delete from asserted returning id) select id as orphans from a",
            Cause::BadResponse,
        ),
    ];
    for (row, query, cause) in rows {
        let failure = ask("postgres", &url, query, 5).await.expect_err(row);
        assert_eq!(failure.cause, cause, "{row}: {failure}");
    }
    let stranger = url.replace("postgres@", "stranger@");
    let denied = ask("postgres", &stranger, "select id from asserted", 5).await.expect_err("it");
    assert_eq!(denied.cause, Cause::Auth, "{denied}");
    assert_eq!(pair.query(Role::Primary, "select count(*) from asserted").as_deref(), Some("2"));
    let many = ask(
        "postgres",
        &url,
        "select generate_series(1, 5000) as orphans, 1 as age, true as fine, '' as worst",
        5,
    );
    assert_eq!(show(&many.await.unwrap()), "- - - - -", "beyond a thousand rows are not counted");
}

#[tokio::test(flavor = "multi_thread")]
async fn mariadb_is_asked_and_never_changed() {
    use mariadb::{Pair, Role};
    if !need("mariadbd") {
        return;
    }
    let pair = tokio::task::spawn_blocking(Pair::start).await.unwrap();
    for sql in [
        "create table launchgate.asserted (id int)",
        "insert into launchgate.asserted values (1), (2)",
        "create function launchgate.sneak() returns int modifies sql data \
         begin delete from launchgate.asserted; return 1; end",
        "create user stranger@'127.0.0.1'",
        "grant select on launchgate.written to stranger@'127.0.0.1'",
    ] {
        let sql = if sql.starts_with("create function") {
            format!("set global log_bin_trust_function_creators = 1;\ndelimiter //\n{sql}//")
        } else {
            sql.to_owned()
        };
        pair.execute(Role::Source, &sql);
    }
    let url = pair.url(Role::Source, "root");
    same_on("mysql", &url, "sleep(30)").await;
    let sneaky = "select launchgate.sneak() as orphans";
    let failure = ask("mysql", &url, sneaky, 5).await.expect_err("it writes");
    assert_eq!(failure.cause, Cause::ProbeError, "{failure}");
    let stranger = pair.url(Role::Source, "stranger");
    let denied = ask("mysql", &stranger, "select id from asserted", 5).await.expect_err("it");
    assert_eq!(denied.cause, Cause::Auth, "{denied}");
    let count = pair.query(Role::Source, "select count(*) from launchgate.asserted");
    assert_eq!(count.as_deref(), Some("2"));
}
