//! `run --rehearse`: a procedure walked through, and what each step said.

use std::time::Duration;

use launchgate_core::gate::Verdict;
use launchgate_core::name::Name;
use serde_json::{Value, json};

use super::args::Daemon;
use super::client::Client;
use super::exit::{Exit, Failed};
use super::terminal::Terminal;

/// How long a rehearsal may take.
const PATIENCE: Duration = Duration::from_secs(60);
const LOOK_AGAIN: Duration = Duration::from_millis(200);

/// Asks the daemon for a rehearsal, waits for it, and prints it.
pub(super) async fn rehearse(
    procedure: &Name,
    daemon: &Daemon,
    terminal: Terminal,
) -> Result<Exit, Failed> {
    let client = Client::new(daemon)?;
    let launch = client.launch().await?;
    let path = format!("/api/v1/launches/{launch}/report");
    let before = newest(&client.get(&path).await?, procedure);
    let order = format!("/api/v1/launches/{launch}/procedures/{procedure}/rehearsals");
    client.post(&order, &json!({})).await?;
    let until = tokio::time::Instant::now() + PATIENCE;
    let rehearsal = loop {
        let now = newest(&client.get(&path).await?, procedure);
        if now != before && !now.is_null() {
            break now;
        }
        if tokio::time::Instant::now() > until {
            return Err(Failed::internal("the rehearsal did not end within a minute".to_owned()));
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    };
    terminal.print(&told(&rehearsal));
    let ready = steps(&rehearsal).all(|step| step["ready"] == true);
    Ok(if ready { Exit::Success } else { Exit::Verdict(Verdict::NoGo) })
}

fn newest(report: &Value, procedure: &Name) -> Value {
    let rehearsals = report["rehearsals"].as_array();
    let of = |r: &&Value| r["procedure"] == procedure.as_str();
    rehearsals.and_then(|all| all.iter().find(of)).cloned().unwrap_or_default()
}

fn steps(rehearsal: &Value) -> impl Iterator<Item = &Value> {
    rehearsal["steps"].as_array().into_iter().flatten()
}

fn told(rehearsal: &Value) -> String {
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut text = format!(
        "Rehearsal of {}, version {}, by {}\n",
        word(&rehearsal["procedure"]),
        word(&rehearsal["version"]),
        word(&rehearsal["by"])
    );
    for (i, step) in steps(rehearsal).enumerate() {
        let mark = if step["ready"] == true { "✓" } else { "✗" };
        let (step, says) = (word(&step["step"]), word(&step["says"]));
        text += &format!("  {mark} {:>2}. {step:<18} {says}\n", i + 1);
    }
    let missing = steps(rehearsal).filter(|step| step["ready"] != true).count();
    text + &match missing {
        0 => "Every step is ready; it is on record as a rehearsal.\n".to_owned(),
        n => format!("{n} steps are not ready.\n"),
    }
}
