//! Variables in launch files: where they may stand is told alike by the compiler and by the schema, as far as a schema can
//! tell.

use std::path::PathBuf;

use launchgate::settings::launch::{compile_text, schema};
use launchgate_probes::builtin;
use serde_json::{Value, json};

use crate::rig::process::{TempDir, need, program};

/// A launch file in which every variable is used as it may be.
fn launch() -> Value {
    json!({
        "launch": "shop", "title": "Shop", "version": "v1", "go_live": "2026-12-01T09:00:00[UTC]",
        "people": { "incident_commander": ["ann"], "owner": ["ann", "bob"] },
        "vars": {
            "text": "shop.example", "often": 20, "share": 99.9, "yes": true, "none": null,
            "list": ["192.0.2.53"], "word": "required", "half": "requi", "kind": "http",
            "settings": { "url": "https://shop.example/", "samples": 20 }, "whole": "${text}",
        },
        "vantages": { "eu": { "resolvers": ["192.0.2.53"] } },
        "channels": { "room": { "kind": "webhook", "url": { "env": "ROOM" } } },
        "checklists": { "pages": { "title": "Pages", "due": "T-1d", "owner": "owner", "checks": {
            "home": {
                "title": "Home", "probe": "http", "timeout": "30s", "level": "required",
                "with": { "url": "https://shop.example/", "samples": 20, "timings": false, "ok": [200] },
                "expect": ["status == 200"],
            },
            "name": {
                "title": "Name", "probe": "dns", "expect": ["agreement == 100%"],
                "with": { "name": "shop.example", "type": "A", "resolvers": ["192.0.2.53"] },
            },
            "errors": {
                "title": "Errors", "probe": "prometheus", "expect": ["value < 1%"],
                "with": {
                    "source": { "kind": "prometheus", "url": "http://127.0.0.1:9090" },
                    "query": "errors", "unit": "percent",
                },
            },
            "signed": {
                "title": "Signed", "probe": "sign_off",
                "with": { "by": "owner", "quorum": 1, "evidence": "required", "record": [] },
            },
        } } },
        "procedures": { "back": { "steps": [
            { "step": "tell", "do": "notify", "with": { "to": ["room"], "message": "Back" }, "critical": false },
            { "step": "revert", "do": "exec", "with": { "command": ["true"] } },
        ] } },
        "triggers": { "slow": {
            "watch": { "check": "pages/home", "breach": "status >= 500" }, "for": "5m", "run": "back",
            "mode": "suggest",
        } },
    })
}

const HOME: &str = "/checklists/pages/checks/home";

/// A launch file with another value in one place.
fn with(place: &str, value: Value) -> Value {
    let mut launch = launch();
    let (above, key) = place.rsplit_once('/').expect("a place below the root");
    let above = launch.pointer_mut(above).unwrap_or_else(|| panic!("{place}"));
    match above.as_array_mut() {
        Some(items) => items[key.parse::<usize>().expect("an index")] = value,
        None => above[key] = value,
    }
    launch
}

/// Whether the compiler takes it, or what it says.
fn compiles(launch: &Value) -> Result<(), String> {
    let compiled = compile_text("shop.yaml", &launch.to_string(), PathBuf::from("."), &builtin());
    compiled.map(drop).map_err(|problems| problems.to_string())
}

/// Which of these a validator that is not ours refuses by our schema.
fn refused<'r>(launches: &[(&'r str, Value)]) -> Vec<&'r str> {
    let folder = TempDir::new("variables");
    let schema = folder.write("schema.json", &schema(&builtin()).to_string());
    let mut command = program("jsonschema");
    command.args(["--output", "pretty"]);
    for (i, (_, launch)) in launches.iter().enumerate() {
        command.arg("-i").arg(folder.write(&format!("{i}.json"), &launch.to_string()));
    }
    let output = command.arg(schema).output().expect("it runs");
    let said = String::from_utf8_lossy(&output.stdout);
    let taken = |i: usize| {
        said.lines().any(|line| line.contains("[SUCCESS]") && line.contains(&format!("/{i}.json)")))
    };
    assert_eq!(output.status.success(), (0..launches.len()).all(taken), "{said}");
    let rows = launches.iter().enumerate();
    rows.filter(|(i, _)| !taken(*i)).map(|(_, (row, _))| *row).collect()
}

#[test]
fn variables_stand_wherever_they_are_filled_in() {
    if !need("jsonschema") {
        return;
    }
    let home = |rest: &str| format!("{HOME}/{rest}");
    let signed = |rest: &str| format!("/checklists/pages/checks/signed/with/{rest}");
    let rows = [
        ("a number", home("with/samples"), json!("${often}")),
        ("a flag", home("with/timings"), json!("${yes}")),
        ("a list", "/checklists/pages/checks/name/with/resolvers".to_owned(), json!("${list}")),
        ("an entry of a list", home("with/ok"), json!(["${ok}"])),
        ("a text", home("with/url"), json!("https://${text}/")),
        ("settings", home("with"), json!("${settings}")),
        ("the kind of probe", home("probe"), json!("${kind}")),
        ("a choice", home("level"), json!("${word}")),
        ("a choice in parts", home("level"), json!("${half}red")),
        ("a number of people", signed("quorum"), json!("${one}")),
        ("a choice of settings", signed("evidence"), json!("${word}")),
        ("a list of settings", signed("record"), json!("${list_of_words}")),
        ("a list of expectations", home("expect"), json!("${expect}")),
        ("a check", HOME.to_owned(), json!("${check}")),
        ("a vantage", "/vantages/eu".to_owned(), json!("${vantage}")),
        ("a list of a vantage", "/vantages/eu/resolvers".to_owned(), json!("${list}")),
        ("people", "/people".to_owned(), json!("${people}")),
        ("who holds a role", "/people/owner".to_owned(), json!("${holders}")),
        ("a channel", "/channels/room".to_owned(), json!("${room}")),
        ("the kind of channel", "/channels/room/kind".to_owned(), json!("${webhook}")),
        ("a step", "/procedures/back/steps/0".to_owned(), json!("${step}")),
        ("a flag of a step", "/procedures/back/steps/0/critical".to_owned(), json!("${yes}")),
        ("an action", "/procedures/back/steps/0/do".to_owned(), json!("${notify}")),
        ("a command", "/procedures/back/steps/1/with/command".to_owned(), json!("${command}")),
        ("a mode", "/triggers/slow/mode".to_owned(), json!("${mode}")),
        (
            "an objective",
            "/triggers/slow/watch".to_owned(),
            json!({ "burn_rate": { "long": "errors", "short": "errors", "objective": "${share}" } }),
        ),
        ("what is watched", "/triggers/slow/watch".to_owned(), json!("${watch}")),
        ("a section", "/checklists".to_owned(), json!("${lists}")),
    ];
    let good = launch();
    let mut launches = Vec::new();
    for (row, place, value) in rows {
        let mut launch = with(&place, value);
        let vars = launch["vars"].as_object_mut().expect("a mapping");
        vars.extend(more(&good).as_object().expect("a mapping").clone());
        launches.push((row, launch));
    }
    let mut wrong = Vec::new();
    for (row, launch) in &launches {
        wrong.extend(compiles(launch).err().map(|why| format!("{row}: {why}")));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(refused(&launches), [""; 0]);
}

/// Variables that hold parts of a good launch file.
fn more(good: &Value) -> Value {
    let at = |place: &str| good.pointer(place).expect(place).clone();
    json!({
        "one": 1, "ok": 200, "list_of_words": ["peak"], "expect": ["status == 200"], "check": at(HOME),
        "vantage": at("/vantages/eu"), "people": at("/people"), "holders": ["ann"],
        "room": at("/channels/room"), "webhook": "webhook", "step": at("/procedures/back/steps/0"),
        "notify": "notify", "command": ["true"], "mode": "act", "watch": at("/triggers/slow/watch"),
        "lists": at("/checklists"),
    })
}

/// The places below a value, deepest first, those under `vars` left out.
fn places(value: &Value, at: &str, found: &mut Vec<String>) {
    let below: Vec<(String, &Value)> = match value {
        Value::Object(map) => map.iter().map(|(key, below)| (key.clone(), below)).collect(),
        Value::Array(items) => {
            items.iter().enumerate().map(|(i, below)| (i.to_string(), below)).collect()
        }
        _ => Vec::new(),
    };
    for (key, below) in below.iter().filter(|(key, _)| *key != "vars") {
        let place = format!("{at}/{key}");
        places(below, &place, found);
        found.push(place);
    }
}

#[test]
fn every_value_of_a_launch_file_may_stand_under_vars() {
    if !need("jsonschema") {
        return;
    }
    let (good, mut found) = (launch(), Vec::new());
    places(&good, "", &mut found);
    assert!(found.len() > 80, "{}", found.len());
    let launches = found.iter().map(|place| {
        let mut launch = with(place, json!("${moved}"));
        launch["vars"]["moved"] = good.pointer(place).expect(place).clone();
        assert_eq!(compiles(&launch), Ok(()), "{place}");
        (place.as_str(), launch)
    });
    let launches: Vec<(&str, Value)> = launches.collect();
    assert_eq!(refused(&launches), [""; 0]);
}

#[test]
fn what_is_no_variable_is_refused_by_both() {
    if !need("jsonschema") {
        return;
    }
    let home = |rest: &str| format!("{HOME}/{rest}");
    let rows = [
        ("a text for a number", home("with/samples"), json!("twenty")),
        ("a number in parts", home("with/samples"), json!("2${often}")),
        ("two in place of a number", home("with/samples"), json!("${often}${often}")),
        ("a list in a text", home("with/ok"), json!("${list} and more")),
        ("a reference without its end", home("with/samples"), json!("${often")),
        ("a choice that there is not", home("level"), json!("needed")),
        ("a text for settings", home("with"), json!("settings")),
        ("the variables themselves", "/vars".to_owned(), json!("${list}")),
        (
            "a secret",
            "/channels/room".to_owned(),
            json!({ "kind": "pagerduty", "routing_key": "${text}" }),
        ),
    ];
    let launches = rows.map(|(row, place, value)| (row, with(&place, value)));
    for (row, launch) in &launches {
        assert!(compiles(launch).is_err(), "{row}");
    }
    assert_eq!(refused(&launches), launches.each_ref().map(|(row, _)| *row));
}

#[test]
fn what_a_variable_holds_is_told_by_the_compiler_alone() {
    let home = |rest: &str| format!("{HOME}/{rest}");
    let rows = [
        ("no such variable", home("with/samples"), "${oftn}", "there is no `oftn` under `vars:`"),
        ("another type", home("with/samples"), "${text}", "invalid type: string"),
        ("nothing", home("with/url"), "${none}", "give one of `url` and `urls`"),
        ("a variable in a variable", home("with/url"), "${whole}", "it is no URL"),
    ];
    for (row, place, value, said) in rows {
        let problems = compiles(&with(&place, json!(value))).expect_err(row);
        assert!(problems.contains(said), "{row}: {problems}");
    }
}

#[test]
fn editors_still_know_every_choice() {
    let schema = schema(&builtin());
    let check = &schema["$defs"]["check"]["properties"];
    let level = check["level"]["anyOf"].as_array().expect("choices");
    let named = level[0]["$ref"].as_str().expect("a definition").trim_start_matches('#');
    let choices = schema.pointer(named).expect("it is there")["anyOf"].as_array().expect("choices");
    let words: Vec<&Value> = choices.iter().map(|choice| &choice["const"]).collect();
    assert_eq!(words, ["required", "advisory"]);
    assert!(check["level"]["description"].is_string() && check["with"]["description"].is_string());
}
