//! A contact: how somebody is reached, and whom to turn to next when a check fails.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::name::Name;

/// Somebody, or a team, with the ways to reach them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contact {
    /// The name for people; none when the contact's own name says it.
    pub name: Option<String>,
    /// The ways, the quickest first.
    pub ways: Vec<Way>,
}

/// A way to reach somebody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Way {
    /// Which: `phone`, `chat`, `email`, `link` or `note`.
    pub by: String,
    /// The number, name or address.
    pub at: String,
}

/// Somebody to turn to about a blocker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Reach {
    /// Who, as the launch file calls them.
    pub who: Name,
    /// The role in which they are asked, if it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Name>,
    /// The name for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The ways to reach them, the quickest first.
    pub ways: Vec<Way>,
}
