//! A launch from its first HOLD to its verified rollback, on this machine, against real servers in this process.
//!
//! Nothing of it is played: the probes look over the network, the trigger fires by its own clock, the script runs, and a
//! stage counts only when the published report shows it.

mod story;
pub mod targets;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};

use self::targets::dns::DnsTarget;
use self::targets::service::ServiceTarget;
use self::targets::site::SiteTarget;
use crate::clock::SystemClock;
use crate::daemon::Daemon;
use crate::settings::daemon::load;

const DOMAIN: &str = "shop.demo.test";
const LAUNCH: &str = include_str!("launch.yaml");
const ROLLBACK: &str = include_str!("rollback.sh");
const NEW: &str = "2.4.0";
const OLD: &str = "2.3.7";

/// How the demo is told.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// How long the breach must last before the trigger fires.
    lasts: Duration,
    /// How long a stage is shown before the next begins.
    pause: Duration,
    /// Whether the page is served on after the end.
    stays: bool,
}

impl Pace {
    /// For people who watch.
    pub const CALM: Self =
        Self { lasts: Duration::from_secs(15), pause: Duration::from_secs(8), stays: true };
    /// For CI.
    pub const FAST: Self =
        Self { lasts: Duration::from_secs(5), pause: Duration::ZERO, stays: false };
}

/// Why the demo did not reach its end.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// This machine does not let it start.
    #[error("the demo cannot start: {0}")]
    Start(String),
    /// The launch did not become what the story says.
    #[error("the demo stopped at \"{stage}\": {seen}")]
    Stage {
        /// The stage.
        stage: String,
        /// What was seen instead.
        seen: String,
    },
}

/// A folder that ends with the demo.
struct Folder(PathBuf);

impl Folder {
    fn new() -> std::io::Result<Self> {
        let path = std::env::temp_dir().join(format!("launchgate-demo-{}", std::process::id()));
        std::fs::create_dir_all(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            tracing::warn!(%error, folder = %self.0.display(), "the demo's folder stays");
        }
    }
}

/// The systems and the daemon that the demo plays with.
struct Stage {
    dns: DnsTarget,
    service: ServiceTarget,
    _site: SiteTarget,
    folder: Folder,
    daemon: Daemon,
}

/// Runs the demo. `say` takes what is told, paragraph by paragraph.
///
/// # Errors
/// The first stage that was not reached.
pub async fn run(listen: SocketAddr, pace: Pace, say: impl Fn(&str)) -> Result<(), DemoError> {
    let mut stage = set(listen, pace).await.map_err(DemoError::Start)?;
    let told = story::tell(&stage, pace, &say).await;
    if told.is_ok() && pace.stays {
        say("The page stays up: press Ctrl-C to end.");
        stage.daemon.run_until_told().await.map_err(|e| DemoError::Start(e.to_string()))?;
    }
    let Stage { daemon, folder, .. } = stage;
    daemon.stop().await;
    drop(folder);
    told
}

async fn set(listen: SocketAddr, pace: Pace) -> Result<Stage, String> {
    let told = |e: std::io::Error| e.to_string();
    let folder = Folder::new().map_err(told)?;
    let dns = DnsTarget::start(DOMAIN).await.map_err(told)?;
    dns.set(DOMAIN, "203.0.113.10".parse().expect("an address"), 60);
    let site = SiteTarget::start(DOMAIN, 365, &folder.0).await.map_err(told)?;
    targets::backups::write(&folder.0.join("backups")).map_err(told)?;
    write(&folder.0, "version", OLD)?;
    write(&folder.0, "rollback.sh", ROLLBACK)?;
    let service = ServiceTarget::start(folder.0.join("version")).await.map_err(told)?;
    let launch = LAUNCH
        .replace("@go_live@", &go_live())
        .replace("@dns@", &dns.address().to_string())
        .replace("@site@", &site.https().to_string())
        .replace("@https_port@", &site.https().port().to_string())
        .replace("@http_port@", &site.http().port().to_string())
        .replace("@service@", &service.address().to_string())
        .replace("@for@", &format!("{}s", pace.lasts.as_secs()));
    let file = write(&folder.0, "launch.yaml", &launch)?;
    let settings = [
        ("LAUNCHGATE__WEB__LISTEN", format!("\"{listen}\"")),
        ("LAUNCHGATE__WEB__DEV", "true".to_owned()),
        ("LAUNCHGATE__STORE__PATH", format!("\"{}\"", folder.0.join("store.db").display())),
    ];
    let settings = load(None, settings.map(|(name, value)| (name.to_owned(), value)))
        .map_err(|e| e.to_string())?;
    let clock = Arc::new(SystemClock::new());
    let daemon = Daemon::start(&settings, &[file], clock).await.map_err(|e| e.to_string())?;
    Ok(Stage { dns, service, _site: site, folder, daemon })
}

/// An hour from now, as launch files write it.
fn go_live() -> String {
    let now = Timestamp::now().to_zoned(TimeZone::UTC);
    now.checked_add(1.hour()).unwrap_or(now).strftime("%Y-%m-%dT%H:%M:%S[UTC]").to_string()
}

fn write(folder: &Path, name: &str, text: &str) -> Result<PathBuf, String> {
    let path = folder.join(name);
    std::fs::write(&path, text).map_err(|e| format!("{}: {e}", path.display()))?;
    Ok(path)
}
