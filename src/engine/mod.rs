//! The engine: the one owner of a launch's state, and how everybody else talks to it.

mod handle;

pub use handle::{Handle, Message, Refused};
