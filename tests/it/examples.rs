//! The launch files under `config/examples`: the small one fits on a screen, the large one carries every row of the
//! runbook, and judges real servers as it should.

mod live;
mod rows;
mod shop;

use std::path::{Path, PathBuf};

/// An example's path.
fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("config/examples").join(name)
}

/// An example's text.
fn text(name: &str) -> String {
    let path = example(name);
    std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

#[test]
fn the_quick_start_fits_on_a_screen() {
    let text = text("quickstart.yaml");
    assert!(text.lines().count() <= 24, "{} lines", text.lines().count());
    let wide: Vec<&str> = text.lines().filter(|line| line.chars().count() > 80).collect();
    assert!(wide.is_empty(), "wider than 80 columns: {wide:#?}");
}
