//! What people write: launch files, and the daemon's settings. Everything that is wrong is told at once, with its place.

pub mod daemon;
pub mod diagnostic;
pub mod document;
pub(crate) mod file;
pub mod launch;
mod secrets;
