//! launchgate.
fn main() {}
