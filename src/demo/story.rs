//! What happens in the demo, and what must be seen of it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use launchgate_core::attestation::Decision;
use launchgate_core::gate::{Verdict, Why};
use launchgate_core::milestone::{Milestone, Phase};
use launchgate_core::name::Name;
use launchgate_core::report::Report;
use launchgate_core::run::RunStatus;
use launchgate_core::state::Event;
use launchgate_core::trigger::Status;

use super::{DOMAIN, DemoError, NEW, OLD, Pace, Stage, write};
use crate::engine::Handle;

/// No stage takes longer.
const PATIENCE: Duration = Duration::from_secs(40);

struct Teller<'a, S> {
    handle: &'a Handle,
    pace: Pace,
    say: &'a S,
    began: Instant,
}

pub(super) async fn tell(stage: &Stage, pace: Pace, say: &impl Fn(&str)) -> Result<(), DemoError> {
    let handle = stage.daemon.launches()[0].handle();
    let teller = Teller { handle, pace, say, began: Instant::now() };
    say(&format!(
        "launchgate demo: a shop goes from version {OLD} to {NEW}. A name server, an HTTPS site with its own authority and \
         a service under traffic run on loopback.\nThe page: http://{}/\nThe same from another terminal: launchgate report \
         --url http://{}/",
        stage.daemon.address(),
        stage.daemon.address()
    ));
    teller.before_the_launch(stage).await?;
    teller.the_launch(stage).await?;
    say(&format!("Every stage was reached, in {:.0?}.", teller.began.elapsed()));
    Ok(())
}

impl<S: Fn(&str)> Teller<'_, S> {
    async fn before_the_launch(&self, stage: &Stage) -> Result<(), DemoError> {
        self.reach("HOLD: all systems are fine, and a signature is missing", |r| {
            r.verdict == Verdict::Hold
                && r.blockers.len() == 1
                && r.blockers[0].why == Why::Unsigned
        })
        .await?;

        (self.say)("Somebody points the shop's name to an old address.");
        stage.dns.set(DOMAIN, "198.51.100.7".parse().expect("an address"), 60);
        self.reach("NO-GO: the name leads to the wrong place", |r| {
            r.verdict == Verdict::NoGo && r.blockers.iter().any(|b| b.why == Why::Failed)
        })
        .await?;

        (self.say)("The record is put right, and Erin of legal signs, with a link to the minutes.");
        stage.dns.set(DOMAIN, "203.0.113.10".parse().expect("an address"), 60);
        self.order(Event::SignedOff {
            check: "people/terms".parse().expect("a check of the demo"),
            person: Name::of("erin"),
            decision: Decision::Approved,
            evidence: Some("https://minutes.example/42".to_owned()),
            note: None,
            values: std::collections::BTreeMap::new(),
        })
        .await?;
        self.reach("GO: nothing at all is open", |r| r.verdict == Verdict::Go).await
    }

    async fn the_launch(&self, stage: &Stage) -> Result<(), DemoError> {
        (self.say)("Alice, the incident commander, starts the deployment. The trigger is armed.");
        let stopped = |seen: String| DemoError::Stage { stage: "the deployment".to_owned(), seen };
        write(&stage.folder.0, "version", NEW).map_err(stopped)?;
        let milestone = Milestone::DeployStarted;
        self.order(Event::Milestone { milestone, by: "alice".to_owned() }).await?;
        self.reach("launching: the trigger watches the error rate", |r| {
            r.phase == Phase::Launching && r.triggers[0].state == Status::Watching
        })
        .await?;

        (self.say)("The new version has a fault: three requests in ten fail.");
        stage.service.break_version(NEW, 0.3);
        self.reach("pending: the breach has begun, and must last", |r| {
            r.triggers[0].state == Status::Pending
        })
        .await?;
        self.reach("fired: the breach has lasted, and the rollback begins", |r| {
            r.triggers[0].state == Status::Fired && !r.runs.is_empty()
        })
        .await?;
        self.reach(
            "rolled back and verified: the script ran, and the service is healthy again",
            |r| r.phase == Phase::RolledBack && r.runs[0].status == RunStatus::Verified,
        )
        .await?;
        let log = std::fs::read_to_string(stage.folder.0.join("rollback.log")).unwrap_or_default();
        if log.lines().count() != 1 {
            let seen = format!("the rollback script ran {} times", log.lines().count());
            return Err(DemoError::Stage { stage: "one rollback".to_owned(), seen });
        }
        Ok(())
    }

    /// Gives an order, as a person's client would.
    async fn order(&self, event: Event) -> Result<(), DemoError> {
        let stopped = |e: crate::engine::Refused| DemoError::Stage {
            stage: "an order".to_owned(),
            seen: e.to_string(),
        };
        self.handle.submit(event).await.map_err(stopped)
    }

    /// Waits until the published report shows a stage, and tells how it looks.
    async fn reach(&self, stage: &str, seen: impl Fn(&Report) -> bool) -> Result<(), DemoError> {
        let mut reports = self.handle.reports();
        let found = tokio::time::timeout(PATIENCE, reports.wait_for(|report| seen(report))).await;
        let Ok(Ok(report)) = found.map(|r| r.map(|r| Arc::clone(&r))) else {
            let seen = sketch(&self.handle.report());
            return Err(DemoError::Stage { stage: stage.to_owned(), seen });
        };
        (self.say)(&format!(
            "[{:>4.1} s] {stage}\n{}",
            self.began.elapsed().as_secs_f64(),
            sketch(&report)
        ));
        tokio::time::sleep(self.pace.pause).await;
        Ok(())
    }
}

/// The report in a few lines.
fn sketch(report: &Report) -> String {
    let mut lines = vec![format!("    {}  {}", report.verdict.name(), report.question)];
    for blocker in &report.blockers {
        lines.push(format!("    {}: {}: {}", blocker.why.name(), blocker.title, blocker.because));
    }
    for trigger in report.triggers.iter().filter(|t| t.state != Status::Disarmed) {
        lines.push(format!(
            "    trigger {} {}: {}",
            trigger.id,
            trigger.state.name(),
            trigger.because
        ));
    }
    for run in &report.runs {
        lines.push(format!("    run {}: {}", run.id, run.standing()));
        for (step, state) in run.procedure.steps.iter().zip(&run.steps) {
            let (word, _, evidence) = crate::render::words::step(state);
            let evidence = crate::render::words::tame(evidence);
            lines.push(format!("      {} {word} {evidence}", step.id));
        }
    }
    lines.join("\n")
}
