//! The manifests: one object per file, that refer to each other, and a pod that may do next to nothing.

use launchgate::settings::daemon;
use serde_json::{Value, json};

use super::{deploy, texts, validated, yaml};
use crate::rig::process::{TempDir, find_program, run};

fn kustomization() -> Value {
    yaml("kubernetes/kustomization.yaml")
}

fn objects() -> Vec<Value> {
    let names = kustomization();
    texts(&names["resources"]).iter().map(|name| yaml(&format!("kubernetes/{name}"))).collect()
}

fn object(kind: &str) -> Value {
    let found: Vec<Value> = objects().into_iter().filter(|o| o["kind"] == kind).collect();
    assert_eq!(found.len(), 1, "{kind}");
    found.into_iter().next().unwrap()
}

fn pod() -> Value {
    object("Deployment")["spec"]["template"]["spec"].clone()
}

fn container() -> Value {
    let pod = pod();
    let containers = pod["containers"].as_array().unwrap();
    assert_eq!(containers.len(), 1);
    containers[0].clone()
}

#[test]
fn every_manifest_is_listed_and_names_no_namespace() {
    let listed = kustomization();
    let mut listed: Vec<String> =
        texts(&listed["resources"]).iter().map(ToString::to_string).collect();
    listed.push("kustomization.yaml".to_owned());
    listed.sort();
    let entries = std::fs::read_dir(deploy().join("kubernetes")).unwrap().map(Result::unwrap);
    let files = entries.filter(|entry| entry.path().is_file());
    let mut files: Vec<String> =
        files.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    files.sort();
    assert_eq!(files, listed);
    for object in objects() {
        for key in ["apiVersion", "kind"] {
            assert!(object[key].is_string(), "{object:#}");
        }
        assert_eq!(object["metadata"]["name"], "launchgate", "{}", object["kind"]);
        assert_eq!(object["metadata"]["namespace"], Value::Null, "{}", object["kind"]);
    }
}

#[test]
fn one_daemon_holds_the_store() {
    let deployment = object("Deployment");
    assert_eq!(deployment["spec"]["replicas"], 1);
    assert_eq!(deployment["spec"]["strategy"], json!({ "type": "Recreate" }));
    let claim = object("PersistentVolumeClaim");
    assert_eq!(texts(&claim["spec"]["accessModes"]), ["ReadWriteOnce"]);
}

#[test]
fn the_pod_may_do_next_to_nothing() {
    let (pod, container) = (pod(), container());
    let rows = [
        ("no root", &pod["securityContext"]["runAsNonRoot"], json!(true)),
        ("the image's account", &pod["securityContext"]["runAsUser"], json!(10001)),
        ("the volume is its own", &pod["securityContext"]["fsGroup"], json!(10001)),
        ("seccomp", &pod["securityContext"]["seccompProfile"]["type"], json!("RuntimeDefault")),
        ("no token of the cluster", &pod["automountServiceAccountToken"], json!(false)),
        ("no environment of others", &pod["enableServiceLinks"], json!(false)),
        ("no more rights", &container["securityContext"]["allowPrivilegeEscalation"], json!(false)),
        ("a root that stays", &container["securityContext"]["readOnlyRootFilesystem"], json!(true)),
        (
            "no capability",
            &container["securityContext"]["capabilities"],
            json!({ "drop": ["ALL"] }),
        ),
        ("no host", &pod["hostNetwork"], Value::Null),
        ("no processes of others", &pod["hostPID"], Value::Null),
    ];
    for (row, is, should) in rows {
        assert_eq!(*is, should, "{row}");
    }
    let dockerfile = super::read("Dockerfile");
    assert!(dockerfile.contains("--uid 10001") && dockerfile.contains("USER 10001"));
    for resource in [("requests", "cpu"), ("requests", "memory"), ("limits", "memory")] {
        assert!(container["resources"][resource.0][resource.1].is_string(), "{resource:?}");
    }
    for (probe, path) in
        [("startupProbe", "/healthz"), ("livenessProbe", "/healthz"), ("readinessProbe", "/readyz")]
    {
        assert_eq!(container[probe]["httpGet"]["path"], path, "{probe}");
        assert_eq!(container[probe]["httpGet"]["port"], container["ports"][0]["name"], "{probe}");
    }
    assert!(pod["terminationGracePeriodSeconds"].as_u64().is_some_and(|seconds| seconds >= 30));
}

#[test]
fn secrets_come_by_reference_and_everything_that_is_named_is_there() {
    let (pod, container) = (pod(), container());
    assert!(objects().iter().all(|object| object["kind"] != "Secret"));
    for variable in container["env"].as_array().unwrap() {
        assert_eq!(variable["value"], Value::Null, "{variable}");
        assert_eq!(variable["valueFrom"]["secretKeyRef"]["name"], "launchgate", "{variable}");
    }
    let volumes = pod["volumes"].as_array().unwrap();
    for mount in container["volumeMounts"].as_array().unwrap() {
        assert!(volumes.iter().any(|volume| volume["name"] == mount["name"]), "{mount}");
    }
    let generated = kustomization();
    let generated = &generated["configMapGenerator"][0];
    let maps = [&object("ConfigMap")["metadata"]["name"], &generated["name"]].map(Value::to_string);
    for volume in volumes.iter().filter(|volume| volume["configMap"].is_object()) {
        assert!(maps.contains(&volume["configMap"]["name"].to_string()), "{volume}");
    }
    let claim = object("PersistentVolumeClaim")["metadata"]["name"].clone();
    assert!(volumes.iter().any(|volume| volume["persistentVolumeClaim"]["claimName"] == claim));
    let labels = &object("Deployment")["spec"]["template"]["metadata"]["labels"];
    assert_eq!(object("Service")["spec"]["selector"], *labels);
    assert_eq!(object("NetworkPolicy")["spec"]["podSelector"]["matchLabels"], *labels);
    assert_eq!(object("Service")["spec"]["ports"][0]["targetPort"], container["ports"][0]["name"]);
    assert_eq!(pod["serviceAccountName"], object("ServiceAccount")["metadata"]["name"]);
    for file in texts(&generated["files"]) {
        validated(&deploy().join("kubernetes").join(file));
    }
}

#[test]
fn traffic_is_let_in_from_named_places_and_never_out_to_a_metadata_service() {
    let policy = object("NetworkPolicy");
    let spec = &policy["spec"];
    assert_eq!(texts(&spec["policyTypes"]), ["Ingress", "Egress"]);
    for rule in spec["ingress"].as_array().unwrap() {
        assert!(rule["from"].as_array().is_some_and(|from| !from.is_empty()), "{rule}");
    }
    let blocks = spec["egress"].as_array().unwrap().iter().flat_map(|rule| {
        rule["to"].as_array().into_iter().flatten().map(|to| to["ipBlock"].clone())
    });
    let wide: Vec<Value> = blocks.filter(|block| block["cidr"] == "0.0.0.0/0").collect();
    assert_eq!(texts(&wide[0]["except"]), ["169.254.0.0/16"]);
}

#[test]
fn the_settings_of_the_cluster_and_of_compose_are_taken_with_tokens_and_refused_without() {
    let folder = TempDir::new("settings");
    let in_cluster = object("ConfigMap")["data"]["launchgate.yaml"].as_str().unwrap().to_owned();
    let paths =
        [folder.write("launchgate.yaml", &in_cluster), deploy().join("compose/launchgate.yaml")];
    for path in paths {
        let tokens =
            format!("[{{identity: alice, roles: [commander], sha256: \"{}\"}}]", "0".repeat(64));
        let variable = ("LAUNCHGATE__WEB__TOKENS".to_owned(), tokens);
        let settings = daemon::load(Some(&path), [variable]).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(settings.web.listen.port(), 7420);
        assert!(settings.store.path.starts_with("/var/lib/launchgate"));
        let bare = daemon::load(Some(&path), []).map_err(|e| e.to_string());
        assert!(
            bare.unwrap_err().contains("that takes TLS, and something to know people by"),
            "{}",
            path.display()
        );
    }
}

/// By the tool itself, where there is one.
#[test]
fn kubectl_puts_the_manifests_together() {
    if find_program("kubectl").is_none() {
        eprintln!("SKIPPED: kubectl is not installed");
        return;
    }
    let kubectl = |arguments: &[&str]| {
        run(crate::rig::process::program("kubectl")
            .args(arguments)
            .arg(deploy().join("kubernetes")))
    };
    let all = kubectl(&["kustomize"]);
    assert_eq!(all.matches("\nkind: ").count(), objects().len() + 1, "{all}");
    assert!(!all.contains("namespace: "), "{all}");
}
