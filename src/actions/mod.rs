//! What the steps of a procedure do.

pub mod settings;
