//! Programs of every manner: what they say, and how they end.

use serde_json::json;

use super::*;
use std::time::{Duration, Instant};

async fn look(script: &str, more: &str, seconds: u64) -> Result<Readings, Failure> {
    let yaml = json!({ "command": ["sh", "-c", script] });
    let mut settings: Settings = serde_json::from_value(yaml).unwrap();
    if more == "any" {
        settings.exit_codes = ExitCodes::Any;
    }
    settings.metrics = vec![
        Metric { name: "depth".into(), label: None, unit: MetricUnit::One },
        Metric { name: "took".into(), label: Some("response time".into()), unit: MetricUnit::Time },
    ];
    let cx =
        Context::new(Duration::from_secs(seconds), Timestamp::now(), None, std::env::temp_dir());
    Exec::new(settings).unwrap().observe(&cx).await
}

fn shown(readings: &Readings, name: &str) -> String {
    readings.get(name).map_or_else(|| "absent".to_owned(), |value| value.show(Unit::One))
}

#[tokio::test]
async fn exit_codes_and_numbers_are_read_as_plug_ins_tell_them() {
    let rows = [
        (
            "ok with numbers",
            "echo \"QUEUE OK - all quiet | depth=12;100;200 'response time'=35ms\"",
            "",
            "0 \"ok\" \"QUEUE OK - all quiet\" 12 0.035",
        ),
        ("warning", "echo WARNING; exit 1", "", "1 \"warning\" \"WARNING\" absent absent"),
        (
            "critical, on stderr",
            "echo broken >&2; exit 2",
            "",
            "2 \"critical\" \"broken\" absent absent",
        ),
        ("any code", "exit 7", "any", "7 \"other\" \"\" absent absent"),
    ];
    for (row, script, more, expected) in rows {
        let readings = look(script, more, 10).await.unwrap_or_else(|e| panic!("{row}: {e}"));
        let names = ["exit_code", "state", "output", "depth", "took"];
        let got = names.map(|name| shown(&readings, name)).join(" ");
        assert_eq!(got, expected, "{row}");
    }
}

#[tokio::test]
async fn what_is_no_answer_is_unknown_with_its_reason() {
    let rows = [
        ("unknown", "echo no route; exit 3", Cause::NoData, "`sh` cannot tell (exit 3): no route"),
        ("out of range", "exit 77", Cause::NoData, "`sh` cannot tell (exit 77): "),
        ("a signal", "kill -9 $$", Cause::ProbeError, "`sh` was ended by signal 9"),
        (
            "not there",
            "exec /no/such/program",
            Cause::ProbeError,
            "`sh` could not run a program of its own (exit 127)",
        ),
    ];
    for (row, script, cause, message) in rows {
        let failure = look(script, "", 10).await.expect_err(row);
        assert_eq!(failure.cause, cause, "{row}: {failure}");
        assert!(failure.message.starts_with(message), "{row}: {failure}");
    }
}

#[tokio::test]
async fn a_number_that_is_not_had_hides_no_exit_code() {
    let rows = [
        ("a wrong unit", "depth=5MB", "`depth` is told as `5MB`, which is no number"),
        ("not known", "depth=U", "`depth` is told as `U`, which is no number"),
        ("twice", "depth=1 depth=2", "`depth` is told more than once"),
        ("missing", "width=1", "`depth` is not told"),
    ];
    for (row, data, said) in rows {
        let script = format!("echo \"BAD | {data} 'response time'=2s\"; exit 2");
        let readings = look(&script, "", 10).await.unwrap_or_else(|e| panic!("{row}: {e}"));
        let got = ["state", "depth", "took"].map(|name| shown(&readings, name)).join(" ");
        assert_eq!(got, "\"critical\" absent 2", "{row}");
        assert_eq!(readings.notes, [said], "{row}");
    }
}

#[test]
fn a_reading_is_named_once() {
    let rows =
        [("state", "is a reading of every"), ("depth", "listed already"), ("a b", "holds ` `")];
    for (name, said) in rows {
        let json = json!({
            "command": ["x"], "metrics": [{ "name": "depth" }, { "name": name }],
        });
        let settings: Settings = serde_json::from_value(json).unwrap();
        let problems = Exec::new(settings).expect_err(name);
        assert_eq!(problems[0].path.to_string(), "metrics[1].name", "{name}");
        assert!(problems.len() == 1 && problems[0].to_string().contains(said), "{problems:?}");
    }
}

#[tokio::test]
async fn a_program_that_forks_and_ignores_term_ends_with_its_look() {
    let began = Instant::now();
    let script = "trap '' TERM; (trap '' TERM; while :; do :; done) & while :; do :; done";
    let failure = look(script, "", 1).await.expect_err("it does not end");
    assert_eq!(failure.cause, Cause::Timeout);
    assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_flood_of_output_is_drained_and_bounded() {
    let readings = look("yes no more of this | head -c 50000000", "", 20).await.unwrap();
    assert_eq!(shown(&readings, "output"), "\"no more of this\"");
}

/// Looks with a script under these further settings.
async fn look_as(script: &str, mut more: Value) -> Result<Readings, Failure> {
    more["command"] = json!(["sh", "-c", script]);
    let exec = Exec::new(crate::strict::read(more).expect("settings")).expect("settings");
    let cx = Context::new(Duration::from_secs(10), Timestamp::now(), None, std::env::temp_dir());
    let declared: Vec<Name> = exec.readings().into_iter().map(|spec| spec.name).collect();
    let looked = exec.observe(&cx).await;
    for name in looked.iter().flat_map(|readings| readings.values.keys()) {
        assert!(declared.contains(name), "{name} is not declared");
    }
    looked
}

#[tokio::test]
async fn a_program_of_ones_own_prints_its_readings_as_json() {
    let settings = || {
        json!({ "json": {
            "depth": { "pointer": "/queue/depth", "as": "number" },
            "size": { "pointer": "/queue/bytes", "as": "number", "unit": "bytes" },
            "ready": { "pointer": "/ready", "as": "flag" },
            "nodes": { "pointer": "/nodes", "as": "texts" },
        } })
    };
    let whole = r#"echo '{"queue":{"depth":3,"bytes":2048},"ready":true,"nodes":["b","a"]}'"#;
    let wrong = r#"echo '{"queue":{"depth":"3"},"ready":"yes","nodes":[]}'"#;
    let names = ["exit_code", "depth", "size", "ready", "nodes"];
    let rows = [
        ("all of it", whole, "0 3 2048 true [a, b]"),
        ("other types are no values", wrong, "0 absent absent absent []"),
    ];
    for (row, script, expected) in rows {
        let readings = look_as(script, settings()).await.unwrap_or_else(|e| panic!("{row}: {e}"));
        let got = names.map(|name| shown(&readings, name)).join(" ");
        assert_eq!(got, expected, "{row}");
    }
    let rows = [
        ("no JSON", "echo hello", Cause::BadResponse),
        ("nothing", "true", Cause::BadResponse),
        ("cannot tell", "echo '{}'; echo no route >&2; exit 3", Cause::NoData),
    ];
    for (row, script, cause) in rows {
        assert_eq!(look_as(script, settings()).await.expect_err(row).cause, cause, "{row}");
    }
}

#[tokio::test]
async fn results_of_tests_are_readings_or_no_answer() {
    let names = ["state", "tests", "failed", "complete", "output"];
    let rows = [
        ("tap", "tap", "printf '1..2\nok 1\nok 2\n'", "\"ok\" 2 0 true \"2 passed, 0 failed\""),
        (
            "one fails",
            "tap",
            "printf '1..2\nok 1\nnot ok 2 - pays\n'; exit 1",
            "\"critical\" 2 1 true \"1 passed, 1 failed; first: pays\"",
        ),
        (
            "it breaks off after one failed",
            "tap",
            "printf '1..9\nnot ok 1 - pays\n'; exit 255",
            "\"critical\" 1 1 false \"0 passed, 1 failed; first: pays\"",
        ),
        (
            "junit",
            "junit",
            "echo '<testsuite tests=\"1\"><testcase name=\"a\"/></testsuite>'",
            "\"ok\" 1 0 true \"1 passed, 0 failed\"",
        ),
    ];
    for (row, format, script, expected) in rows {
        let settings = json!({ "tests": format });
        let readings = look_as(script, settings).await.unwrap_or_else(|e| panic!("{row}: {e}"));
        assert_eq!(names.map(|name| shown(&readings, name)).join(" "), expected, "{row}");
    }
    let rows = [
        ("broken off", "printf '1..9\nok 1\n'", Cause::Partial),
        ("nothing ran", "printf '1..1\nok 1 # SKIP\n'", Cause::NoData),
        ("no results", "echo all is well", Cause::BadResponse),
        ("all pass and it fails", "printf '1..1\nok 1\n'; exit 1", Cause::Partial),
        ("a signal", "kill -9 $$", Cause::ProbeError),
    ];
    for (row, script, cause) in rows {
        let settings = json!({ "tests": "tap" });
        assert_eq!(look_as(script, settings).await.expect_err(row).cause, cause, "{row}");
    }
}

#[tokio::test]
async fn a_report_in_a_file_is_of_this_run_or_none() {
    let file = std::env::temp_dir().join(format!("launchgate-exec-{}.xml", std::process::id()));
    let settings = || json!({ "tests": "junit", "report": file });
    let write = format!("echo '<testsuite><testcase/></testsuite>' > {}", file.display());
    let readings = look_as(&write, settings()).await.expect("it is written");
    assert_eq!(shown(&readings, "passed"), "1");
    let old = format!("touch -d '1 hour ago' {}", file.display());
    assert_eq!(look_as(&old, settings()).await.expect_err("it is old").cause, Cause::Stale);
    std::fs::remove_file(&file).expect("it is there");
    assert_eq!(look_as("true", settings()).await.expect_err("none").cause, Cause::NoData);
}

#[test]
fn output_is_read_one_way() {
    let json = json!({
        "command": ["x"], "tests": "tap", "metrics": [{ "name": "a" }],
        "json": { "state": { "pointer": "x", "as": "text" } },
    });
    let problems = Exec::new(crate::strict::read(json).expect("a shape")).expect_err("two ways");
    assert_eq!(
        problems[0].to_string(),
        "json: what it prints is read one way: `metrics` is given too"
    );
    let json = json!({ "command": ["x"], "report": "r.xml",
        "json": { "state": { "pointer": "x", "as": "text" } } });
    let problems = Exec::new(crate::strict::read(json).expect("a shape")).expect_err("three");
    let said: Vec<String> = problems.iter().map(ToString::to_string).collect();
    assert_eq!(said.len(), 3, "{said:?}");
}
