//! What a shim is told to run: by its standard input, so that no secret stands on a disk or on a command line.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A script to run, with everything that it may know. It is neither shown nor kept: its environment holds secrets.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Order {
    /// The program; one with a slash counts from `folder`, any other is looked up along PATH.
    pub(crate) program: String,
    /// Its arguments.
    pub(crate) arguments: Vec<String>,
    /// Where it works.
    pub(crate) folder: PathBuf,
    /// Its whole environment.
    pub(crate) environment: Vec<(String, String)>,
    /// What must not stand in the outputs that are kept.
    pub(crate) hide: Vec<String>,
    /// How long it may run before it is asked to stop.
    pub(crate) deadline: Duration,
    /// How long it may take to stop before it is killed.
    pub(crate) grace: Duration,
}
