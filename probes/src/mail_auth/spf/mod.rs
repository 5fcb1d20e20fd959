//! SPF (RFC 7208): what a receiver would say of an address that sends for a domain.
//!
//! The rules are evaluated as a receiver does, not linted. Explanations (`exp=`) are read for their grammar alone.

mod check;
#[cfg(feature = "fuzzing")]
pub(super) mod fuzzing;
mod look;
mod macros;
mod record;
#[cfg(test)]
mod tests;

pub(super) use look::look;
