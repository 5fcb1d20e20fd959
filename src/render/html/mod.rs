//! The report as HTML: the board that the live page shows, and the page of its own that a saved report is.
//!
//! Nothing here needs a script. Every text from outside passes the template's escaping and [`tame`], and only addresses
//! on the web become links.

mod announcements;
mod board;
mod checklist;
mod day;
mod glance;
mod happened;
mod look;
mod orders;
mod plot;
mod run;

use jiff::Timestamp;
use launchgate_core::report::Report;
use maud::{DOCTYPE, Markup, PreEscaped, html};

pub use self::board::board;
pub use self::glance::glance;
pub use self::look::look;
use super::words::{self, Tone, tame};

/// The style of the board.
pub const CSS: &str = include_str!("board.css");

/// The report as a page of its own, which carries its style and needs nothing else.
pub fn document(report: &Report) -> Markup {
    let style = html! { style { (PreEscaped(CSS)) } };
    page(&title(report), &style, &html! { body { main #board { (board(report, false)) } } })
}

/// A page: its title, what its head has besides, and its body.
pub fn page(title: &str, head: &Markup, body: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                link rel="icon" href="data:,";
                title { (title) }
                (head)
            }
            (body)
        }
    }
}

/// What the window of a report is called.
pub fn title(report: &Report) -> String {
    format!("{} · {}", report.verdict.name(), tame(&report.title))
}

/// A mark and a word, so that nothing hangs on colour alone.
pub fn badge(word: &str, tone: Tone) -> Markup {
    html! { span.badge.(tone.class()) { span aria-hidden="true" { (tone.mark()) " " } (word) } }
}

/// An instant, on the clock of the launch.
fn instant(at: Timestamp, report: &Report) -> Markup {
    html! { time datetime=(at) { (words::on_the_clock(at, report)) } }
}

/// A sentence of ours, in which names and commands stand between backticks.
fn sentence(text: &str) -> Markup {
    let text = tame(text);
    let parts: Vec<&str> = text.split('`').collect();
    // One that is not closed is of somebody else's making.
    if parts.len().is_multiple_of(2) {
        return html! { (text) };
    }
    html! { @for (i, part) in parts.iter().enumerate() { @if i % 2 == 1 { code { (part) } } @else { (part) } } }
}

/// An address as a link if it leads to the web, else as text.
fn link(text: &str, url: &str) -> Markup {
    html! {
        @if words::is_web(url) {
            a href=(tame(url)) rel="noopener noreferrer" { (tame(text)) }
        } @else {
            (tame(text))
        }
    }
}
