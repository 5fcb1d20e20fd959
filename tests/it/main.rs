//! Integration tests.

mod rig;
mod rigs_smoke;
