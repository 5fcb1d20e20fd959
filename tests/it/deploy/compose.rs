//! `compose.yaml` and its files, as far as they can be judged without Docker.

use serde_json::Value;

use super::{deploy, read, texts, validated, yaml};
use crate::rig::process::{TempDir, need, program, run};

/// The keys of a service that the Compose specification documents, as far as such a file may need them.
const SERVICE: [&str; 29] = [
    "build",
    "cap_add",
    "cap_drop",
    "command",
    "configs",
    "container_name",
    "depends_on",
    "deploy",
    "entrypoint",
    "env_file",
    "environment",
    "expose",
    "healthcheck",
    "image",
    "init",
    "labels",
    "logging",
    "networks",
    "ports",
    "profiles",
    "pull_policy",
    "read_only",
    "restart",
    "secrets",
    "security_opt",
    "stop_grace_period",
    "tmpfs",
    "user",
    "volumes",
];
const TOP: [&str; 6] = ["name", "services", "networks", "volumes", "configs", "secrets"];
const BUILD: [&str; 4] = ["context", "dockerfile", "args", "target"];

fn services() -> Vec<(String, Value)> {
    let file = yaml("compose.yaml");
    file["services"].as_object().unwrap().clone().into_iter().collect()
}

fn unknown<'v>(value: &'v Value, known: &[&str]) -> Vec<&'v String> {
    let keys = value.as_object().into_iter().flat_map(serde_json::Map::keys);
    keys.filter(|key| !known.contains(&key.as_str())).collect()
}

#[test]
fn compose_has_only_keys_of_the_specification() {
    let file = yaml("compose.yaml");
    assert_eq!(unknown(&file, &TOP), Vec::<&String>::new());
    for (name, service) in services() {
        assert_eq!(unknown(&service, &SERVICE), Vec::<&String>::new(), "{name}");
        assert_eq!(unknown(&service["build"], &BUILD), Vec::<&String>::new(), "{name}");
        assert!(service["image"].is_string(), "{name}");
    }
}

#[test]
fn compose_names_what_is_there() {
    let file = yaml("compose.yaml");
    let services = services();
    for (name, service) in &services {
        for volume in texts(&service["volumes"]) {
            let source = volume.split(':').next().unwrap();
            if source.starts_with('.') {
                assert!(deploy().join(source).exists(), "{name}: {volume}");
                assert!(volume.ends_with(":ro"), "{name} may change our files: {volume}");
            } else {
                assert!(file["volumes"][source].is_object(), "{name}: {volume}");
            }
        }
        for other in texts(&service["depends_on"]) {
            assert!(services.iter().any(|(known, _)| known == other), "{name}: {other}");
        }
        if let Some(context) = service["build"]["context"].as_str() {
            let dockerfile = service["build"]["dockerfile"].as_str().unwrap();
            assert!(deploy().join(context).join(dockerfile).is_file(), "{name}");
        }
    }
}

#[test]
fn compose_opens_nothing_to_others_and_takes_away_what_is_not_needed() {
    for (name, service) in services() {
        for port in texts(&service["ports"]) {
            assert!(port.starts_with("127.0.0.1:"), "{name}: {port}");
        }
        assert_eq!(service["read_only"], true, "{name}");
        assert_eq!(texts(&service["cap_drop"]), ["ALL"], "{name}");
        assert_eq!(texts(&service["security_opt"]), ["no-new-privileges:true"], "{name}");
        let image = service["image"].as_str().unwrap();
        let pinned = image.split_once(':').is_some_and(|(_, tag)| tag != "latest");
        assert!(pinned || service["build"].is_object(), "{name}: {image}");
    }
}

#[test]
fn the_launch_file_of_compose_is_in_order_and_asks_the_services_that_there_are() {
    let path = deploy().join("compose/launches/shop.yaml");
    assert!(validated(&path).contains("1 triggers, 1 procedures"));
    let text = std::fs::read_to_string(path).unwrap();
    for address in text.split("http://").skip(1) {
        let host = address.split([':', '/', '"']).next().unwrap();
        assert!(services().iter().any(|(name, _)| name == host), "{host}");
    }
}

#[test]
fn the_prometheus_of_compose_reads_its_configuration() {
    if !need("promtool") {
        return;
    }
    let folder = TempDir::new("promtool");
    let token = folder.write("prometheus.token", "token\n").display().to_string();
    let config = read("compose/prometheus.yaml");
    let inside = "/run/launchgate/prometheus.token";
    assert!(config.contains(inside) && read("compose/start.sh").contains("/prometheus.token"));
    folder.write("launchgate.rules.yaml", &read("prometheus/launchgate.rules.yaml"));
    let config = folder.write("prometheus.yml", &config.replace(inside, &token));
    run(program("promtool").args(["check", "config"]).arg(config));
}
