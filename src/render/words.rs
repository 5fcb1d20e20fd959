//! The one place where a verdict, an outcome or a status becomes a word, a mark and a colour.

use anstyle::{AnsiColor, Style};
use launchgate_core::check::Outcome;
use launchgate_core::gate::Verdict;
use launchgate_core::report::DueState;
use launchgate_core::run::{Ended, RunStatus, StepState};
use launchgate_core::trigger::Status;

/// How good something is, for colours and classes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// As it should be.
    Good,
    /// Open, or worth a look.
    Open,
    /// Wrong.
    Bad,
    /// Neither.
    Calm,
}

impl Tone {
    /// The class on the page.
    pub fn class(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Open => "open",
            Self::Bad => "bad",
            Self::Calm => "calm",
        }
    }

    /// The style on a terminal.
    pub fn style(self) -> Style {
        match self {
            Self::Good => AnsiColor::Green.on_default().bold(),
            Self::Open => AnsiColor::Yellow.on_default().bold(),
            Self::Bad => AnsiColor::Red.on_default().bold(),
            Self::Calm => Style::new().dimmed(),
        }
    }
}

/// A verdict's tone.
pub fn verdict(verdict: Verdict) -> Tone {
    match verdict {
        Verdict::Go => Tone::Good,
        Verdict::Hold => Tone::Open,
        Verdict::NoGo => Tone::Bad,
    }
}

/// An outcome's mark and tone.
pub fn outcome(outcome: Outcome) -> (&'static str, Tone) {
    match outcome {
        Outcome::Pass => ("✓", Tone::Good),
        Outcome::Warn => ("!", Tone::Open),
        Outcome::Fail => ("✗", Tone::Bad),
        Outcome::Unknown(_) => ("?", Tone::Open),
    }
}

/// A trigger's tone.
pub fn trigger(status: Status) -> Tone {
    match status {
        Status::Watching => Tone::Good,
        Status::Pending | Status::Suspended | Status::Blind => Tone::Open,
        Status::Fired => Tone::Bad,
        Status::Disarmed | Status::Expired => Tone::Calm,
    }
}

/// A run's tone.
pub fn run(status: RunStatus) -> Tone {
    match status {
        RunStatus::Verified => Tone::Good,
        RunStatus::Running | RunStatus::NeedsDecision | RunStatus::Unverified => Tone::Open,
        RunStatus::EndedWithFailures | RunStatus::Aborted => Tone::Bad,
    }
}

/// A step's word, tone, and what there is to see of it.
pub fn step(state: &StepState) -> (&'static str, Tone, &str) {
    match state {
        StepState::Planned => ("planned", Tone::Calm, ""),
        StepState::Started { .. } => ("under way", Tone::Open, ""),
        StepState::Again { .. } => ("again", Tone::Open, ""),
        StepState::Skipped { because } => ("skipped", Tone::Calm, because),
        StepState::Ended { how, evidence, .. } => match how {
            Ended::Succeeded => ("succeeded", Tone::Good, evidence),
            Ended::Failed => ("failed", Tone::Bad, evidence),
            Ended::TimedOut => ("timed out", Tone::Bad, evidence),
            Ended::InDoubt => ("in doubt", Tone::Bad, evidence),
        },
    }
}

/// How a checklist stands against its due time.
pub fn due(state: DueState) -> (&'static str, Tone) {
    match state {
        DueState::NotYetDue => ("not yet due", Tone::Calm),
        DueState::Met => ("met", Tone::Good),
        DueState::Overdue => ("overdue", Tone::Bad),
    }
}

/// A text from outside, on one line and without what could upset a terminal.
pub fn tame(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' | '\t' => out.push(' '),
            c if c.is_control() => {}
            // Bidirectional overrides make a text read as another.
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {}
            c => out.push(c),
        }
    }
    out
}

/// The time until go-live, or since.
pub fn countdown(seconds: i64) -> String {
    let time = std::time::Duration::from_secs(seconds.unsigned_abs());
    let text = launchgate_core::time::format_duration(time);
    if seconds >= 0 { format!("T-{text}") } else { format!("T+{text}") }
}

/// How long ago something was seen.
pub fn ago(at: jiff::Timestamp, now: jiff::Timestamp) -> String {
    let age = launchgate_core::time::elapsed(at, now);
    if age.as_secs() == 0 {
        return "just now".to_owned();
    }
    let whole = std::time::Duration::from_secs(age.as_secs());
    format!("{} ago", launchgate_core::time::format_duration(whole))
}
