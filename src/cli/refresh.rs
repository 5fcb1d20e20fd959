//! `report --refresh`: everything looked at again, and waited for.

use std::time::{Duration, Instant};

use launchgate_core::name::Name;
use serde_json::{Value, json};

use super::client::Client;
use super::exit::Failed;
use super::terminal::Terminal;

/// How often it is asked what is still waited for.
const EVERY: Duration = Duration::from_millis(250);
/// How many checks are named that were not looked at.
const NAMED: usize = 5;

/// Has everything looked at again, and says whether that was done in time.
pub(super) async fn refresh(
    client: &Client,
    launch: &Name,
    within: Duration,
    terminal: Terminal,
) -> Result<bool, Failed> {
    client.post(&format!("/api/v1/launches/{launch}/refresh"), &json!({})).await?;
    let until = Instant::now() + within;
    let mut all = 0;
    loop {
        let report = client.get(&format!("/api/v1/launches/{launch}/report")).await?;
        let waits: Vec<&str> = report["looking_again"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        all = all.max(waits.len());
        let in_time = Instant::now() < until;
        if terminal.progress {
            let progress = format!("{}/{all} looked at again", all - waits.len());
            let done = waits.is_empty() || !in_time;
            terminal.complain(&format!("\r\x1b[2K{}", if done { "" } else { &progress }));
        }
        if waits.is_empty() {
            return Ok(true);
        }
        if !in_time {
            terminal.complain(&format!("warning: {}\n", not_in_time(&waits, within)));
            return Ok(false);
        }
        tokio::time::sleep(EVERY).await;
    }
}

/// What has not been looked at, in a sentence.
fn not_in_time(waits: &[&str], within: Duration) -> String {
    let named = waits.iter().take(NAMED).copied().collect::<Vec<_>>().join(", ");
    let more = waits.len().saturating_sub(NAMED);
    let more = if more == 0 { String::new() } else { format!(" and {more} more") };
    let within = launchgate_core::time::format_duration(within);
    format!("not looked at again within {within}, and shown as last seen: {named}{more}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_looked_at_is_named_and_there_is_an_end_to_it() {
        let rows = [
            (vec!["dns/apex"], "dns/apex"),
            (vec!["a/b"; 5], "a/b, a/b, a/b, a/b, a/b"),
            (vec!["a/b"; 7], "a/b, a/b, a/b, a/b, a/b and 2 more"),
        ];
        for (waits, named) in rows {
            let said = not_in_time(&waits, Duration::from_secs(120));
            assert_eq!(
                said,
                format!("not looked at again within 2m, and shown as last seen: {named}")
            );
        }
    }
}
