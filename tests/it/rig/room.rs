//! A launch with a bit of everything: a check that a test can break, a signature, a trigger, a launch day.

use super::daemon::Daemon;
use super::recorder::Recorder;

/// A daemon with one launch, and the service that it looks at.
pub(crate) struct Room {
    pub(crate) daemon: Daemon,
    pub(crate) service: Recorder,
}

impl Room {
    pub(crate) fn start() -> Self {
        let service = Recorder::start();
        let mut daemon = Daemon::of(&Self::launch(&service));
        daemon.start();
        daemon.wait_for("first looks", |r| r["blockers"].as_array().is_some_and(|b| b.len() == 1));
        Self { daemon, service }
    }

    fn launch(service: &Recorder) -> String {
        let go_live = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(2);
        include_str!("../browser/room.yaml")
            .replace("@go_live@", &go_live.strftime("%Y-%m-%dT%H:%M:00[UTC]").to_string())
            .replace("@service@", &service.url())
    }

    /// A daemon that serves the same launch twice, as `room` and as `annex`.
    pub(crate) fn with_an_annex() -> Self {
        let service = Recorder::start();
        let room = Self::launch(&service);
        let mut daemon = Daemon::of(&room);
        daemon.beside("annex.yaml", &room.replace("launch: room", "launch: annex"));
        daemon.start();
        Self { daemon, service }
    }

    pub(crate) fn board(&self) -> String {
        format!("{}/launches/room", self.daemon.url())
    }

    /// What a person signs on the command line, so that the launch is GO.
    pub(crate) fn signed(&self) {
        let sign = ["sign", "ready/restored", "--evidence", "https://x.example/1"];
        self.daemon.order(&[&sign[..], &["--value", "rows=12", "--as", "dan"]].concat());
    }
}
