//! The announcements on the board, and how people are reached.

use launchgate_core::announcement::AnnouncementReport;
use launchgate_core::contact::Reach;
use launchgate_core::report::Report;
use maud::{Markup, html};

use super::super::words::{self, tame};
use super::{badge, instant, link, sentence};

/// Every announcement, in the order of the launch file.
pub(super) fn announcements(report: &Report) -> Markup {
    html! {
        section #announcements aria-labelledby="announcements-title" hidden[report.announcements.is_empty()] {
            h2 #announcements-title { "Announcements" }
            ul.cards { @for each in &report.announcements { (announcement(each, report)) } }
        }
    }
}

fn announcement(each: &AnnouncementReport, report: &Report) -> Markup {
    html! {
        li {
            (badge(each.state.name(), words::told(each.state))) " "
            strong { (tame(&each.name)) } " "
            span.fine {
                @if each.name != each.on { (each.on) ", " }
                "to " @for (i, to) in each.channels.iter().enumerate() { @if i > 0 { ", " } (to.channel) }
                @if let Some(owner) = &each.owner { " · " (owner) }
                @if let Some(at) = each.at { " · " (instant(at, report)) }
            }
            @if let Some(title) = &each.title { p { strong { (tame(title)) } } }
            p { (tame(&each.message)) }
            p.fine { (sentence(&words::standing(each, report))) }
        }
    }
}

/// How somebody is reached about a blocker.
pub(super) fn reach(reach: &Reach) -> Markup {
    html! {
        p.fine {
            "Turn to: "
            strong { @if let Some(name) = &reach.name { (tame(name)) } @else { (reach.who) } }
            @if let Some(role) = &reach.role { ", " (role) }
            @for way in &reach.ways {
                " · " (tame(&way.by)) " "
                (link(&way.at, &way.at))
            }
        }
    }
}
