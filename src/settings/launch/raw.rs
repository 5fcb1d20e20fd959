//! The shape of a launch file, as serde reads it and as the schema shows it. Doc comments are its reference.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A launch file.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Head {
    /// The launch's name: lower case, digits and dashes.
    pub(super) launch: String,
    /// The title for people.
    pub(super) title: String,
    /// What kind of launch it is, in your words: `release`, `database migration`, `new site`.
    #[serde(default, rename = "type")]
    pub(super) kind: Option<String>,
    /// The version that is launched. Quote it: `2.0` is a number.
    pub(super) version: String,
    /// The version to go back to.
    #[serde(default)]
    pub(super) previous_version: Option<String>,
    /// The planned go-live with its zone: `2026-12-01T09:00:00[Europe/London]`.
    pub(super) go_live: String,
    /// How long the launch window is.
    #[serde(default)]
    pub(super) window: Option<String>,
    /// What a rollback of this launch rolls back, such as `production-eu`. Launches that name
    /// the same target are never rolled back at the same time, and share cooldown and breaker. Without it, the launch is
    /// its own target.
    #[serde(default)]
    pub(super) target: Option<String>,
    /// Who holds which role; the first of a list is primary.
    #[serde(default)]
    pub(super) people: BTreeMap<String, Vec<String>>,
    /// Links for people.
    #[serde(default)]
    pub(super) links: BTreeMap<String, String>,
    /// What `${name}` stands for: texts, numbers, flags, lists, mappings.
    #[serde(default)]
    pub(super) vars: Map<String, Value>,
    /// Places to look from, for a check's `from`.
    #[serde(default)]
    pub(super) vantages: Map<String, Value>,
    /// Probes that tell this host's own fault from a target's: while every one of them is silent, what looks bad over the
    /// network is unknown.
    #[serde(default)]
    pub(super) canaries: Vec<Canary>,
    /// Named connections, for `with.source`.
    #[serde(default)]
    pub(super) sources: Map<String, Value>,
    /// The checklists, in order.
    pub(super) checklists: Map<String, Value>,
    /// The rollback triggers.
    #[serde(default)]
    pub(super) triggers: Map<String, Value>,
    /// The procedures.
    #[serde(default)]
    pub(super) procedures: Map<String, Value>,
    /// How often the launch is reported on after it went live, in stages: `{until: H+4h, every: 30m}`, ...
    #[serde(default)]
    pub(super) watch: Vec<Stage>,
    /// Who may accept, for a time, that a check does not pass.
    #[serde(default)]
    pub(super) waivers: Option<Waivers>,
    /// Where messages go.
    #[serde(default)]
    pub(super) channels: Map<String, Value>,
    /// What is told to whom at which milestone or instant of the launch, each once.
    #[serde(default)]
    pub(super) announcements: Vec<Value>,
    /// How people and teams are reached.
    #[serde(default)]
    pub(super) contacts: Map<String, Value>,
    /// The channels by which the daemon itself calls for people: a trigger that asks, goes blind or is kept from firing, a
    /// run that begins or waits for a decision.
    #[serde(default)]
    pub(super) page: Vec<String>,
}

/// A stage of the watch after the launch.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Stage {
    /// When it ends: `H+4h`, `T+7d`.
    pub(super) until: String,
    /// How often a report is compiled, kept and told; none but at the end of the watch without it.
    #[serde(default)]
    pub(super) every: Option<String>,
    /// The channels that are told.
    #[serde(default)]
    pub(super) to: Vec<String>,
}

/// Who may waive a check, and for how long.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Waivers {
    /// The role that may waive; `incident_commander` by default.
    #[serde(default)]
    pub(super) by: Option<String>,
    /// The longest waiver; `7d` by default.
    #[serde(default)]
    pub(super) at_most: Option<String>,
}

/// A probe that answers while this host's network works.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Canary {
    /// The kind of probe.
    pub(super) probe: String,
    /// Its settings.
    #[serde(default)]
    pub(super) with: Map<String, Value>,
}

/// A checklist.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Checklist {
    /// The title for people.
    pub(super) title: String,
    /// When it must be GO: `T-5d`, `T-0`, `H+1h30m`, `T+7d`.
    pub(super) due: String,
    /// The role that answers for it.
    #[serde(default)]
    pub(super) owner: Option<String>,
    /// Which question it gates: `launch`, `live` or `watch`; without it, what its due time says.
    #[serde(default)]
    pub(super) gates: Option<Gates>,
    /// Whom to turn to beside the owner when a check fails, in this order: roles and contacts.
    #[serde(default)]
    pub(super) escalate: Vec<String>,
    /// The checks, in order.
    pub(super) checks: Map<String, Value>,
}

/// Which question a checklist gates.
#[derive(Debug, Clone, Copy, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Gates {
    /// May we launch?
    Launch,
    /// May we declare success?
    Live,
    /// Is it still healthy?
    Watch,
}

/// Whether a gate hangs on a check.
#[derive(Debug, Clone, Copy, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Level {
    /// The gate is not GO without it.
    #[default]
    Required,
    /// It shows, and never blocks.
    Advisory,
}

/// A check.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Check {
    /// The question for people.
    pub(super) title: String,
    /// The kind of probe, or `sign_off`.
    pub(super) probe: String,
    /// The probe's settings.
    #[serde(default)]
    pub(super) with: Map<String, Value>,
    /// Whom to turn to beside the owner when it fails, in place of the checklist's.
    #[serde(default)]
    pub(super) escalate: Vec<String>,
    /// The vantage that it is looked at from, by its name under `vantages:`; without it, this host as it is.
    #[serde(default)]
    pub(super) from: Option<String>,
    /// What must hold, else the check fails.
    #[serde(default)]
    pub(super) expect: Vec<String>,
    /// What should hold, else the check warns.
    #[serde(default)]
    pub(super) warn: Vec<String>,
    /// Whether the gate hangs on it.
    #[serde(default)]
    pub(super) level: Level,
    /// How often to look; `1m` by default.
    #[serde(default)]
    pub(super) every: Option<String>,
    /// How long one look may take; `10s` by default.
    #[serde(default)]
    pub(super) timeout: Option<String>,
    /// How long what was seen counts; three times `every` by default.
    #[serde(default)]
    pub(super) fresh_for: Option<String>,
    /// How many failing looks in a row make a fail.
    #[serde(default)]
    pub(super) fail_after: Option<u32>,
    /// How many good looks in a row end a fail.
    #[serde(default)]
    pub(super) pass_after: Option<u32>,
}

/// `with:` of a `sign_off`.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SignOff {
    /// The role that signs.
    pub(super) by: String,
    /// How many different people of the role must sign.
    #[serde(default)]
    pub(super) quorum: Option<u32>,
    /// Whether a signature needs a link or a text that backs it.
    #[serde(default)]
    pub(super) evidence: Evidence,
    /// How long a signature counts; without it, for good.
    #[serde(default)]
    pub(super) valid_for: Option<String>,
    /// What a signature is bound to; when it changes, the signature is void.
    #[serde(default)]
    pub(super) covers: Covers,
    /// The values that a signature records, such as `measured_peak`: it does not count without them.
    #[serde(default)]
    pub(super) record: Vec<String>,
    /// Sign-offs whose signers do not count here, `checklist/check`: who did the work does not accept it.
    #[serde(default)]
    pub(super) apart_from: Vec<String>,
}

/// What a signature is bound to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Covers {
    /// The checklist that the sign-off stands in.
    #[default]
    Checklist,
    /// The whole launch file: the plan is approved.
    LaunchFile,
}

/// `with:` of a `rehearsal`.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Rehearsal {
    /// The procedure that must have been rehearsed.
    pub(super) procedure: String,
    /// How long a rehearsal counts; `7d` by default.
    #[serde(default)]
    pub(super) valid_for: Option<String>,
}

/// Whether a signature needs evidence.
#[derive(Debug, Clone, Copy, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Evidence {
    /// It may have some.
    #[default]
    Optional,
    /// It must.
    Required,
}

/// A rollback trigger.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Trigger {
    /// What is watched.
    pub(super) watch: Watch,
    /// For how long the breach must last without a break.
    #[serde(rename = "for", default)]
    pub(super) lasts: Option<String>,
    /// How many of the last looks must be breaches, in place of `for`.
    #[serde(default)]
    pub(super) window: Option<Window>,
    /// For how long good samples must last before they end a breach; the first one does by default.
    #[serde(default)]
    pub(super) clear_after: Option<String>,
    /// How long after arming breaches begin to count; `1m` by default.
    #[serde(default)]
    pub(super) arm_delay: Option<String>,
    /// What becomes of a condition that was in breach before the deployment.
    #[serde(default)]
    pub(super) preexisting: Preexisting,
    /// Whether arming it again by hand takes two people.
    #[serde(default)]
    pub(super) protected: bool,
    /// For how long after a rollback no other starts by itself; `30m` by default.
    #[serde(default)]
    pub(super) cooldown: Option<String>,
    /// Whom it asks in mode `suggest`.
    #[serde(default)]
    pub(super) ask: Option<Ask>,
    /// What an unknown sample does to the time credited so far.
    #[serde(default)]
    pub(super) on_unknown: OnUnknown,
    /// What firing does; `suggest` by default.
    #[serde(default)]
    pub(super) mode: Mode,
    /// The procedure that it calls for.
    pub(super) run: String,
    /// Between which milestones it watches.
    #[serde(default)]
    pub(super) armed: Option<Armed>,
    /// The longest time between two breach samples that still counts as breach; twice the check's `every` and once its
    /// `timeout` by default.
    #[serde(default)]
    pub(super) max_gap: Option<String>,
}

/// What a trigger watches: one check, or several by `any`, `all` or `at_least`, or a `burn_rate`.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Watch {
    /// The check, `checklist/check` or its name alone where there is one of that name.
    #[serde(default)]
    pub(super) check: Option<String>,
    /// What counts as breach, in the check's readings.
    #[serde(default)]
    pub(super) breach: Option<String>,
    /// Several conditions of which one is enough.
    #[serde(default)]
    pub(super) any: Vec<Value>,
    /// Several conditions that must all be in breach.
    #[serde(default)]
    pub(super) all: Vec<Value>,
    /// Several conditions of which so many must be in breach.
    #[serde(default)]
    pub(super) at_least: Option<AtLeast>,
    /// The error budget is being spent too fast, seen over a long and a short time at once.
    #[serde(default)]
    pub(super) burn_rate: Option<BurnRate>,
}

/// One of several conditions.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Condition {
    /// The check.
    pub(super) check: String,
    /// What counts as breach, in the check's readings.
    pub(super) breach: String,
}

/// So many of several conditions.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AtLeast {
    /// How many.
    pub(super) count: usize,
    /// Of which.
    pub(super) of: Vec<Value>,
}

/// How fast the error budget is spent: the share of errors, over what the objective allows.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct BurnRate {
    /// A check of the share of errors over a long time; for a launch, ten minutes.
    pub(super) long: String,
    /// The same over a short time, so that it ends when the errors do; for a launch, a minute.
    pub(super) short: String,
    /// The share of good events that was promised, in percent: `99.9`.
    pub(super) objective: f64,
    /// How many times as fast as the objective allows; `14.4` by default.
    #[serde(default)]
    pub(super) factor: Option<f64>,
}

/// Breaches among the last looks.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Window {
    /// How many must be breaches.
    pub(super) breaches: u32,
    /// Of how many looks.
    pub(super) of: u32,
}

/// What becomes of a condition that was in breach before the deployment.
#[derive(Debug, Clone, Copy, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Preexisting {
    /// It does not fire until it has been good for a while.
    #[default]
    Wait,
    /// It fires all the same.
    Fire,
}

/// Whom a suggestion asks.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Ask {
    /// The role that decides; by default `rollback_authority`, or `incident_commander` where nobody holds that.
    #[serde(default)]
    pub(super) role: Option<String>,
    /// How long it has; `10m` by default. When it has passed nothing is done.
    #[serde(default)]
    pub(super) within: Option<String>,
    /// How often it is reminded; `2m` by default.
    #[serde(default)]
    pub(super) remind: Option<String>,
}

/// What unknown does.
#[derive(Debug, Clone, Copy, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum OnUnknown {
    /// Credit is kept and frozen.
    #[default]
    Hold,
    /// Credit is dropped.
    Reset,
}

/// What firing does.
#[derive(Debug, Clone, Copy, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Mode {
    /// Record what would have happened.
    Observe,
    /// Ask a person.
    #[default]
    Suggest,
    /// Run the procedure.
    Act,
}

/// Between which milestones a trigger watches.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Armed {
    /// The milestone that arms it; `deploy_started` by default.
    #[serde(default)]
    pub(super) from: Option<String>,
    /// When it ends: `7d after live`.
    #[serde(default)]
    pub(super) until: Option<String>,
}

/// A procedure.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Procedure {
    /// What it is for; `rollback` by default.
    #[serde(default)]
    pub(super) purpose: Purpose,
    /// The steps, in order.
    pub(super) steps: Vec<Value>,
}

/// What a procedure is for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Purpose {
    /// To go back; triggers call for it.
    #[default]
    Rollback,
    /// To launch, hour by hour; a person begins it with `launchgate run start`.
    Launch,
}

/// A step.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Step {
    /// The step's name.
    #[serde(rename = "step")]
    pub(super) id: String,
    /// What it does.
    #[serde(rename = "do")]
    pub(super) action: Action,
    /// The action's settings.
    #[serde(default)]
    pub(super) with: Map<String, Value>,
    /// How long it may take; `5m` by default, `1h` for a `manual` step.
    #[serde(default)]
    pub(super) timeout: Option<String>,
    /// What it does to the world; `once` by default for `exec` and `http`.
    #[serde(default)]
    pub(super) effect: Option<Effect>,
    /// Whether the run stops and asks when it fails; true by default, false for `notify`.
    #[serde(default)]
    pub(super) critical: Option<bool>,
    /// The milestone without which it is skipped.
    #[serde(default)]
    pub(super) when: Option<String>,
    /// The role that does it or watches it.
    #[serde(default)]
    pub(super) owner: Option<String>,
    /// When it is planned to begin: `H+0:15`. It begins when the step before it has ended, and shows as late.
    #[serde(default)]
    pub(super) at: Option<String>,
    /// Before when it does not begin, even if the step before it has ended.
    #[serde(default)]
    pub(super) not_before: Option<String>,
    /// The rollback that begins by itself when it fails; without it, a person is asked.
    #[serde(default)]
    pub(super) on_failure: Option<String>,
    /// What becomes of an `exec` or `http` step when it is not known whether it acted; without it `verify` if there is
    /// one, else `ask` for a step that acts `once` and `retry` for any other.
    #[serde(default)]
    pub(super) on_in_doubt: Option<OnInDoubt>,
    /// A look whether what an `exec` or `http` step is to bring about is there: exit 0 says that it is, 1 that it is not.
    #[serde(default)]
    #[schemars(with = "Option<crate::actions::settings::VerifySettings>")]
    pub(super) verify: Option<Map<String, Value>>,
}

/// What becomes of a step in doubt.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum OnInDoubt {
    /// A person decides.
    Ask,
    /// Look with `verify`. Done is done; what is not done is begun again unless it acts `once`; else a person decides.
    Verify,
    /// Begin it again, three times at most.
    Retry,
}

/// The kind of action.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Action {
    /// Run a command.
    Exec,
    /// Send a request.
    Http,
    /// Send a message.
    Notify,
    /// Wait until checks pass.
    Wait,
    /// Ask a person.
    Manual,
    /// Wait until checklists are GO.
    Gate,
    /// Record a milestone.
    Milestone,
}

/// What a step does to the world.
#[derive(Debug, Clone, Copy, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Effect {
    /// It changes nothing and may be repeated.
    Read,
    /// Doing it twice is the same as doing it once.
    Idempotent,
    /// It must not be done twice.
    Once,
}
