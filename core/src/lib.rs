//! The language of launches and every decision about them.
//!
//! Floor 0: no clock, no IO, no async, no logging, no randomness. Facts arrive as events with their time, decisions
//! leave as values and effects. Start at [`state`] for the kernel, at [`plan`] for what a launch file compiles to, at
//! [`report`] for what every reader sees.

pub mod announcement;
pub mod attestation;
pub mod audit;
pub mod cadence;
pub mod check;
pub mod contact;
pub mod decision;
pub mod expectation;
pub mod gate;
pub mod instant;
pub mod matter;
pub mod message;
pub mod milestone;
pub mod name;
pub mod observation;
pub mod plan;
pub mod problem;
pub mod procedure;
pub mod reading;
pub mod rehearsal;
pub mod replay;
pub mod report;
pub mod run;
pub mod scenario;
pub mod schedule;
mod schema;
pub mod state;
pub mod target;
pub mod time;
pub mod trigger;
pub mod waiver;
