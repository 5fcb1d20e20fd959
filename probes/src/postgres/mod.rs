//! PostgreSQL servers: how settings name one, and how one is connected to for a look.
//!
//! What is asked of a server is the business of the kinds that ask.

mod server;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio_postgres::Config;
use tokio_postgres::config::Host;

use crate::secret::TextOrCredential;
pub(crate) use server::{Access, connect, failure};

/// A PostgreSQL server.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// The kind of source.
    pub kind: SourceKind,
    /// The address, `postgres://user@host:port/database`. One with a password is given by reference.
    pub url: TextOrCredential,
}

/// The kind of source.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SourceKind {
    /// A PostgreSQL server.
    Postgres,
}

/// The host and port of an address, where it is known before the look and is no socket.
pub(crate) fn host(url: &TextOrCredential) -> Option<String> {
    // Where a reference leads is known when it is looked at.
    let TextOrCredential::Text(text) = url else { return None };
    let config: Config = text.parse().ok()?;
    let port = config.get_ports().first().copied().unwrap_or(5432);
    match config.get_hosts().first()? {
        Host::Tcp(name) => Some(format!("{name}:{port}")),
        Host::Unix(_) => None,
    }
}
