//! `report --refresh`: everything looked at again, and waited for.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use launchgate_core::name::Name;
use serde_json::{Value, json};

use super::client::Client;
use super::exit::{Exit, Failed};
use super::terminal::Terminal;

/// How often it is asked what is still waited for.
const EVERY: Duration = Duration::from_millis(250);
/// How many checks are named that were not looked at.
const NAMED: usize = 5;

/// Has everything looked at again, and says whether that was done in time. A daemon that is lost meanwhile is asked again until
/// then.
pub(super) async fn refresh(
    client: &Client,
    launch: &Name,
    within: Duration,
    terminal: Terminal,
) -> Result<bool, Failed> {
    let path = format!("/api/v1/launches/{launch}/report");
    // What was seen before this does not count, whatever becomes of the daemon.
    let asked = client.get(&path).await?["as_of"].clone();
    client.post(&format!("/api/v1/launches/{launch}/refresh"), &json!({})).await?;
    let until = Instant::now() + within;
    let mut all = 0;
    loop {
        let in_time = Instant::now() < until;
        let report = match client.get(&path).await {
            Err(lost) if lost.exit == Exit::Unreachable && in_time => {
                tokio::time::sleep(EVERY).await;
                continue;
            }
            heard => heard?,
        };
        let waits = waits(&report, &asked);
        all = all.max(waits.len());
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

/// The checks that a report waits for: those that it names, and those that were not seen since the question.
fn waits<'r>(report: &'r Value, asked: &Value) -> Vec<&'r str> {
    let instant = |value: &Value| value.as_str()?.parse::<Timestamp>().ok();
    let asked = instant(asked);
    let named: BTreeSet<&str> = report["looking_again"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let lists = report["checklists"].as_array().into_iter().flatten();
    let checks = lists.flat_map(|list| list["checks"].as_array().into_iter().flatten());
    let looked_at = checks.filter(|check| check["fresh_for"].is_number());
    looked_at
        .filter_map(|check| {
            let id = check["id"].as_str()?;
            let seen = instant(&check["observed_at"]) >= asked;
            (named.contains(id) || !seen).then_some(id)
        })
        .collect()
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
    fn a_check_is_waited_for_until_it_was_seen_since_the_question() {
        let check = |id: &str, fresh_for: Value, observed_at: Value| json!({ "id": id, "fresh_for": fresh_for, "observed_at": observed_at });
        let report = json!({
            "looking_again": ["a/named"],
            "checklists": [{ "checks": [
                check("a/named", json!(60.0), json!("2026-12-01T09:00:05Z")),
                check("a/seen", json!(60.0), json!("2026-12-01T09:00:00Z")),
                check("a/before", json!(60.0), json!("2026-12-01T08:59:59.9Z")),
                check("a/never", json!(60.0), Value::Null),
                check("a/signed", Value::Null, Value::Null),
            ] }],
        });
        let waits = waits(&report, &json!("2026-12-01T09:00:00Z"));
        assert_eq!(waits, ["a/named", "a/before", "a/never"]);
    }

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
