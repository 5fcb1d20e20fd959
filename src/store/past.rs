//! What an SQLite store had kept by an instant.

use std::collections::HashMap;

use jiff::Timestamp;
use launchgate_core::name::{CheckPath, Name};
use launchgate_core::observation::Observation;
use launchgate_core::run::RunEvent;
use launchgate_core::state::Saved;
use rusqlite::{Connection, params};
use serde::de::DeserializeOwned;

use super::SEEN_BEFORE;
use super::trouble::{Trouble, json};

/// What was stated, reached and run by `at`. Memories and messages are overwritten, so that there is no past of them.
pub(super) fn saved(
    connection: &Connection,
    launch: &Name,
    at: Timestamp,
) -> Result<Saved, Trouble> {
    let by = at.as_millisecond();
    let rows = |table: &str| rows(connection, table, "launch", launch.as_str(), by);
    let mut saved = Saved {
        sign_offs: parsed(&rows("sign_offs")?)?,
        waivers: parsed(&rows("waivers")?)?,
        decisions: parsed(&rows("decisions")?)?,
        milestones: parsed(&rows("milestones")?)?,
        rehearsals: parsed(&rows("rehearsals")?)?,
        watched: parsed(&rows("watch_reports")?)?,
        runs: parsed(&rows("runs")?)?,
        ..Saved::default()
    };
    for run in &mut saved.runs {
        let events = self::rows(connection, "run_events", "run", &run.id.0, by)?;
        for event in parsed::<RunEvent>(&events)? {
            run.apply(&event).map_err(|e| Trouble::odd(&e))?;
        }
    }
    Ok(saved)
}

/// What each check's probe had seen by `at`, oldest first.
pub(super) fn seen(
    connection: &Connection,
    launch: &Name,
    at: Timestamp,
    checks: &[CheckPath],
) -> Result<HashMap<CheckPath, Vec<Observation>>, Trouble> {
    let mut statement = connection.prepare_cached(
        "SELECT body FROM observations WHERE launch = ?1 AND check_path = ?2 AND at <= ?3 ORDER BY id DESC LIMIT ?4",
    )?;
    let most = i64::try_from(SEEN_BEFORE).unwrap_or(i64::MAX);
    let mut all = HashMap::new();
    for check in checks {
        let key = params![launch.as_str(), check.to_string(), at.as_millisecond(), most];
        let bodies: Vec<String> =
            statement.query_map(key, |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
        let mut observations: Vec<Observation> = parsed(&bodies)?;
        observations.reverse();
        all.insert(check.clone(), observations);
    }
    Ok(all)
}

fn rows(
    connection: &Connection,
    table: &str,
    column: &str,
    key: &str,
    by: i64,
) -> Result<Vec<String>, Trouble> {
    let query = format!("SELECT body FROM {table} WHERE {column} = ?1 AND at <= ?2 ORDER BY id");
    let mut statement = connection.prepare_cached(&query)?;
    let bodies = statement.query_map(params![key, by], |row| row.get(0))?;
    Ok(bodies.collect::<rusqlite::Result<_>>()?)
}

fn parsed<T: DeserializeOwned>(bodies: &[String]) -> Result<Vec<T>, Trouble> {
    bodies.iter().map(|body| json(body)).collect()
}
