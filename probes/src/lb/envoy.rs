//! Envoy's `/clusters?format=json`: a host is healthy when service discovery calls it so and no flag is set.
//!
//! Envoy without active checks calls every host healthy until it is ejected; what checks there are is not told there.

use launchgate_core::observation::{Cause, Failure};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::pool::{Entry, State};

#[derive(Debug, Deserialize)]
struct Clusters {
    #[serde(default)]
    cluster_statuses: Option<Vec<Cluster>>,
}

#[derive(Debug, Deserialize)]
struct Cluster {
    name: String,
    #[serde(default)]
    host_statuses: Vec<Host>,
}

#[derive(Debug, Deserialize)]
struct Host {
    address: Value,
    #[serde(default)]
    health_status: Map<String, Value>,
    #[serde(default)]
    hostname: Option<String>,
}

/// Reads the hosts of one cluster.
///
/// # Errors
/// [`Cause::NoData`] for nothing at all, or no such cluster; [`Cause::BadResponse`] for what is no such answer.
pub(super) fn parse(body: &[u8], cluster: &str) -> Result<Vec<Entry>, Failure> {
    let bad = |why: String| Failure::new(Cause::BadResponse, format!("the clusters: {why}"));
    if body.iter().all(u8::is_ascii_whitespace) {
        return Err(Failure::new(Cause::NoData, "the list of clusters is empty"));
    }
    let clusters: Clusters = serde_json::from_slice(body).map_err(|e| bad(e.to_string()))?;
    let Some(clusters) = clusters.cluster_statuses else {
        return Err(bad("there is no `cluster_statuses` in the answer".to_owned()));
    };
    let found = clusters
        .into_iter()
        .find(|c| c.name == cluster)
        .ok_or_else(|| Failure::new(Cause::NoData, format!("no cluster is called `{cluster}`")))?;
    let entries = found.host_statuses.into_iter().map(|host| {
        let name = name(&host.address).ok_or_else(|| bad("a host has no address".to_owned()))?;
        let (state, says) = state(&host.health_status);
        let alias = host.hostname.filter(|h| !h.is_empty());
        Ok(Entry { name, alias, state, says, since: None })
    });
    entries.collect()
}

/// A host's address: `10.0.0.1:8080`, or the path of a socket.
fn name(address: &Value) -> Option<String> {
    if let Some(path) = address.pointer("/pipe/path") {
        return path.as_str().map(str::to_owned);
    }
    let socket = address.get("socket_address")?;
    let ip = socket.get("address")?.as_str()?;
    let port = socket.get("port_value").and_then(Value::as_u64).unwrap_or_default();
    Some(if ip.contains(':') { format!("[{ip}]:{port}") } else { format!("{ip}:{port}") })
}

/// The worst that is said of a host, and all of it for people.
fn state(health: &Map<String, Value>) -> (State, String) {
    let (mut worst, mut says) = (State::Healthy, Vec::new());
    for (key, value) in health {
        if key == "eds_health_status" || *value == Value::Bool(false) {
            continue;
        }
        let state = match (key.as_str(), value) {
            (
                "failed_active_health_check"
                | "failed_outlier_check"
                | "failed_active_degraded_check"
                | "excluded_via_immediate_hc_fail"
                | "active_hc_timeout",
                Value::Bool(true),
            ) => State::Down,
            ("pending_dynamic_removal", Value::Bool(true)) => State::Out,
            ("pending_active_hc", Value::Bool(true)) => State::Changing,
            _ => State::Unchecked,
        };
        worst = worst.max(state);
        says.push(key.as_str());
    }
    let discovered = health.get("eds_health_status").and_then(Value::as_str).unwrap_or_default();
    let state = match discovered {
        "HEALTHY" => State::Healthy,
        "UNHEALTHY" | "TIMEOUT" | "DEGRADED" => State::Down,
        "DRAINING" => State::Out,
        _ => State::Unchecked,
    };
    says.insert(0, if discovered.is_empty() { "not said to be healthy" } else { discovered });
    (worst.max(state), says.join(", "))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_host_is_healthy_when_no_flag_says_otherwise() {
        use State::{Changing, Down, Healthy, Out, Unchecked};
        let rows = [
            ("healthy", json!({"eds_health_status": "HEALTHY"}), Healthy),
            (
                "flags that are not set",
                json!({"eds_health_status": "HEALTHY", "failed_outlier_check": false}),
                Healthy,
            ),
            (
                "its checks fail",
                json!({"eds_health_status": "HEALTHY", "failed_active_health_check": true}),
                Down,
            ),
            (
                "ejected",
                json!({"eds_health_status": "HEALTHY", "failed_outlier_check": true}),
                Down,
            ),
            (
                "degraded",
                json!({"eds_health_status": "HEALTHY", "failed_active_degraded_check": true}),
                Down,
            ),
            (
                "not yet checked",
                json!({"eds_health_status": "HEALTHY", "pending_active_hc": true}),
                Changing,
            ),
            (
                "on its way out",
                json!({"eds_health_status": "HEALTHY", "pending_dynamic_removal": true}),
                Out,
            ),
            ("unhealthy by discovery", json!({"eds_health_status": "UNHEALTHY"}), Down),
            ("draining", json!({"eds_health_status": "DRAINING"}), Out),
            ("a flag of tomorrow", json!({"eds_health_status": "HEALTHY", "odd": true}), Unchecked),
            ("a word of tomorrow", json!({"eds_health_status": "SPLENDID"}), Unchecked),
            ("nothing", json!({}), Unchecked),
            (
                "down, and a flag of tomorrow",
                json!({"eds_health_status": "UNHEALTHY", "odd": true}),
                Down,
            ),
        ];
        for (row, health, expected) in rows {
            let (state, says) = state(health.as_object().expect("an object"));
            assert_eq!(state, expected, "{row}: {says}");
        }
    }

    #[test]
    fn hosts_are_named_by_address_and_name() {
        let body = json!({"cluster_statuses": [{"name": "shop", "host_statuses": [
            {"address": {"socket_address": {"address": "10.0.0.1", "port_value": 8080}},
             "hostname": "web1.internal", "health_status": {"eds_health_status": "HEALTHY"}},
            {"address": {"socket_address": {"address": "2001:db8::1", "port_value": 80}}},
            {"address": {"pipe": {"path": "/run/shop.sock"}}},
        ]}, {"name": "empty"}]});
        let entries = parse(body.to_string().as_bytes(), "shop").expect("a cluster");
        let names: Vec<&str> = entries.iter().map(|e| e.name.as_str()).collect();
        assert_eq!(names, ["10.0.0.1:8080", "[2001:db8::1]:80", "/run/shop.sock"]);
        assert!(entries[0].is("web1.internal") && entries[0].is("10.0.0.1:8080"));
        assert_eq!(parse(body.to_string().as_bytes(), "empty"), Ok(Vec::new()), "no hosts");
        for (row, body, cause) in [
            ("no such cluster", r#"{"cluster_statuses":[]}"#, Cause::NoData),
            ("nothing", "", Cause::NoData),
            ("other JSON", "{}", Cause::BadResponse),
            ("the text form", "shop::default_priority::max_connections::1024", Cause::BadResponse),
            (
                "no address",
                r#"{"cluster_statuses":[{"name":"shop","host_statuses":[{"address":{}}]}]}"#,
                Cause::BadResponse,
            ),
        ] {
            assert_eq!(parse(body.as_bytes(), "shop").expect_err(row).cause, cause, "{row}");
        }
    }
}
