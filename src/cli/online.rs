//! The commands that ask a daemon.

use std::time::Duration;

use clap::Args;
use launchgate_core::gate::Verdict;
use launchgate_core::instant::At;
use launchgate_core::name::Name;
use reqwest::Url;
use serde_json::{Value, json};

use super::args::{Daemon, Mute, Reasoned, TriggerCommand, parse_duration};
use super::client::Client;
use super::exit::{Exit, Failed};
use super::refresh::refresh;
use super::terminal::Terminal;
use crate::render::Format;

/// `report`.
#[derive(Debug, Args)]
pub struct Report {
    /// How to print it.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
    /// Take the exit code from the checklists that are due by now alone.
    #[arg(long)]
    pub due: bool,
    /// The report of another instant: `2026-12-01T09:00:00Z`, `T-1d`, `H+2h`, or how long from now, such as `2h`.
    #[arg(long, value_name = "WHEN")]
    pub at: Option<At>,
    /// Have everything looked at again first, and wait for it. What has not been looked at in time makes a GO a HOLD.
    #[arg(long, conflicts_with = "at")]
    pub refresh: bool,
    /// How long to wait for that.
    #[arg(long, default_value = "2m", value_parser = parse_duration, requires = "refresh")]
    pub within: Duration,
    /// The daemon.
    #[command(flatten)]
    pub daemon: Daemon,
}

impl Report {
    /// The report as it stands.
    pub fn once(format: Format, daemon: Daemon) -> Self {
        let within = Duration::ZERO;
        Self { format, due: false, at: None, refresh: false, within, daemon }
    }
}

pub(super) async fn report(args: Report, terminal: Terminal) -> Result<Exit, Failed> {
    let client = Client::new(&args.daemon)?;
    let launch = client.launch().await?;
    let all_seen = !args.refresh || refresh(&client, &launch, args.within, terminal).await?;
    let report = told(&client, &launch, &args, terminal).await?;
    let found = if args.due { due(&report) } else { verdict(&report["verdict"])? };
    // What was asked for is what is so now, and nobody knows that of everything.
    Ok(Exit::Verdict(if all_seen { found } else { found.max(Verdict::Hold) }))
}

/// Prints a launch's report, and hands it out.
pub(super) async fn told(
    client: &Client,
    launch: &Name,
    args: &Report,
    terminal: Terminal,
) -> Result<Value, Failed> {
    let at = args.at.as_ref().map_or_else(String::new, |at| {
        let mut url = Url::parse("http://query/").expect("it is a URL");
        url.query_pairs_mut().append_pair("at", &at.to_string());
        format!("{}&", url.query().unwrap_or_default())
    });
    let path = format!("/api/v1/launches/{launch}/report?{at}");
    let report = client.get(&format!("{path}format=json")).await?;
    let text = match args.format {
        Format::Json => format!("{report:#}\n"),
        format => {
            let colour = if terminal.colour { "&color=always" } else { "" };
            client.text(&format!("{path}format={}{colour}", format.name())).await?
        }
    };
    terminal.print(&text);
    Ok(report)
}

/// A verdict by its word.
pub(super) fn verdict(word: &Value) -> Result<Verdict, Failed> {
    serde_json::from_value(word.clone())
        .map_err(|_| Failed::internal(format!("the daemon's verdict is {word}")))
}

/// The worst verdict of the checklists that are due by now.
fn due(report: &Value) -> Verdict {
    let lists = report["checklists"].as_array().into_iter().flatten();
    let due = lists.filter(|list| list["state"] != "not_yet_due");
    due.filter_map(|list| verdict(&list["verdict"]).ok()).max().unwrap_or(Verdict::Go)
}

pub(super) async fn milestone(
    milestone: launchgate_core::milestone::Milestone,
    daemon: &Daemon,
    terminal: Terminal,
) -> Result<Exit, Failed> {
    let client = Client::new(daemon)?;
    let launch = client.launch().await?;
    let body = json!({ "milestone": milestone });
    client.post(&format!("/api/v1/launches/{launch}/milestones"), &body).await?;
    terminal.print(&format!("{milestone} recorded\n"));
    Ok(Exit::Success)
}

pub(super) async fn trigger(command: TriggerCommand, terminal: Terminal) -> Result<Exit, Failed> {
    match command {
        TriggerCommand::Status { daemon } => {
            let client = Client::new(&daemon)?;
            let launch = client.launch().await?;
            let report = client.get(&format!("/api/v1/launches/{launch}/report")).await?;
            for trigger in report["triggers"].as_array().into_iter().flatten() {
                terminal.print(&trigger_line(trigger));
            }
            Ok(Exit::Success)
        }
        TriggerCommand::Hold { trigger, lasts, reason, daemon } => {
            let body = json!({ "for": lasts, "reason": reason });
            order(&daemon, &trigger, "hold", body, terminal).await
        }
        TriggerCommand::Release(Mute { trigger, daemon }) => {
            order(&daemon, &trigger, "release", json!({}), terminal).await
        }
        TriggerCommand::Ack(Mute { trigger, daemon }) => {
            order(&daemon, &trigger, "ack", json!({}), terminal).await
        }
        TriggerCommand::Decline(Reasoned { trigger, reason, daemon }) => {
            order(&daemon, &trigger, "decline", json!({ "reason": reason }), terminal).await
        }
        TriggerCommand::Rearm(Reasoned { trigger, reason, daemon }) => {
            order(&daemon, &trigger, "rearm", json!({ "reason": reason }), terminal).await
        }
        TriggerCommand::Fire { trigger, reason, daemon } => {
            let client = Client::new(&daemon)?;
            let launch = client.launch().await?;
            let path = format!("/api/v1/launches/{launch}/triggers/{trigger}/fire");
            client.post(&path, &json!({ "reason": reason })).await?;
            terminal.print(&format!("{trigger} fired; see `launchgate run status`\n"));
            Ok(Exit::Success)
        }
    }
}

/// Orders something of a trigger, and says how it stands since.
async fn order(
    daemon: &Daemon,
    trigger: &Name,
    order: &str,
    body: Value,
    terminal: Terminal,
) -> Result<Exit, Failed> {
    let client = Client::new(daemon)?;
    let launch = client.launch().await?;
    client.post(&format!("/api/v1/launches/{launch}/triggers/{trigger}/{order}"), &body).await?;
    let report = client.get(&format!("/api/v1/launches/{launch}/report")).await?;
    let triggers = report["triggers"].as_array().into_iter().flatten();
    triggers.filter(|t| t["id"] == trigger.as_str()).for_each(|t| terminal.print(&trigger_line(t)));
    Ok(Exit::Success)
}

fn trigger_line(trigger: &Value) -> String {
    let word = |key: &str| trigger[key].as_str().unwrap_or_default().to_owned();
    format!("{:<20} {:<10} {:<8} {}\n", word("id"), word("state"), word("mode"), word("because"))
}
