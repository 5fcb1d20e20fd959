//! Integration tests.
#![expect(clippy::print_stderr, reason = "a skipped test says so, loudly")]

mod launch_file;
mod rig;
mod rigs_smoke;
