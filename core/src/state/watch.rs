//! The watch after the launch: a report at each of its slots, kept and told; the last one ends it.

use std::time::Duration;

use jiff::Timestamp;

use super::{Effect, Record, State};
use crate::cadence::{Slot, WatchReport, next_slot};
use crate::gate::{Blocker, Gates, Why};
use crate::message::Message;
use crate::milestone::{Milestone, Phase};
use crate::report::{Report, WatchingReport};
use crate::time::Moment;

/// How many sentences a report of the watch has.
const SENTENCES: usize = 10;
/// How long after it came up the daemon waits with a report for what was not looked at yet.
const SETTLES: Duration = Duration::from_secs(60);
/// How many reports of the watch are remembered.
const KEPT: usize = 200;
/// How many reports of the watch a report shows.
const SHOWN: usize = 20;

impl State {
    /// Compiles the watch's report if it is time for one.
    pub(super) fn keep_watch(&mut self, now: Moment, effects: &mut Vec<Effect>) {
        if Phase::after(&self.milestones) != Phase::Watching {
            return;
        }
        let Some((slot, missed)) = self.due_slot(now.wall) else { return };
        let full = self.report(now);
        if self.has_just_come_up(now) && full.blockers.iter().any(is_unseen) {
            return;
        }
        let report = self.watch_report(&full, slot, missed, now.wall);
        effects.push(Effect::Persist(Record::Watched(Box::new(report.clone()))));
        self.watched.push(report.clone());
        let over = self.watched.len().saturating_sub(KEPT);
        self.watched.drain(..over);
        let text = report.text(self.next_slot_after(slot.at).map(|next| next.at));
        for channel in self.plan.watch[slot.stage].to.clone() {
            let id = format!("watch/{}/{channel}", slot.at.as_millisecond());
            if self.outbox.knows(&id) {
                continue;
            }
            let text = format!("[{}] {text}", self.plan.launch);
            self.send(Message::new(id, channel, text, now.wall), effects);
        }
    }

    /// Whether the probes may not have looked yet since the daemon came up.
    fn has_just_come_up(&self, now: Moment) -> bool {
        self.up_since.is_some_and(|since| now.uptime_since(since) < SETTLES)
    }

    /// When the launch went live.
    fn live_at(&self) -> Option<Timestamp> {
        let live = self.milestones.iter().rev().find(|r| r.milestone == Milestone::Live);
        live.map(|reached| reached.at)
    }

    /// The slot that the newest report was compiled for, since the launch went live.
    fn last_slot(&self) -> Option<Timestamp> {
        let live = self.live_at()?;
        Some(self.watched.last().map(|report| report.slot).filter(|at| *at >= live).unwrap_or(live))
    }

    fn next_slot_after(&self, after: Timestamp) -> Option<Slot> {
        let ends: Vec<Timestamp> = self.plan.watch.iter().map(|s| self.instant(s.until)).collect();
        next_slot(&self.plan.watch, &ends, after)
    }

    /// The newest slot that is due and has no report, and how many before it are left out.
    fn due_slot(&self, now: Timestamp) -> Option<(Slot, u32)> {
        let mut due = None;
        let mut after = self.last_slot()?;
        while let Some(slot) = self.next_slot_after(after).filter(|slot| slot.at <= now) {
            let missed = due.map_or(0, |(_, missed): (Slot, u32)| missed + 1);
            due = Some((slot, missed));
            after = slot.at;
        }
        due
    }

    fn watch_report(&self, full: &Report, slot: Slot, missed: u32, at: Timestamp) -> WatchReport {
        let live = self.live_at();
        let number =
            self.watched.iter().filter(|r| live.is_some_and(|live| r.slot >= live)).count();
        let lists = || full.checklists.iter().filter(|list| list.gates == Gates::Watch);
        let checks = || lists().flat_map(|list| &list.checks);
        let open = full.blockers.iter().map(|b| format!("{}: {}", b.title, b.because));
        WatchReport {
            number: u32::try_from(number + 1).unwrap_or(u32::MAX),
            slot: slot.at,
            at,
            missed,
            verdict: full.verdict,
            good: checks().filter(|check| check.outcome.is_good()).count(),
            of: checks().count(),
            open: open.take(SENTENCES).collect(),
            last: slot.last,
        }
    }

    /// Where the watch stands; nothing without one.
    pub(super) fn watching_report(&self) -> Option<WatchingReport> {
        let end = self.plan.watch.last()?;
        let watching = Phase::after(&self.milestones) == Phase::Watching;
        let next = self.last_slot().filter(|_| watching).and_then(|at| self.next_slot_after(at));
        Some(WatchingReport {
            next_at: next.map(|slot| slot.at),
            ends: end.until.to_string(),
            ends_at: self.instant(end.until),
            reports: self.watched.iter().rev().take(SHOWN).cloned().collect(),
        })
    }
}

/// Whether a blocker is that nobody has looked lately.
fn is_unseen(blocker: &Blocker) -> bool {
    matches!(blocker.why, Why::Stale | Why::NotYetRun)
}
