//! `serve`: the daemon, from its settings to its end.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::args::Serve;
use super::exit::{Exit, Failed};
use super::terminal::Terminal;
use crate::clock::{AheadClock, Clock, SystemClock};
use crate::daemon::{self, Daemon};
use crate::settings::daemon::load;
use crate::telemetry;

pub(super) async fn serve(args: Serve, terminal: Terminal) -> Result<Exit, Failed> {
    let mut settings = load(args.config.as_deref(), environment().chain(flags(&args)))
        .map_err(|e| Failed::usage(e.to_string()))?;
    telemetry::start(&settings.log).map_err(Failed::usage)?;
    if !args.launches.is_empty() {
        settings.launches.clone_from(&args.launches);
    }
    let files = launch_files(&settings.launches)?;
    let clock: Arc<dyn Clock> = match args.clock_ahead {
        None => Arc::new(SystemClock::new()),
        Some(file) => {
            tracing::warn!(file = %file.display(), "the clock is ahead by what a file says: nothing here is real");
            Arc::new(AheadClock::new(file))
        }
    };
    let mut daemon =
        Daemon::start(&settings, &files, clock).await.map_err(|error| match error {
            daemon::StartError::Settings(message) => Failed::usage(message),
            daemon::StartError::Store(error) => Failed::internal(error.to_string()),
        })?;
    let names = daemon.names().join(", ");
    terminal.complain(&format!("launchgate serves {names} on {}\n", daemon.url()));
    daemon.run_until_told().await.map_err(|e| Failed::internal(e.to_string()))?;
    daemon.stop().await;
    Ok(Exit::Success)
}

/// The process's variables; those that are not UTF-8 are none of ours.
fn environment() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
}

/// The flags as settings: they go the same way, and are judged by the same rules.
fn flags(args: &Serve) -> Vec<(String, String)> {
    let mut flags = Vec::new();
    if let Some(listen) = args.listen {
        flags.push(("LAUNCHGATE__WEB__LISTEN".to_owned(), format!("\"{listen}\"")));
    }
    if let Some(store) = &args.store {
        flags.push(("LAUNCHGATE__STORE__PATH".to_owned(), serde_json::json!(store).to_string()));
    }
    if args.dev {
        flags.push(("LAUNCHGATE__WEB__DEV".to_owned(), "true".to_owned()));
    }
    flags
}

/// The launch files that are named, and those in the folders that are named.
fn launch_files(places: &[PathBuf]) -> Result<Vec<PathBuf>, Failed> {
    let mut files = Vec::new();
    for place in places {
        if !place.is_dir() {
            files.push(place.clone());
            continue;
        }
        let fail =
            |e: std::io::Error| Failed::usage(format!("the folder {}: {e}", place.display()));
        let mut found = Vec::new();
        for entry in std::fs::read_dir(place).map_err(fail)? {
            let path = entry.map_err(fail)?.path();
            let yaml = path.extension().and_then(|e| e.to_str()).is_some_and(is_yaml);
            if yaml && path.is_file() {
                found.push(path);
            }
        }
        found.sort();
        files.append(&mut found);
    }
    if files.is_empty() {
        return Err(Failed::usage(
            "there is no launch file to serve\n  = hint: `launchgate serve FILE`, or `launches:` in the settings",
        ));
    }
    for file in &files {
        if !Path::new(file).exists() {
            return Err(Failed::usage(format!("there is no launch file {}", file.display())));
        }
    }
    Ok(files)
}

fn is_yaml(extension: &str) -> bool {
    matches!(extension, "yaml" | "yml")
}
