//! The `postgres_replication` probe against a real primary with a streaming standby.

use std::time::Duration;

use jiff::Timestamp;
use launchgate_core::observation::{Cause, Failure};
use launchgate_core::reading::{Readings, Unit, Value};
use launchgate_probes::Context;
use serde_json::json;

use crate::rig::postgres::{Pair, Role};
use crate::rig::process::need;

async fn look(pair: &Pair, names: &[&str]) -> Result<Readings, Failure> {
    let standbys: Vec<_> =
        names.iter().map(|name| json!({ "name": name, "url": pair.url(Role::Standby) })).collect();
    let settings = json!({
        "source": { "kind": "postgres", "url": pair.url(Role::Primary) },
        "standbys": standbys,
        "patience": "2s",
    });
    let probe = launchgate_probes::builtin().build("postgres_replication", settings).unwrap();
    let cx = Context::new(Duration::from_secs(8), Timestamp::now(), None, "/".into());
    probe.observe(&cx).await
}

fn number(readings: &Readings, name: &str) -> f64 {
    match readings.get(name) {
        Some(Value::Number(number)) => *number,
        other => panic!("{name} is {other:?} in {readings:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_standby_is_believed_only_when_it_applies_what_it_is_given() {
    if !need("postgres") {
        return;
    }
    let mut pair = tokio::task::spawn_blocking(Pair::start).await.unwrap();
    let healthy = look(&pair, &["standby"]).await.unwrap();
    assert!(number(&healthy, "lag") < 2.0, "{healthy:?}");
    for (name, expected) in [("caught_up", 100.0), ("streaming", 100.0)] {
        assert!((number(&healthy, name) - expected).abs() < 1e-9, "{name} in {healthy:?}");
    }
    assert_eq!(healthy.get("roles_ok"), Some(&Value::Flag(true)));

    let other = look(&pair, &["standby", "nobody"]).await.unwrap();
    assert_eq!(other.get("missing").map(|v| v.show(Unit::One)), Some("[nobody]".to_owned()));
    assert!((number(&other, "streaming") - 50.0).abs() < 1e-9);

    pair.pause_replay();
    let paused = look(&pair, &["standby"]).await.unwrap();
    assert_eq!(paused.get("replay_paused"), Some(&Value::Flag(true)));
    assert!(number(&paused, "lag") >= 2.0, "{paused:?}");
    pair.resume_replay();

    pair.freeze_receiver();
    let frozen = look(&pair, &["standby"]).await.unwrap();
    assert!(number(&frozen, "lag") >= 2.0, "{frozen:?}");
    assert!(
        number(&frozen, "usual_formula").abs() < 1e-9,
        "the usual formula sees nothing: {frozen:?}"
    );
    assert!(number(&frozen, "caught_up").abs() < 1e-9);
    pair.thaw_receiver();
    let mut again = None;
    for _ in 0..20 {
        again = look(&pair, &["standby"]).await.ok().filter(|r| number(r, "caught_up") > 99.0);
        if again.is_some() {
            break;
        }
    }
    assert!(again.is_some(), "it follows again");

    pair.stop(Role::Standby);
    let gone = look(&pair, &["standby"]).await.unwrap();
    assert_eq!(gone.get("lag"), None, "{gone:?}");
    pair.stop(Role::Primary);
    let failure = look(&pair, &["standby"]).await.expect_err("there is no primary");
    assert_eq!(failure.cause, Cause::Refused, "{failure}");
}
