//! Integration tests.
#![expect(clippy::print_stderr, reason = "a skipped test says so, loudly")]

mod rig;
mod rigs_smoke;
