//! `sign`, `waive` and `decide`: what people state.

use clap::{Args, ValueEnum};
use launchgate_core::name::{CheckPath, Name};
use serde_json::{Map, Value, json};

use super::args::Daemon;
use super::client::Client;
use super::exit::{Exit, Failed};
use super::terminal::Terminal;

/// `sign`.
#[derive(Debug, Args)]
pub struct Sign {
    /// The check, `checklist/check`.
    pub check: CheckPath,
    /// Say that it does not hold; the gate is NO-GO until you approve.
    #[arg(long)]
    pub reject: bool,
    /// A link or a text that backs it.
    #[arg(long)]
    pub evidence: Option<String>,
    /// A remark.
    #[arg(long)]
    pub note: Option<String>,
    /// A value that the check records, such as `measured_peak=1200/s`; may be given several times.
    #[arg(long = "value", value_name = "NAME=VALUE", value_parser = parse_value)]
    pub values: Vec<(Name, String)>,
    /// The daemon.
    #[command(flatten)]
    pub daemon: Daemon,
}

fn parse_value(text: &str) -> Result<(Name, String), String> {
    let (name, value) = text.split_once('=').ok_or("write it like `measured_peak=1200/s`")?;
    Ok((Name::try_new(name).map_err(|e| e.to_string())?, value.to_owned()))
}

/// `waive`.
#[derive(Debug, Args)]
pub struct Waive {
    /// The check, `checklist/check`.
    pub check: CheckPath,
    /// Until when: an instant such as `2026-12-01T18:00:00Z`, or how long from now, such as `12h`.
    #[arg(long, required_unless_present = "end")]
    pub until: Option<String>,
    /// Take the waiver back.
    #[arg(long, conflicts_with = "until")]
    pub end: bool,
    /// Why.
    #[arg(long)]
    pub reason: String,
    /// The daemon.
    #[command(flatten)]
    pub daemon: Daemon,
}

/// The incident commander's word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Word {
    /// Go on.
    Go,
    /// Do not.
    NoGo,
}

/// `decide`.
#[derive(Debug, Args)]
pub struct GoNoGo {
    /// The word.
    #[arg(value_enum)]
    pub decision: Word,
    /// Why, or under which conditions. To decide GO against the verdict takes one.
    #[arg(long)]
    pub note: Option<String>,
    /// The daemon.
    #[command(flatten)]
    pub daemon: Daemon,
}

pub(super) async fn sign(args: Sign, terminal: Terminal) -> Result<Exit, Failed> {
    let decision = if args.reject { "rejected" } else { "approved" };
    let values = args.values.into_iter().map(|(name, value)| (name.to_string(), value.into()));
    let body = json!({
        "check": args.check,
        "decision": decision,
        "evidence": args.evidence,
        "note": args.note,
        "values": values.collect::<Map<String, Value>>(),
    });
    tell(&args.daemon, "sign-offs", &body).await?;
    terminal.print(&format!("{} {decision}\n", args.check));
    Ok(Exit::Success)
}

pub(super) async fn waive(args: Waive, terminal: Terminal) -> Result<Exit, Failed> {
    let Some(until) = args.until else {
        let body = json!({ "check": args.check, "reason": args.reason });
        tell(&args.daemon, "waivers/end", &body).await?;
        terminal.print(&format!("the waiver of {} is taken back\n", args.check));
        return Ok(Exit::Success);
    };
    let body = json!({ "check": args.check, "reason": args.reason, "until": until });
    tell(&args.daemon, "waivers", &body).await?;
    terminal.print(&format!("{} waived until {until}\n", args.check));
    Ok(Exit::Success)
}

pub(super) async fn decide(args: GoNoGo, terminal: Terminal) -> Result<Exit, Failed> {
    let (word, shown) = match args.decision {
        Word::Go => ("go", "GO"),
        Word::NoGo => ("no_go", "NO-GO"),
    };
    let said =
        tell(&args.daemon, "decisions", &json!({ "decision": word, "note": args.note })).await?;
    let verdict = said["verdict"].as_str().unwrap_or_default();
    terminal.print(&format!("decided {shown}; the verdict is {verdict}\n"));
    Ok(Exit::Success)
}

async fn tell(daemon: &Daemon, what: &str, body: &Value) -> Result<Value, Failed> {
    let client = Client::new(daemon)?;
    let launch = client.launch().await?;
    let said = client.post(&format!("/api/v1/launches/{launch}/{what}"), body).await?;
    Ok(serde_json::from_str(&said).unwrap_or_default())
}
