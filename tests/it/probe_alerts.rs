//! The `alerts` and `alert_routes` probes against a real Alertmanager and a real Prometheus without rules.

use std::time::Duration;

use jiff::Timestamp;
use launchgate_core::expectation::{Expectation, Truth};
use launchgate_core::observation::{Cause, Failure};
use launchgate_probes::Context;
use serde_json::{Value, json};

use crate::rig::alertmanager::Alertmanager;
use crate::rig::process::{need, poll_until};
use crate::rig::prometheus::Prometheus;

const CONFIG: &str = "\
route:
  receiver: nobody
  routes:
  - matchers: ['severity=\"critical\"']
    receiver: pager
receivers:
- name: nobody
- name: pager
  webhook_configs: [{url: 'http://127.0.0.1:1/'}]
";

/// Looks once, and judges each expectation.
async fn judge(kind: &str, settings: Value, expect: &[&str]) -> Result<Vec<Truth>, Failure> {
    let probe = launchgate_probes::builtin().build(kind, settings).expect("settings");
    let cx = Context::new(Duration::from_secs(5), Timestamp::now(), None, "/".into());
    let specs = probe.readings();
    let readings = probe.observe(&cx).await?;
    let truth = |text: &&str| {
        Expectation::compile(text, &specs).expect("an expectation").evaluate(&readings).truth
    };
    Ok(expect.iter().map(truth).collect())
}

#[tokio::test]
async fn an_alertmanager_is_quiet_alarmed_silenced_blind_or_gone() {
    if !(need("prometheus-alertmanager") && need("curl")) {
        return;
    }
    let mut rig = Alertmanager::start(CONFIG);
    let source = json!({"kind": "alertmanager", "url": rig.url()});
    let alerts = json!({"source": source, "select": ["severity=critical"], "watchdog": "Watchdog"});
    let blind = judge("alerts", alerts.clone(), &[]).await.expect_err("nobody sends");
    assert_eq!(blind.cause, Cause::NoData, "{blind}");

    let seen = |count: usize| {
        poll_until(Duration::from_secs(10), "alerts", || {
            let body = rig.get("alerts");
            let list: Vec<Value> = serde_json::from_str(&body).ok()?;
            let settled = list.iter().all(|a| a["status"]["state"] != "unprocessed");
            (list.len() == count && settled).then_some(())
        });
    };
    rig.post("alerts", r#"[{"labels":{"alertname":"Watchdog","severity":"none"}}]"#);
    seen(1);
    let quiet = ["firing == 0", "silenced == 0", "inhibited == 0"];
    assert_eq!(judge("alerts", alerts.clone(), &quiet).await.expect("quiet"), [Truth::True; 3]);

    rig.post("alerts", r#"[{"labels":{"alertname":"Down","severity":"critical"}}]"#);
    seen(2);
    let fires = ["firing == 1", "names contains \"Down\"", "silenced == 0"];
    assert_eq!(judge("alerts", alerts.clone(), &fires).await.expect("fires"), [Truth::True; 3]);

    let labels = json!({"alertname": "Down", "severity": "critical"});
    let routes = json!({"source": source, "labels": labels});
    let open = ["receivers contains \"pager\"", "ways == 1", "silences == 0", "timed == false"];
    assert_eq!(judge("alert_routes", routes.clone(), &open).await.expect("open"), [Truth::True; 4]);
    let other = json!({"source": source, "labels": {"alertname": "Minor"}});
    let mute = ["receivers contains \"pager\"", "ways == 0", "mute_receivers contains \"nobody\""];
    let truths = judge("alert_routes", other, &mute).await.expect("nobody is told");
    assert_eq!(truths, [Truth::False, Truth::True, Truth::True]);

    let (start, end) = (Timestamp::now(), Timestamp::now() + Duration::from_secs(3600));
    let silence = json!({"matchers": [{"name": "alertname", "value": "D.*", "isRegex": true,
        "isEqual": true}], "startsAt": start.to_string(), "endsAt": end.to_string(),
        "createdBy": "a test", "comment": "a test"});
    rig.post("silences", &silence.to_string());
    let held = judge("alert_routes", routes.clone(), &["silences == 1"]).await.expect("silenced");
    assert_eq!(held, [Truth::True]);
    let held = judge("alerts", alerts.clone(), &["firing == 0", "silenced == 1"]).await;
    assert_eq!(held.expect("silenced"), [Truth::True; 2]);

    rig.stop();
    for (kind, settings) in [("alerts", alerts), ("alert_routes", routes)] {
        let gone = judge(kind, settings, &[]).await.expect_err("it is gone");
        assert_eq!(gone.cause, Cause::Refused, "{kind}: {gone}");
    }
}

#[tokio::test]
async fn a_prometheus_without_rules_is_blind_and_sends_nowhere() {
    if !(need("prometheus-alertmanager") && need("prometheus") && need("curl")) {
        return;
    }
    let (rig, prometheus) = (Alertmanager::start(CONFIG), Prometheus::start(&[]));
    let source = json!({"kind": "prometheus", "url": prometheus.url()});
    let blind = judge("alerts", json!({"source": source}), &[]).await.expect_err("no rules");
    assert_eq!(blind.cause, Cause::NoData, "{blind}");
    let routes = json!({"source": {"kind": "alertmanager", "url": rig.url()},
        "prometheus": source, "labels": {"alertname": "Down"}});
    let truths = judge("alert_routes", routes, &["alertmanagers == 0"]).await.expect("readings");
    assert_eq!(truths, [Truth::True]);
    // A server of another kind behind the address is no answer.
    let wrong = json!({"source": {"kind": "prometheus", "url": rig.url()}});
    let wrong = judge("alerts", wrong, &[]).await.expect_err("it is an Alertmanager");
    assert_eq!(wrong.cause, Cause::BadResponse, "{wrong}");
}
