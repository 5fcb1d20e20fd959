//! The demo, as whoever tries launchgate first runs it.

use std::process::Command;

#[test]
fn the_demo_reaches_every_stage() {
    let output = Command::new(env!("CARGO_BIN_EXE_launchgate")).args(["demo", "--fast"]).output();
    let output = output.expect("the binary is built for this test");
    let told = String::from_utf8_lossy(&output.stdout);
    let complained = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}\n{complained}");
    for stage in ["HOLD:", "NO-GO:", "GO:", "pending:", "fired:", "rolled back and verified:"] {
        assert!(told.contains(&format!("] {stage}")), "{stage} is missing\n{told}");
    }
}
