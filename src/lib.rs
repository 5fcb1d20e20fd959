//! The daemon and the command line around [`launchgate_core`] and [`launchgate_probes`].
//!
//! Floor 2: everything that has a clock, a disk, a network or a terminal.

pub mod actions;
pub mod cli;
pub mod clock;
mod crash;
pub mod daemon;
pub mod demo;
pub mod engine;
pub mod executor;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
pub mod http;
pub mod launch;
#[cfg(test)]
mod listener;
pub mod postman;
mod program;
pub mod rehearse;
pub mod render;
pub mod replay;
pub mod runner;
pub mod settings;
pub mod store;
pub mod telemetry;
mod told;
pub mod web;
