//! The watch after the launch, and the timeline of what happened.

use launchgate_core::report::Report;
use maud::{Markup, html};

use super::super::timeline::timeline;
use super::super::words::{self, ago};
use super::{badge, instant, orders};

/// The watch: the next report, and those that were kept.
pub(super) fn watch(report: &Report) -> Markup {
    let watch = report.watch.as_ref().filter(|w| w.next_at.is_some() || !w.reports.is_empty());
    html! {
        section #watch aria-labelledby="watch-title" hidden[watch.is_none()] {
            h2 #watch-title { "Watch" }
            @if let Some(watch) = watch {
                p.fine {
                    @match watch.next_at {
                        Some(at) => { "Next report at " (instant(at, report)) ", until " (watch.ends) },
                        None => { "Over" },
                    }
                }
                ul.cards {
                    @for kept in &watch.reports {
                        li { (badge(kept.verdict.name(), words::verdict(kept.verdict))) " " (instant(kept.at, report)) p { (words::watched(kept)) } }
                    }
                }
            }
        }
    }
}

/// What happened, newest first, and the milestones that may come next.
pub(super) fn happened(report: &Report, live: bool) -> Markup {
    let entries = timeline(report);
    html! {
        section #timeline aria-labelledby="timeline-title" hidden[entries.is_empty() && !live] {
            h2 #timeline-title { "Timeline" }
            @if live { (orders::milestones(report)) }
            @if entries.is_empty() { p.fine { "Nothing has happened yet." } }
            ol.timeline {
                @for entry in &entries {
                    li {
                        time datetime=(entry.at) title=(words::on_the_clock(entry.at, report)) { (ago(entry.at, report.as_of)) } " "
                        (badge(entry.what, entry.tone)) " " (entry.says)
                    }
                }
            }
        }
    }
}
