//! What people decided, and what they are told: decisions, announcements, messages, the reports of the watch.

use launchgate_core::announcement::Told;
use launchgate_core::decision::Word;
use launchgate_core::report::Report;
use prometheus_client::registry::Registry;

use super::series::{Labels, Series};

const TOLD: [Told; 4] = [Told::Sent, Told::Waiting, Told::Missed, Told::Failed];

/// The go/no-go decision.
pub(super) struct Statements {
    decision: Series,
    stale: Series,
    at: Series,
}

impl Statements {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let mut series = |name: &str, help: &str| Series::register(registry, name, help);
        Self {
            decision: series("decision", "Whether this is the last decision"),
            stale: series("decision_stale", "Whether the facts have changed since the decision"),
            at: series("decision_timestamp_seconds", "When the last decision was made"),
        }
    }

    pub(super) fn fill(&self, of: &Labels, report: &Report) {
        let last = report.decisions.first();
        self.decision.each(of, "decision", [Word::Go, Word::NoGo].map(Word::name), |word| {
            last.is_some_and(|last| last.decision.name() == word)
        });
        if let Some(last) = last {
            self.stale.is(of, last.stale);
            self.at.at(of, Some(last.at));
        }
    }
}

/// What is told.
pub(super) struct Messages {
    waiting: Series,
    oldest: Series,
    given_up: Series,
    announcements: Series,
    watch_next: Series,
    watch_ends: Series,
}

impl Messages {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let mut series = |name: &str, help: &str| Series::register(registry, name, help);
        Self {
            waiting: series("messages_waiting", "How many messages wait to be delivered"),
            oldest: series(
                "messages_oldest_waiting_timestamp_seconds",
                "Since when the oldest message waits",
            ),
            given_up: series(
                "messages_given_up",
                "How many of the messages that are remembered were given up",
            ),
            announcements: series("announcements", "How many announcements stand so"),
            watch_next: series(
                "watch_next_report_timestamp_seconds",
                "When the next report of the watch is due",
            ),
            watch_ends: series("watch_end_timestamp_seconds", "When the watch ends"),
        }
    }

    pub(super) fn fill(&self, of: &Labels, report: &Report) {
        self.waiting.count(of, report.messages.waiting);
        self.oldest.at(of, report.messages.oldest_waiting);
        self.given_up.count(of, report.messages.given_up);
        for told in TOLD {
            let many = report.announcements.iter().filter(|one| one.state == told).count();
            self.announcements.count(&of.and("state", told.name()), many);
        }
        if let Some(watch) = &report.watch {
            self.watch_next.at(of, watch.next_at);
            self.watch_ends.at(of, Some(watch.ends_at));
        }
    }
}
