//! What the steps of a procedure take under `with:`.

use std::collections::BTreeMap;
use std::time::Duration;

use launchgate_core::milestone::Milestone;
use launchgate_core::name::{CheckPath, Name};
use launchgate_core::time::duration_text;
use launchgate_probes::secret::TextOrCredential;
use schemars::JsonSchema;
use serde::Deserialize;

/// `do: exec` runs a command, without a shell, in the launch file's folder.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExecSettings {
    /// The program and its arguments.
    pub command: Vec<String>,
    /// Variables for its environment, beside launchgate's own.
    #[serde(default)]
    pub env: BTreeMap<String, TextOrCredential>,
}

/// `verify:` looks whether what a step is to bring about is there: exit 0 says that it is, 1 that it is not, and anything
/// else that it cannot be told. It must change nothing.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VerifySettings {
    /// The program and its arguments.
    pub command: Vec<String>,
    /// Variables for its environment, beside launchgate's own.
    #[serde(default)]
    pub env: BTreeMap<String, TextOrCredential>,
    /// How long it may take, 10 minutes at most.
    #[serde(default = "half_a_minute", with = "duration_text")]
    #[schemars(with = "String")]
    pub timeout: Duration,
}

fn half_a_minute() -> Duration {
    Duration::from_secs(30)
}

/// `do: http` sends a request.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HttpSettings {
    /// Where to.
    pub url: TextOrCredential,
    /// The method.
    #[serde(default = "post")]
    pub method: String,
    /// More headers.
    #[serde(default)]
    pub headers: BTreeMap<String, TextOrCredential>,
    /// The body.
    #[serde(default)]
    pub body: Option<String>,
    /// The statuses that mean success; without it, 200 to 299.
    #[serde(default)]
    pub expect_status: Vec<u16>,
}

fn post() -> String {
    "POST".to_owned()
}

/// `do: notify` sends a message to channels.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NotifySettings {
    /// The channels.
    #[schemars(with = "Vec<String>")]
    pub to: Vec<Name>,
    /// The message; `${trigger.because}`, `${launch}`, `${version}`, `${previous_version}` and `${run.id}` are filled in.
    pub message: String,
    /// A headline: the subject of a mail, the name of an incident.
    #[serde(default)]
    pub title: Option<String>,
    /// What a status page shows from then on: `investigating`, `identified`, `monitoring`, `resolved`, `in_progress`.
    #[serde(default)]
    pub status: Option<String>,
    /// What a pager does: `trigger`, `acknowledge` or `resolve`.
    #[serde(default)]
    pub pager: Option<String>,
    /// What it belongs to, on pagers and status pages: messages of one matter move the same alert and incident.
    #[serde(default)]
    pub matter: Option<String>,
}

/// `do: wait` waits until checks pass.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WaitSettings {
    /// The checks that must all pass.
    #[schemars(with = "Vec<String>")]
    pub checks: Vec<CheckPath>,
    /// For how long they must pass without interruption.
    #[serde(rename = "for", with = "duration_text")]
    #[schemars(with = "String")]
    pub lasts: Duration,
}

/// `do: manual` asks a person to do something and to say that it is done.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ManualSettings {
    /// What is to be done.
    pub instructions: String,
}

/// `do: gate` waits until the gate is open.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GateSettings {
    /// The checklists that must be GO; without them, the verdict on the question of the phase.
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    pub checklists: Vec<Name>,
    /// Whether the incident commander must have decided GO, on facts that still hold.
    #[serde(default)]
    pub decision: bool,
}

/// `do: milestone` records a milestone.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MilestoneSettings {
    /// Which: `deploy_started`, `migration_done`, `smoke_passed`, `live`, `closed`.
    #[schemars(with = "String")]
    pub milestone: Milestone,
}
