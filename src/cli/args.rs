//! What the command line takes. The texts here are the help that people read.

mod daemon;

use std::path::PathBuf;

use clap::{ArgGroup, Args, Parser, Subcommand, ValueEnum};
use launchgate_core::audit::Head;
use launchgate_core::instant::At;
use launchgate_core::milestone::Milestone;
use launchgate_core::name::{CheckPath, Name};

pub use self::daemon::Daemon;
use super::init::Init;
use super::online::Report;
use super::people::{GoNoGo, Sign, Waive};
use super::watch::Watch;
use crate::render::Format;
use crate::replay::{Incident, Sweep, When};

/// May we launch, and must we roll back?
#[derive(Debug, Parser)]
#[command(name = "launchgate", version, about, propagate_version = true, max_term_width = 100)]
#[command(
    after_help = "Exit codes: 0 GO or success, 1 NO-GO, 2 HOLD, 3 usage or configuration problem, \
                        4 daemon unreachable, 5 internal error."
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// When to use colour.
    #[arg(long, global = true, value_enum, default_value_t = Colour::Auto)]
    pub color: Colour,
}

/// When to use colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Colour {
    /// On a terminal, unless `NO_COLOR` is set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Write a launch file to start from: asks for what matters, or takes it as options.
    Init(Box<Init>),
    /// Run the daemon: look, judge, serve the page and the API, fire triggers.
    Serve(Serve),
    /// Look once for every check of a launch file, and print the report. Needs no daemon.
    Check(Check),
    /// Read launch files and report every problem in them.
    Validate {
        /// The launch files.
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
    /// Look once with one probe, and print its readings.
    Probe(Probe),
    /// Print the daemon's report: may we launch?
    Report(Report),
    /// Watch launches on the terminal, as they go, one or all; or a line for each change, where there is no terminal.
    ///
    /// Tab and 1 to 5 choose a pane, the arrows an item, Enter looks closely, Esc goes back, ? explains, q quits.
    Watch(Watch),
    /// Sign a check off, or reject it.
    Sign(Sign),
    /// Accept, for a time, that a check does not pass; or take that back.
    Waive(Waive),
    /// Decide GO or NO-GO, on the report of this moment.
    Decide(GoNoGo),
    /// Record that a milestone was reached.
    Milestone {
        /// Which: `deploy_started`, `migration_done`, `smoke_passed`, `live`, `closed`; by hand also `rollback_started`, `rolled_back`.
        milestone: Milestone,
        /// The daemon.
        #[command(flatten)]
        daemon: Daemon,
    },
    /// See the triggers, or fire one by hand.
    Trigger {
        /// What to do.
        #[command(subcommand)]
        command: TriggerCommand,
    },
    /// See the runs, decide about a step that waits for a person, or rehearse a procedure.
    #[command(args_conflicts_with_subcommands = true, arg_required_else_help = true)]
    Run {
        /// Walk this procedure through without doing anything: are the scripts there, does everybody answer?
        #[arg(long, value_name = "PROCEDURE")]
        rehearse: Option<Name>,
        /// The daemon.
        #[command(flatten)]
        daemon: Daemon,
        /// What to do.
        #[command(subcommand)]
        command: Option<RunCommand>,
    },
    /// Export the audit log, or verify one.
    Audit {
        /// What to do.
        #[command(subcommand)]
        command: AuditCommand,
    },
    /// Say when a trigger would have fired, over samples that are written down, recorded or in Prometheus.
    #[command(
        after_help = "Exit codes: 0 replayed, whether it fired or not; 3 a mistake in the launch file, the \
                            samples or the command; 4 the daemon or Prometheus cannot be reached; 5 internal error."
    )]
    Replay(Box<Replay>),
    /// Record what is about to be changed, for the way back.
    Snapshot {
        /// What.
        #[command(subcommand)]
        command: SnapshotCommand,
    },
    /// Print the schema of launch files, for editors, or their reference, for people.
    Schema {
        /// How to print it.
        #[arg(long, value_enum, default_value_t = SchemaFormat::Json)]
        format: SchemaFormat,
    },
    /// Keep what a Prometheus says of one place, mostly staging, to hold production against it.
    Baseline {
        /// What to do.
        #[command(subcommand)]
        command: BaselineCommand,
    },
    /// Show a whole launch on this machine: gates, a breach, a rollback. Installs nothing, needs nothing.
    Demo {
        /// Do not wait for the reader; end within a minute.
        #[arg(long)]
        fast: bool,
        /// Where to serve the page.
        #[arg(long, default_value = "127.0.0.1:0")]
        listen: std::net::SocketAddr,
    },
    /// Run the script of one attempt at a step, apart from the daemon. The daemon calls it; people do not.
    #[command(hide = true)]
    Shim {
        /// The attempt's folder.
        folder: PathBuf,
    },
    /// Try once to deliver one message, apart from the daemon. The daemon calls it; people do not.
    #[command(hide = true)]
    Courier {
        /// The message's file.
        file: PathBuf,
    },
    /// Print the completions for a shell.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Print the manual page: every command with its options.
    Man,
}

/// A form of the schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SchemaFormat {
    /// JSON Schema.
    Json,
    /// A page with tables.
    Markdown,
}

/// `serve`.
#[derive(Debug, Args)]
pub struct Serve {
    /// The daemon's settings.
    #[arg(long, short, env = "LAUNCHGATE_CONFIG")]
    pub config: Option<PathBuf>,
    /// Launch files, or folders of them, in place of the settings' folder.
    pub launches: Vec<PathBuf>,
    /// The address to listen on.
    #[arg(long)]
    pub listen: Option<std::net::SocketAddr>,
    /// The store's file.
    #[arg(long)]
    pub store: Option<PathBuf>,
    /// Take orders without tokens, from anybody on this machine. For trying things out.
    #[arg(long)]
    pub dev: bool,
    /// Let the clock be ahead by what this file says, such as `6d12h`, to play a launch of weeks through in minutes.
    #[arg(long, value_name = "FILE", requires = "dev", hide = true)]
    pub clock_ahead: Option<PathBuf>,
}

/// `check`.
#[derive(Debug, Args)]
pub struct Check {
    /// The launch file.
    pub file: PathBuf,
    /// How to print the report.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
    /// Take the exit code from the checklists that are due by now alone.
    #[arg(long)]
    pub due: bool,
    /// Judge as if it were another instant to come: `T-0`, `H+1h`, `2026-12-01T09:00:00Z`, or how long from now.
    #[arg(long, value_name = "WHEN")]
    pub at: Option<At>,
    /// Take a signature as given, for this report alone: `people/terms=erin`, or `people/terms=erin,EVIDENCE`.
    #[arg(long = "sign", value_name = "CHECK=PERSON", value_parser = parse_signature)]
    pub signatures: Vec<Signature>,
}

/// A signature that is given with the command.
#[derive(Debug, Clone)]
pub struct Signature {
    /// The check.
    pub check: CheckPath,
    /// Who signed.
    pub person: Name,
    /// What backs it.
    pub evidence: Option<String>,
}

fn parse_signature(text: &str) -> Result<Signature, String> {
    let (check, rest) = text.split_once('=').ok_or("write it like `people/terms=erin`")?;
    let (person, evidence) = match rest.split_once(',') {
        Some((person, evidence)) => (person, Some(evidence.to_owned())),
        None => (rest, None),
    };
    Ok(Signature {
        check: check.parse().map_err(|_| format!("`{check}` is no check"))?,
        person: Name::try_new(person).map_err(|e| e.to_string())?,
        evidence,
    })
}

/// `probe`.
#[derive(Debug, Args)]
pub struct Probe {
    /// The kind of probe.
    pub kind: String,
    /// A setting, such as `name=shop.example`; the value is YAML.
    #[arg(long = "with", value_name = "KEY=VALUE")]
    pub with: Vec<String>,
    /// How long the look may take.
    #[arg(long, default_value = "10s", value_parser = parse_duration)]
    pub timeout: std::time::Duration,
    /// How to print it.
    #[arg(long, value_enum, default_value_t = ProbeFormat::Text)]
    pub format: ProbeFormat,
    /// Also tell what was asked of whom, what came back, and what was not tested.
    #[arg(long)]
    pub explain: bool,
    /// The planned go-live, for readings that count from it: `2026-12-01T09:00:00[Europe/London]`.
    #[arg(long, value_name = "TIME")]
    pub go_live: Option<jiff::Zoned>,
    /// Connect from this address of this host.
    #[arg(long, value_name = "IP")]
    pub local_address: Option<String>,
    /// Ask this resolver for the addresses of names; may be given several times.
    #[arg(long = "resolver", value_name = "IP[:PORT]")]
    pub resolvers: Vec<String>,
    /// Send HTTP through this proxy.
    #[arg(long, value_name = "URL")]
    pub proxy: Option<String>,
}

/// How a single look is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ProbeFormat {
    /// For people.
    Text,
    /// For machines.
    Json,
}

/// `trigger …`.
#[derive(Debug, Subcommand)]
pub enum TriggerCommand {
    /// Print the triggers and where they stand.
    Status {
        /// The daemon.
        #[command(flatten)]
        daemon: Daemon,
    },
    /// Keep a trigger from firing for a while; it goes on watching.
    Hold {
        /// The trigger.
        trigger: Name,
        /// For how long, at most 4h.
        #[arg(long = "for", value_name = "DURATION")]
        lasts: String,
        /// Why.
        #[arg(long)]
        reason: String,
        /// The daemon.
        #[command(flatten)]
        daemon: Daemon,
    },
    /// End a hold. Two more breaches are needed before it fires.
    Release(Mute),
    /// Say that you have seen it: no more reminders. What it watches is judged as before.
    Ack(Mute),
    /// Say no to what a trigger suggests.
    Decline(Reasoned),
    /// Arm a trigger that fired again, for the same deployment; a protected one takes two people.
    Rearm(Reasoned),
    /// Start the trigger's procedure now, whatever it has seen.
    Fire {
        /// The trigger.
        trigger: Name,
        /// Why; it is kept with the run.
        #[arg(long)]
        reason: String,
        /// The daemon.
        #[command(flatten)]
        daemon: Daemon,
    },
}

/// An order that needs no reason.
#[derive(Debug, Args)]
pub struct Mute {
    /// The trigger.
    pub trigger: Name,
    /// The daemon.
    #[command(flatten)]
    pub daemon: Daemon,
}

/// An order with its reason.
#[derive(Debug, Args)]
pub struct Reasoned {
    /// The trigger.
    pub trigger: Name,
    /// Why; it stays on record.
    #[arg(long)]
    pub reason: String,
    /// The daemon.
    #[command(flatten)]
    pub daemon: Daemon,
}

/// `run …`.
#[derive(Debug, Subcommand)]
pub enum RunCommand {
    /// Print the runs and where each step stands.
    Status {
        /// One run alone.
        run: Option<String>,
        /// The daemon.
        #[command(flatten)]
        daemon: Daemon,
    },
    /// Begin a launch procedure: the launch day.
    Start {
        /// Which.
        procedure: Name,
        /// The daemon.
        #[command(flatten)]
        daemon: Daemon,
    },
    /// Keep a launch's run from going on; the step under way ends.
    Hold(Decide),
    /// Let a held run go on.
    Resume {
        /// The run.
        run: String,
        /// The daemon.
        #[command(flatten)]
        daemon: Daemon,
    },
    /// Try the step that waits for a decision once more.
    Retry(Decide),
    /// Say that the step that waits for a decision has worked.
    MarkSucceeded(Decide),
    /// Stop the run.
    Abort(Decide),
}

/// `snapshot …`.
#[derive(Debug, Subcommand)]
pub enum SnapshotCommand {
    /// Print a zone's records as its own name servers have them, as a fragment of a zone file or JSON.
    #[command(
        after_help = "Exit codes: 0 everything was had, 2 something could not be had (it is printed all the same), \
                            3 a mistake in the command."
    )]
    Dns(SnapshotDns),
}

/// `snapshot dns`.
#[derive(Debug, Args)]
pub struct SnapshotDns {
    /// A name in full, such as `shop.example`.
    #[arg(long = "name", required = true, value_name = "NAME")]
    pub names: Vec<String>,
    /// The types of record: of A, AAAA, CNAME, MX, TXT, NS, SRV and CAA.
    #[arg(
        long,
        value_delimiter = ',',
        value_name = "TYPES",
        default_value = "A,AAAA,CNAME,MX,TXT"
    )]
    pub types: Vec<String>,
    /// A name server of the zone, `ip` or `ip:port`; the zone's own are found if none is given.
    #[arg(long = "server", value_name = "ADDRESS")]
    pub servers: Vec<String>,
    /// How to print it.
    #[arg(long, value_enum, default_value_t = SnapshotFormat::Zone)]
    pub format: SnapshotFormat,
    /// How long it may take.
    #[arg(long, default_value = "30s", value_parser = parse_duration)]
    pub timeout: std::time::Duration,
}

/// `baseline …`.
#[derive(Debug, Subcommand)]
pub enum BaselineCommand {
    /// Ask a Prometheus what named queries yielded over a while, and write it to a file that the probe
    /// `prometheus_baseline` reads. All of them, or nothing.
    #[command(
        after_help = "Exit codes: 0 written, 2 a query yields nothing that can be compared with, 3 a mistake in the \
                            command or a file that is there already, 4 Prometheus cannot be reached, 5 internal error."
    )]
    Capture(Box<BaselineCapture>),
}

/// `baseline capture`.
#[derive(Debug, Args)]
pub struct BaselineCapture {
    /// The Prometheus, with its prefix and without `/api/v1`.
    #[arg(long)]
    pub url: String,
    /// More of the source, as in a launch file: `bearer.env=TOKEN`, `basic.user=ops`, `ca_file=ca.pem`.
    #[arg(long = "source", value_name = "KEY=VALUE")]
    pub source: Vec<String>,
    /// A query that yields one series, by the name that it is compared under, such as `throughput=sum(rate(hits[1m]))`.
    #[arg(long = "metric", required = true, value_name = "NAME=QUERY")]
    pub metrics: Vec<String>,
    /// What a metric counts: `p95=time`; of one (if not given), percent, time (in seconds), bytes and `per_second`.
    #[arg(long = "unit", value_name = "NAME=UNIT")]
    pub units: Vec<String>,
    /// Over how long.
    #[arg(long, default_value = "1h", value_name = "DURATION")]
    pub over: String,
    /// How far apart the values are; the 120th part of --over if not given. As long as the queries' own windows, or longer.
    #[arg(long, value_name = "DURATION")]
    pub step: Option<String>,
    /// Up to when: an instant, or how long ago; now if not given.
    #[arg(long, value_name = "WHEN")]
    pub to: Option<When>,
    /// The file to write. One that is there already is left as it is.
    #[arg(long, short, value_name = "FILE")]
    pub output: PathBuf,
    /// How long it may take.
    #[arg(long, default_value = "30s", value_parser = parse_duration)]
    pub timeout: std::time::Duration,
}

/// A form of a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SnapshotFormat {
    /// A fragment of a zone file.
    Zone,
    /// For programs.
    Json,
}

/// `audit …`.
#[derive(Debug, Subcommand)]
pub enum AuditCommand {
    /// Print a launch's audit log as JSON lines, with its signed heads.
    Export {
        /// Only what comes after this entry; what is exported piece by piece is verified as one file.
        #[arg(long, value_name = "SEQ", default_value_t = 0)]
        after: u64,
        /// The daemon.
        #[command(flatten)]
        daemon: Daemon,
    },
    /// Verify an audit log, without a daemon: exit code 0 if it holds, 1 if not, and the first entry that does not.
    Verify(AuditVerify),
}

/// `audit verify`.
#[derive(Debug, Args)]
pub struct AuditVerify {
    /// An exported log.
    #[arg(required_unless_present = "store", conflicts_with = "store")]
    pub file: Option<PathBuf>,
    /// A store's file, in place of an exported log. It is read only, while the daemon runs or not.
    #[arg(long)]
    pub store: Option<PathBuf>,
    /// The daemon's public key, which stands beside its store as `STORE.pub`. Keep a copy elsewhere.
    #[arg(long, value_name = "FILE")]
    pub public_key: PathBuf,
    /// A head that the log must hold, as an earlier verification printed it.
    #[arg(long = "head", value_name = "LAUNCH:SEQ:HASH")]
    pub heads: Vec<Head>,
}

/// A decision about a run.
#[derive(Debug, Args)]
pub struct Decide {
    /// The run.
    pub run: String,
    /// Why; it is kept with the run.
    #[arg(long)]
    pub reason: String,
    /// The daemon.
    #[command(flatten)]
    pub daemon: Daemon,
}

/// `replay`.
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("looks").required(true).args(["samples", "prometheus", "recorded"])))]
pub struct Replay {
    /// The launch file.
    pub file: PathBuf,
    /// The trigger; may be left out when the launch file has one.
    #[arg(long)]
    pub trigger: Option<Name>,
    /// Replay samples that are written down, such as `value 1x10 9x5`.
    #[arg(long, value_name = "FILE")]
    pub samples: Option<PathBuf>,
    /// Replay what the check's own query yields over time, from its own Prometheus.
    #[arg(long)]
    pub prometheus: bool,
    /// Replay what the daemon has seen.
    #[arg(long)]
    pub recorded: bool,
    /// Where the time asked of Prometheus begins: an instant, or how long ago; an hour before its end if not given.
    #[arg(long, requires = "prometheus", value_name = "WHEN")]
    pub from: Option<When>,
    /// Where it ends; now if not given.
    #[arg(long, requires = "prometheus", value_name = "WHEN")]
    pub to: Option<When>,
    /// How far apart the samples are; as the check looks if not given.
    #[arg(long, requires = "prometheus", value_parser = parse_duration)]
    pub step: Option<std::time::Duration>,
    /// Try several durations, such as `for=1m..10m/1m`, and compare them; after each firing the trigger is armed anew.
    #[arg(long, value_name = "RANGE")]
    pub sweep: Option<Sweep>,
    /// When something was truly wrong, for --sweep: `10m..40m` from the first sample, or two instants.
    #[arg(long = "incident", requires = "sweep", value_name = "FROM..TO")]
    pub incidents: Vec<Incident>,
    /// How to print it.
    #[arg(long, value_enum, default_value_t = ReplayFormat::Text)]
    pub format: ReplayFormat,
    /// The daemon.
    #[command(flatten)]
    pub daemon: Daemon,
}

/// A form of a replay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ReplayFormat {
    /// For people.
    Text,
    /// For programs.
    Json,
}

pub(super) fn parse_duration(text: &str) -> Result<std::time::Duration, String> {
    launchgate_core::time::parse_duration(text).map_err(|error| error.to_string())
}
