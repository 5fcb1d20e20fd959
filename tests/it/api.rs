//! The API as its own document says it is, tried by schemathesis on a real daemon.

use std::path::PathBuf;

use crate::rig::process::program;
use crate::rig::room::Room;

/// A tool that `tests/rigs/install.sh` puts into a folder of the build.
fn tool(name: &str) -> Option<PathBuf> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target/rigs/venv/bin").join(name);
    if path.is_file() {
        return Some(path);
    }
    assert!(
        std::env::var("CI").as_deref() != Ok("true"),
        "{name} is missing: run tests/rigs/install.sh"
    );
    eprintln!("SKIPPED: {name} is not installed (tests/rigs/install.sh installs it)");
    None
}

/// Every check of an answer that does not hang on whose token it is.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,\
    response_headers_conformance,unsupported_method";

#[test]
fn no_request_breaks_the_daemon_and_every_answer_is_as_the_document_says() {
    let (Some(validator), Some(schemathesis)) =
        (tool("openapi-spec-validator"), tool("schemathesis"))
    else {
        return;
    };
    let room = Room::start();
    room.signed();
    // A run and a decision, for what is asked of them.
    room.daemon.order(&["decide", "go", "--as", "alice"]);
    room.daemon.order(&["run", "start", "launch-day", "--as", "alice"]);
    let report = room.daemon.report();
    let run = report["day"]["run"].as_str().expect("it was begun").to_owned();

    let url = format!("{}/api/v1/openapi.json", room.daemon.url());
    let document = room.daemon.file("openapi.json");
    crate::rig::process::run(
        program("curl").args(["--silent", "--fail", "--output"]).arg(&document).arg(&url),
    );
    let valid = std::process::Command::new(validator).arg(&document).output().expect("it runs");
    assert!(valid.status.success(), "{}", String::from_utf8_lossy(&valid.stdout));

    let config = include_str!("../rigs/schemathesis.toml").replace("room-launch-day-1", &run);
    room.daemon.write("schemathesis.toml", &config);
    let tried = std::process::Command::new(schemathesis)
        .arg("--config-file")
        .arg(room.daemon.file("schemathesis.toml"))
        .args(["run", &url, "--header", "X-Launchgate-Person: alice", "--checks", CHECKS])
        // The stream has no end.
        .args([
            "--exclude-path-regex",
            "/events$",
            "--max-examples",
            "15",
            "--seed",
            "1",
            "--no-color",
        ])
        .current_dir(room.daemon.file("."))
        .output()
        .expect("it runs");
    let said = String::from_utf8_lossy(&tried.stdout);
    assert!(tried.status.success(), "{said}\n{}", room.daemon.log());
    let summary =
        said.lines().filter(|line| line.contains("generated") || line.contains("Tested:"));
    eprintln!("{}", summary.collect::<Vec<_>>().join("\n"));
    assert!(said.contains("Tested: 27"), "every operation but the stream: {said}");
}
