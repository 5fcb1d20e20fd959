//! What stands in `deploy/`: that it parses, names only what is there, compiles, and takes away from the daemon what it
//! does not need. [`running`] starts it; nothing here does.

mod compose;
mod debian;
mod kubernetes;
mod running;

use std::path::{Path, PathBuf};
use std::process::Command;

use launchgate::settings::document;
use serde_json::Value;

fn deploy() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy")
}

fn read(name: &str) -> String {
    let path = deploy().join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn yaml(name: &str) -> Value {
    match document::value(&read(name)) {
        Ok(value) => value,
        Err(flaw) => panic!("{name}: {flaw:?}"),
    }
}

/// The texts of a list.
fn texts(value: &Value) -> Vec<&str> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

/// What `launchgate validate` says of a launch file; it must be in order.
fn validated(path: &Path) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_launchgate"))
        .arg("validate")
        .arg(path)
        .output()
        .expect("the binary is built for this test");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}
