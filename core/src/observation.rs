//! An observation: one act of looking, with its time and its outcome.
//!
//! Being unable to look is a [`Failure`], which is data like any reading: it is stored, shown and judged *unknown*.

use schemars::JsonSchema;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::reading::{Readings, cut};
use crate::time::Moment;

/// Why a probe could not look, or what it saw is no answer. Each is a reason for *unknown*, never for *fail*.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// No answer within the deadline.
    Timeout,
    /// No route, no such host, connection reset before an answer.
    Unreachable,
    /// The connection was refused.
    Refused,
    /// Credentials were missing or not accepted.
    Auth,
    /// An answer that cannot be read as what it should be.
    BadResponse,
    /// The source says that its answer is incomplete.
    Partial,
    /// The source has nothing to say: no series, no rows, no backups to look at.
    NoData,
    /// The source answered with NaN or infinity.
    Nan,
    /// More series than the question expects.
    TooManySeries,
    /// Too few events to judge a share by.
    LowTraffic,
    /// What the source has is older than it may be.
    Stale,
    /// This machine's own fault: no descriptors, no address, its own resolver down.
    LocalFault,
    /// The probe itself broke.
    ProbeError,
}

impl Cause {
    /// The cause's name in reports and JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Timeout => "timeout",
            Self::Unreachable => "unreachable",
            Self::Refused => "refused",
            Self::Auth => "auth",
            Self::BadResponse => "bad_response",
            Self::Partial => "partial",
            Self::NoData => "no_data",
            Self::Nan => "nan",
            Self::TooManySeries => "too_many_series",
            Self::LowTraffic => "low_traffic",
            Self::Stale => "stale",
            Self::LocalFault => "local_fault",
            Self::ProbeError => "probe_error",
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Why there is nothing to judge: a cause, and a sentence that names the thing and what was asked of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Failure {
    /// The class, for machines.
    pub cause: Cause,
    /// The sentence, for people.
    pub message: String,
}

impl Failure {
    /// A failure with its sentence, which is cut if long.
    pub fn new(cause: Cause, message: impl Into<String>) -> Self {
        Self { cause, message: cut(message.into()) }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.cause, self.message)
    }
}

/// One act of looking.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Observation {
    /// When it ended, by the daemon's clocks.
    pub at: Moment,
    /// How long it took.
    pub took: Duration,
    /// What was seen, or why nothing could be.
    pub outcome: Result<Readings, Failure>,
}

impl Observation {
    /// When the values were true: the source's own time where it keeps one, else when the look ended.
    pub fn sampled_at(&self) -> jiff::Timestamp {
        self.outcome.as_ref().ok().and_then(|r| r.sampled_at).unwrap_or(self.at.wall)
    }
}
