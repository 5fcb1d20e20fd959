//! `run`: the runs of a launch, its launch day, and what people decide about a step.

use launchgate_core::run::Run;
use serde_json::{Value, json};

use super::args::{Daemon, Decide, RunCommand};
use super::client::Client;
use super::exit::{Exit, Failed};
use super::terminal::Terminal;

pub(super) async fn run(command: RunCommand, terminal: Terminal) -> Result<Exit, Failed> {
    match command {
        RunCommand::Status { run, daemon } => {
            let client = Client::new(&daemon)?;
            let launch = client.launch().await?;
            let report = client.get(&format!("/api/v1/launches/{launch}/report")).await?;
            let runs = report["runs"].as_array().into_iter().flatten();
            let wanted: Vec<&Value> =
                runs.filter(|r| run.as_ref().is_none_or(|id| r["id"] == id.as_str())).collect();
            match (&run, wanted.is_empty()) {
                (Some(id), true) => return Err(Failed::usage(format!("there is no run `{id}`"))),
                (None, true) => terminal.print("no runs\n"),
                (_, false) => wanted.into_iter().for_each(|run| terminal.print(&run_lines(run))),
            }
            Ok(Exit::Success)
        }
        RunCommand::Start { procedure, daemon } => {
            let said = tell(&daemon, &format!("procedures/{procedure}/runs"), &json!({})).await?;
            terminal.print(&format!("{procedure} begun\n"));
            Ok(said)
        }
        RunCommand::Hold(args) => {
            let path = format!("runs/{}/hold", args.run);
            let said = tell(&args.daemon, &path, &json!({ "reason": args.reason })).await?;
            terminal.print("held: no further step begins\n");
            Ok(said)
        }
        RunCommand::Resume { run, daemon } => {
            let said = tell(&daemon, &format!("runs/{run}/resume"), &json!({})).await?;
            terminal.print("it goes on\n");
            Ok(said)
        }
        RunCommand::Retry(args) => decide(args, "retry", terminal).await,
        RunCommand::MarkSucceeded(args) => decide(args, "mark_succeeded", terminal).await,
        RunCommand::Abort(args) => decide(args, "abort", terminal).await,
    }
}

fn run_lines(run: &Value) -> String {
    // A daemon of another version may say more than is known here.
    let known: Option<Run> = serde_json::from_value(run.clone()).ok();
    let status = run["status"].as_str().unwrap_or_default().replace('_', " ");
    let standing = known.map_or(status, |run| run.standing().to_owned());
    let mut text = format!(
        "{}  {standing}\n  {}\n",
        run["id"].as_str().unwrap_or_default(),
        run["cause"].as_str().unwrap_or_default(),
    );
    let steps = run["procedure"]["steps"].as_array().into_iter().flatten();
    for (index, (step, state)) in
        steps.zip(run["steps"].as_array().into_iter().flatten()).enumerate()
    {
        let how = state["how"].as_str().or(state["state"].as_str()).unwrap_or_default();
        let said = state["evidence"].as_str().or(state["because"].as_str()).unwrap_or_default();
        let id = step["id"].as_str().unwrap_or_default();
        let said = said.lines().next_back().unwrap_or_default();
        text += &format!("  {:>2}. {id:<20} {how:<10} {said}\n", index + 1);
    }
    text
}

async fn decide(args: Decide, choice: &str, terminal: Terminal) -> Result<Exit, Failed> {
    let client = Client::new(&args.daemon)?;
    let launch = client.launch().await?;
    let path = format!("/api/v1/launches/{launch}/runs/{}/decisions", args.run);
    client.post(&path, &json!({ "choice": choice, "reason": args.reason })).await?;
    terminal.print(&format!("{} recorded\n", choice.replace('_', " ")));
    Ok(Exit::Success)
}

async fn tell(daemon: &Daemon, what: &str, body: &Value) -> Result<Exit, Failed> {
    let client = Client::new(daemon)?;
    let launch = client.launch().await?;
    client.post(&format!("/api/v1/launches/{launch}/{what}"), body).await?;
    Ok(Exit::Success)
}
