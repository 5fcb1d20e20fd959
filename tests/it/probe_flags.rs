//! The `flags` probe against answers of the documented shapes: flagd's definitions, OFREP, Unleash, any JSON.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use launchgate_core::expectation::{Expectation, Truth};
use launchgate_core::observation::{Cause, Failure};
use launchgate_core::reading::Readings;
use launchgate_probes::Context;
use serde_json::{Value, json};

use crate::rig::canned::Canned;
use crate::rig::process::{TempDir, free_port};

/// Looks once, with what the last look left to remember.
async fn look(settings: &Value, memory: Option<Value>) -> Result<Readings, Failure> {
    let probe = launchgate_probes::builtin().build("flags", settings.clone()).expect("settings");
    let mut cx = Context::new(Duration::from_secs(5), Timestamp::now(), None, "/".into());
    cx.memory = memory.map(Arc::new);
    probe.observe(&cx).await
}

/// What an expectation says; nothing when it cannot tell.
fn truth(settings: &Value, readings: &Readings, text: &str) -> Option<bool> {
    let probe = launchgate_probes::builtin().build("flags", settings.clone()).expect("settings");
    match Expectation::compile(text, &probe.readings()).expect(text).evaluate(readings).truth {
        Truth::True => Some(true),
        Truth::False => Some(false),
        Truth::Unknown(_) => None,
    }
}

/// What `all_off == true` is, and whether a list names the flag `f`, as it should.
async fn judge(row: &str, settings: Value, all_off: Option<bool>, list: Option<&str>) {
    let readings = look(&settings, None).await.unwrap_or_else(|f| panic!("{row}: {f}"));
    assert_eq!(truth(&settings, &readings, "all_off == true"), all_off, "{row}: {readings:?}");
    if let Some(list) = list {
        let named = truth(&settings, &readings, &format!("{list} contains \"f\""));
        assert_eq!(named, Some(true), "{row}: {readings:?}");
    }
}

async fn refused(row: &str, settings: Value, cause: Cause) {
    let failure = look(&settings, None).await.expect_err(row);
    assert_eq!(failure.cause, cause, "{row}: {failure}");
    assert!(!failure.message.contains("hunter2"), "{row}: {failure}");
}

/// Definitions by the shape of <https://flagd.dev/reference/flag-definitions/>.
fn flagd(state: &str, default: &str, targeting: &Value) -> String {
    json!({"$schema": "https://flagd.dev/schema/v0/flags.json", "flags": {"f": {
        "state": state, "variants": {"on": true, "off": false},
        "defaultVariant": default, "targeting": targeting,
    }}})
    .to_string()
}

#[tokio::test]
async fn flagds_definitions_prove_that_a_flag_is_off() {
    let folder = TempDir::new("flagd");
    let none = json!({});
    let split = json!({"fractional": [["on", 1], ["off", 99]]});
    let rows = [
        ("off", flagd("ENABLED", "off", &none), Some(true), None),
        ("on", flagd("ENABLED", "on", &none), Some(false), Some("on")),
        ("off for most", flagd("ENABLED", "off", &split), Some(false), Some("rollout")),
        ("disabled", flagd("DISABLED", "off", &none), None, Some("unknown")),
        ("not there", r#"{"flags":{}}"#.to_owned(), None, Some("unknown")),
    ];
    for (row, text, all_off, list) in rows {
        let file = folder.write("flags.json", &text);
        let settings = json!({"flagd": {"file": file}, "flags": [{"name": "f"}]});
        judge(row, settings, all_off, list).await;
        let server = Canned::start(move |_| (200, text.clone()));
        let settings = json!({"flagd": {"url": server.url()}, "flags": [{"name": "f"}]});
        judge(row, settings, all_off, list).await;
    }
    let file = folder.write("disabled.json", &flagd("DISABLED", "on", &none));
    let declared = json!({"name": "f", "code_default": false});
    let settings = json!({"flagd": {"file": file}, "flags": [declared]});
    judge("disabled, and off in the code", settings, Some(true), None).await;
    for (row, text, cause) in [
        ("empty", "", Cause::NoData),
        ("half of it", "{\"flags\":", Cause::BadResponse),
        ("something else", "{}", Cause::BadResponse),
    ] {
        let file = folder.write("bad.json", text);
        refused(row, json!({"flagd": {"file": file}, "flags": [{"name": "f"}]}), cause).await;
    }
    let gone = json!({"flagd": {"file": folder.join("gone")}, "flags": [{"name": "f"}]});
    refused("no file", gone, Cause::NoData).await;
}

#[tokio::test]
async fn a_definition_that_changes_between_two_looks_is_told() {
    let folder = TempDir::new("flagd-changes");
    let write = |targeting: Value| folder.write("f.json", &flagd("ENABLED", "off", &targeting));
    let settings = json!({"flagd": {"file": write(json!({}))}, "flags": [{"name": "f"}]});
    let first = look(&settings, None).await.expect("readings");
    assert_eq!(truth(&settings, &first, "changed == false"), None, "nothing before");
    let second = look(&settings, first.memory.clone()).await.expect("readings");
    assert_eq!(truth(&settings, &second, "changed == false"), Some(true));
    write(json!({"if": [true, "on", "off"]}));
    let third = look(&settings, second.memory.clone()).await.expect("readings");
    assert_eq!(truth(&settings, &third, "changed == false"), Some(false));
    assert_eq!(truth(&settings, &third, "all_off == true"), Some(false));
}

/// Answers by the shapes of <https://github.com/open-feature/protocol/blob/main/service/openapi.yaml>.
fn ofrep(asked: &str) -> (u16, String) {
    let answer = |value: bool, reason: &str, variant: &str| {
        let body = json!({"key": "f", "value": value, "reason": reason, "variant": variant, "metadata": {}});
        (200, body.to_string())
    };
    let error =
        |status: u16, code: &str| (status, json!({"key": "f", "errorCode": code}).to_string());
    if !asked.contains("/ofrep/v1/evaluate/flags/f ") || !asked.starts_with("POST ") {
        return (404, "404 page not found".into());
    }
    match asked.split('/').nth(1).unwrap_or_default() {
        "off" => answer(false, "STATIC", "off"),
        "on" => answer(true, "DEFAULT", "on"),
        // One of the made-up users is among the lucky ones.
        "split" => answer(asked.contains("\"launchgate-7\""), "SPLIT", "x"),
        "lucky" if asked.contains("\"launchgate-7\"") => answer(true, "STATIC", "on"),
        "lucky" => answer(false, "STATIC", "off"),
        "code" => (200, json!({"key": "f", "reason": "DISABLED"}).to_string()),
        "unknown" => error(404, "FLAG_NOT_FOUND"),
        "broken" => error(400, "INVALID_CONTEXT"),
        "nowhere" => (404, "404 page not found".into()),
        "often" => (429, String::new()),
        "closed" => (403, String::new()),
        "open" if asked.contains("authorization: Bearer hunter2") => answer(false, "STATIC", "off"),
        "open" => (401, String::new()),
        _ => (200, "<html>".into()),
    }
}

#[tokio::test]
async fn ofrep_is_asked_for_many_users() {
    let (server, folder) = (Canned::start(ofrep), TempDir::new("ofrep"));
    let of = |path: &str| json!({"ofrep": {"url": format!("{}/{path}", server.url())}, "flags": [{"name": "f"}]});
    let rows = [
        ("off", Some(true), None),
        ("on", Some(false), Some("on")),
        ("split", Some(false), Some("rollout")),
        ("lucky", Some(false), Some("rollout")),
        ("code", None, Some("unknown")),
        ("unknown", None, Some("unknown")),
        ("broken", None, Some("unknown")),
    ];
    for (path, all_off, list) in rows {
        judge(path, of(path), all_off, list).await;
    }
    let mut open = of("open");
    refused("no token", open.clone(), Cause::Auth).await;
    open["ofrep"]["bearer"] = json!({"file": folder.write("token", "hunter2\n")});
    judge("with a token", open.clone(), Some(true), None).await;
    open["ofrep"]["bearer"] = json!({"file": folder.join("gone")});
    refused("a token that is not there", open, Cause::Auth).await;
    refused("not for us", of("closed"), Cause::Auth).await;
    refused("too often", of("often"), Cause::Unreachable).await;
    refused("no such path", of("nowhere"), Cause::BadResponse).await;
    refused("a page", of("page"), Cause::BadResponse).await;
    let gone = json!({"ofrep": {"url": format!("http://127.0.0.1:{}", free_port())},
        "flags": [{"name": "f"}]});
    refused("nobody listens", gone, Cause::Refused).await;
}

/// Answers by the shapes of <https://docs.getunleash.io/reference/api/unleash/get-all-client-features> and
/// <https://docs.getunleash.io/reference/api/unleash/get-feature>; what strategies mean is in
/// <https://github.com/Unleash/client-specification>.
fn unleash(asked: &str) -> (u16, String) {
    let half = json!([{"name": "flexibleRollout", "constraints": [], "variants": [],
        "parameters": {"rollout": "50", "stickiness": "default", "groupId": "f"}}]);
    if !asked.contains("authorization: hunter2") {
        return (401, json!({"name": "AuthenticationRequired"}).to_string());
    }
    let path = asked.split(' ').nth(1).unwrap_or_default();
    let (case, below) = path[1..].split_once('/').unwrap_or_default();
    let (enabled, strategies) = match case {
        "off" => (false, half),
        "empty" => (true, json!([])),
        "half" => (true, half),
        "other" => return (200, json!({"version": 2, "features": []}).to_string()),
        "gone" => return (404, json!({"name": "NotFoundError"}).to_string()),
        _ => return (200, "<html>".into()),
    };
    let body = match below {
        "api/client/features" => json!({"version": 2, "features": [{"name": "f",
            "type": "release", "enabled": enabled, "project": "default", "stale": false,
            "strategies": strategies, "variants": [], "impressionData": false}]}),
        "api/admin/projects/default/features/f" => json!({"name": "f", "project": "default",
            "archived": false, "dependencies": [], "children": [], "environments": [
                {"name": "development", "enabled": true, "strategies": []},
                {"name": "production", "enabled": enabled, "strategies": strategies}]}),
        _ => return (404, "no such page".into()),
    };
    (200, body.to_string())
}

#[tokio::test]
async fn unleash_turns_on_what_has_no_strategy() {
    let (server, folder) = (Canned::start(unleash), TempDir::new("unleash"));
    let token = folder.write("token", "hunter2\n");
    let client = |case: &str| {
        json!({"unleash": {"url": format!("{}/{case}", server.url()), "token": {"file": token}},
            "flags": [{"name": "f"}]})
    };
    let admin = |case: &str| {
        let mut settings = client(case);
        settings["unleash"]["api"] = json!("admin");
        settings["unleash"]["environment"] = json!("production");
        settings
    };
    let rows = [
        ("off", Some(true), None),
        ("empty", Some(false), Some("on")),
        ("half", Some(false), Some("rollout")),
    ];
    for (case, all_off, list) in rows {
        judge(case, client(case), all_off, list).await;
        judge(case, admin(case), all_off, list).await;
    }
    judge("not among them", client("other"), None, Some("unknown")).await;
    judge("not there", admin("gone"), None, Some("unknown")).await;
    let mut elsewhere = admin("off");
    elsewhere["unleash"]["environment"] = json!("staging");
    judge("another environment", elsewhere, None, Some("unknown")).await;
    refused("a page", client("page"), Cause::BadResponse).await;
    let mut wrong = client("off");
    wrong["unleash"]["token"] = json!({"file": folder.write("wrong", "hunter1")});
    refused("another token", wrong, Cause::Auth).await;
}

#[tokio::test]
async fn any_json_is_read_by_its_pointers() {
    let server = Canned::start(|_| {
        let flags = json!({"flags": [{"key": "f", "on": false}, {"key": "g", "on": "yes"}]});
        (200, flags.to_string())
    });
    let of = |pointer: &str| json!({"json": {"url": server.url()}, "flags": [{"name": "f", "pointer": pointer}]});
    judge("off", of("/flags/0/on"), Some(true), None).await;
    judge("on", of("/flags/1/on"), Some(false), Some("on")).await;
    judge("not there", of("/flags/2/on"), None, Some("unknown")).await;
}
