//! Launch files: what a mistake looks like to whoever made it. One file per mistake, its message beside it.

use std::path::{Path, PathBuf};

use launchgate::settings::launch::{compile_file, compile_text, schema};
use launchgate_probes::builtin;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/launch")
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> =
        entries.filter(|path| path.extension().is_some_and(|e| e == "yaml")).collect();
    files.sort();
    files
}

/// What is said about a file, under its bare name.
fn told(path: &Path) -> String {
    let problems = match compile_file(path, &builtin()) {
        Ok(_) => return "no problem\n".to_owned(),
        Err(problems) => problems.to_string(),
    };
    problems.replace(&path.display().to_string(), &path.file_name().unwrap().to_string_lossy())
        + "\n"
}

#[test]
fn every_mistake_is_told_as_pinned() {
    let update = std::env::var_os("UPDATE_FIXTURES").is_some();
    let mut wrong = Vec::new();
    let files = files(&folder().join("bad"));
    assert!(files.len() >= 40, "{}", files.len());
    for path in files {
        let told = told(&path);
        let pinned = path.with_extension("txt");
        if update {
            std::fs::write(&pinned, &told).unwrap();
        }
        let expected = std::fs::read_to_string(&pinned).unwrap_or_default();
        if told != expected || told == "no problem\n" {
            wrong.push(format!("== {}\n-- pinned\n{expected}-- told\n{told}", path.display()));
        }
    }
    assert!(wrong.is_empty(), "UPDATE_FIXTURES=1 pins anew\n{}", wrong.join("\n"));
}

#[test]
fn a_secret_is_told_without_being_repeated() {
    for (name, secret) in [("password-in-an-address", "hunter2"), ("token-written-out", "abc123")] {
        let told = told(&folder().join("bad").join(name).with_extension("yaml"));
        assert!(!told.contains(secret), "{told}");
    }
}

#[test]
fn the_examples_compile() {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/examples");
    for path in files(&examples).into_iter().chain([folder().join("good.yaml")]) {
        assert_eq!(told(&path), "no problem\n", "{}", path.display());
    }
}

#[test]
fn ten_thousand_checks_compile_in_seconds() {
    let mut text = String::from(
        "launch: big\ntitle: Big\nversion: v1\ngo_live: 2026-12-01T09:00:00[UTC]\nchecklists:\n",
    );
    for list in 0..100 {
        text += &format!("  l{list}:\n    title: List\n    due: T-1d\n    checks:\n");
        for check in 0..100 {
            text += &format!(
                "      c{check}:\n        title: Check\n        probe: dns\n        \
                 with: {{ name: a.example, type: A }}\n        expect: [\"ttl <= 5m\"]\n"
            );
        }
    }
    let began = std::time::Instant::now();
    let compiled =
        compile_text("big.yaml", &text, ".".into(), &builtin()).map_err(|e| e.to_string());
    assert_eq!(compiled.map(|c| c.probes.len()), Ok(10_000));
    let took = began.elapsed();
    assert!(took.as_secs() < 120, "{took:?} in an unoptimised build");
}

#[test]
fn the_schema_knows_every_section_and_probe() {
    let schema = schema(&builtin());
    let defs = schema["$defs"].as_object().unwrap();
    for def in ["checklist", "check", "trigger", "procedure", "step", "channel"] {
        assert!(defs.contains_key(def), "{def}");
        assert_eq!(defs[def]["additionalProperties"], false, "{def}");
    }
    let mut dangling = Vec::new();
    references(&schema, &mut |target| {
        if schema.pointer(target.trim_start_matches('#')).is_none() {
            dangling.push(target.to_owned());
        }
    });
    assert!(dangling.is_empty(), "{dangling:?}");
    let probe = &defs["check"]["properties"]["probe"];
    let kinds = probe["anyOf"][0]["enum"].as_array().unwrap();
    for kind in builtin().kinds().chain(["sign_off"]) {
        assert!(kinds.iter().any(|k| k == kind), "{kind}");
    }
}

fn references(value: &serde_json::Value, found: &mut impl FnMut(&str)) {
    match value {
        serde_json::Value::Object(map) => {
            for (key, below) in map {
                match below.as_str() {
                    Some(target) if key == "$ref" => found(target),
                    _ => references(below, found),
                }
            }
        }
        serde_json::Value::Array(items) => items.iter().for_each(|item| references(item, found)),
        _ => {}
    }
}

/// Every value of a good file, one at a time, replaced by what it is not: that is either told or harmless, never a panic.
#[test]
fn whatever_stands_in_place_of_a_value_is_survived() {
    let text = std::fs::read_to_string(folder().join("good.yaml")).unwrap();
    let good = launchgate::settings::document::Document::parse(&text).unwrap().value();
    let mut pointers = Vec::new();
    pointers_below(&good, String::new(), &mut pointers);
    let (registry, mut refused) = (builtin(), 0);
    for pointer in &pointers {
        for odd in
            ["null", "true", "-1", "1e300", "\"\"", "\"${\"", "\"${x}\"", "[]", "{}", "[[{}]]"]
        {
            let mut value = good.clone();
            *value.pointer_mut(pointer).unwrap() = serde_json::from_str(odd).unwrap();
            let compiled = compile_text("odd.yaml", &value.to_string(), ".".into(), &registry);
            if let Err(problems) = compiled {
                assert!(!problems.list().is_empty(), "{pointer} = {odd}");
                refused += 1;
            }
        }
    }
    assert!(refused > pointers.len() * 5, "{refused} of {} places refused", pointers.len());
}

fn pointers_below(value: &serde_json::Value, at: String, found: &mut Vec<String>) {
    match value {
        serde_json::Value::Object(map) => {
            for (key, below) in map {
                let key = key.replace('~', "~0").replace('/', "~1");
                pointers_below(below, format!("{at}/{key}"), found);
            }
        }
        serde_json::Value::Array(items) => {
            for (i, below) in items.iter().enumerate() {
                pointers_below(below, format!("{at}/{i}"), found);
            }
        }
        _ => {}
    }
    found.push(at);
}

/// Whether a validator that is not ours takes a launch file by our schema.
fn validates(folder: &crate::rig::process::TempDir, path: &Path) -> bool {
    let text = std::fs::read_to_string(path).unwrap();
    let value = launchgate::settings::document::value(&text).unwrap();
    let instance = folder.write("instance.json", &value.to_string());
    let schema = folder.write("schema.json", &schema(&builtin()).to_string());
    let output =
        crate::rig::process::program("jsonschema").arg("-i").arg(instance).arg(schema).output();
    output.unwrap().status.success()
}

#[test]
fn the_schema_takes_the_examples_and_refuses_mistakes() {
    if !crate::rig::process::need("jsonschema") {
        return;
    }
    let scratch = crate::rig::process::TempDir::new("schema");
    let examples = files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("config/examples"));
    for path in examples.into_iter().chain([folder().join("good.yaml")]) {
        assert!(validates(&scratch, &path), "{}", path.display());
    }
    let mistakes = [
        "unknown-key-in-a-check",
        "unknown-key-in-probe-settings",
        "unknown-probe",
        "unknown-action",
        "command-as-a-text",
        "version-is-a-number",
    ];
    for mistake in mistakes {
        let path = folder().join("bad").join(mistake).with_extension("yaml");
        assert!(!validates(&scratch, &path), "{mistake}");
    }
}
