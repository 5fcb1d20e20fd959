//! The one place where a verdict, an outcome or a status becomes a word, a mark and a colour.

use std::time::Duration;

use anstyle::{AnsiColor, Style};
use jiff::{Timestamp, Zoned};
use launchgate_core::announcement::{AnnouncementReport, Told};
use launchgate_core::cadence::WatchReport;
use launchgate_core::check::{Outcome, Reason};
use launchgate_core::contact::Reach;
use launchgate_core::decision::Word;
use launchgate_core::gate::{Blocker, Gates, Verdict, Why};
use launchgate_core::name::Name;
use launchgate_core::report::{
    Basis, CheckReport, ChecklistReport, DayStep, DecisionReport, DueState, Report, TriggerReport,
};
use launchgate_core::run::{Ended, Run, RunStatus, StepState};
use launchgate_core::time::{elapsed, format_duration};
use launchgate_core::trigger::{Mode, Status};

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

    /// The mark that stands before the word, so that nothing hangs on colour alone.
    pub fn mark(self) -> &'static str {
        match self {
            Self::Good => "✓",
            Self::Open => "!",
            Self::Bad => "✗",
            Self::Calm => "·",
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
        Outcome::Waived => ("~", Tone::Open),
    }
}

/// The tone of a blocker's kind.
pub fn why(why: Why) -> Tone {
    match why {
        Why::Failed => Tone::Bad,
        Why::Unsigned | Why::Expired | Why::Unknown | Why::Stale | Why::NotYetRun | Why::Empty => {
            Tone::Open
        }
    }
}

/// What a checklist is asked for.
pub fn gates(gates: Gates) -> &'static str {
    match gates {
        Gates::Launch => "gates the launch",
        Gates::Live => "gates success",
        Gates::Watch => "gates the watch",
    }
}

/// What a trigger does when it fires.
pub fn mode(mode: Mode) -> &'static str {
    match mode {
        Mode::Observe => "observes",
        Mode::Suggest => "suggests",
        Mode::Act => "runs",
    }
}

/// What stands beside a trigger's state, in brackets; nothing when nothing does.
pub fn flags(trigger: &TriggerReport) -> String {
    let names: Vec<&str> = trigger.flags.iter().map(|flag| flag.name()).collect();
    if names.is_empty() { String::new() } else { format!(" [{}]", names.join(", ")) }
}

/// A trigger's tone.
pub fn trigger(status: Status) -> Tone {
    match status {
        Status::Watching => Tone::Good,
        Status::Arming | Status::Pending | Status::Suspended | Status::Blind => Tone::Open,
        Status::Fired => Tone::Bad,
        Status::Disarmed | Status::Expired => Tone::Calm,
    }
}

/// A run's tone.
pub fn run(status: RunStatus) -> Tone {
    match status {
        RunStatus::Verified | RunStatus::Completed => Tone::Good,
        RunStatus::Running | RunStatus::NeedsDecision | RunStatus::Unverified => Tone::Open,
        RunStatus::EndedWithFailures | RunStatus::Aborted | RunStatus::GaveWay => Tone::Bad,
    }
}

/// What a report of another instant rests on, behind its time.
pub fn basis(report: &Report) -> String {
    match report.basis {
        None => String::new(),
        Some(Basis::Projected { seen_at }) => {
            format!(" (to come, as if nothing changed after {seen_at:.0})")
        }
        Some(Basis::Recorded) => " (past, from the record)".to_owned(),
    }
}

/// A report of the watch in a sentence.
pub fn watched(kept: &WatchReport) -> String {
    let mut text = format!("{} of {} pass", kept.good, kept.of);
    if kept.last {
        text += ", the watch ends";
    }
    if kept.missed > 0 {
        text += &format!(", {} before it missed", kept.missed);
    }
    if !kept.open.is_empty() {
        text += &format!(": {}", tame(&kept.open.join("; ")));
    }
    text
}

/// When a step of the launch day is planned: as written, and on the clock of the launch.
pub fn planned(step: &DayStep, report: &Report) -> String {
    let Some((at, instant)) = step.planned.as_ref().zip(step.planned_at) else {
        return String::new();
    };
    match here(instant, report) {
        Some(instant) => format!("{at} {}", instant.strftime("%H:%M")),
        None => at.clone(),
    }
}

/// An instant on the clock of the launch, and in which zone: `Tue 2026-12-01 09:00:00 GMT`.
pub fn on_the_clock(instant: Timestamp, report: &Report) -> String {
    match here(instant, report) {
        Some(instant) => instant.strftime("%a %Y-%m-%d %H:%M:%S %Z").to_string(),
        None => format!("{instant:.0}"),
    }
}

/// An instant in the launch's zone.
fn here(instant: Timestamp, report: &Report) -> Option<Zoned> {
    let go_live: Zoned = report.go_live.parse().ok()?;
    Some(instant.to_zoned(go_live.time_zone().clone()))
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
            Ended::NotStarted => ("not started", Tone::Open, evidence),
            Ended::NotDone => ("in doubt, and not done", Tone::Bad, evidence),
        },
    }
}

/// A decision's tone: one whose facts have changed is to be made again.
pub fn decision(made: &DecisionReport, report: &Report) -> Tone {
    match made.decision {
        _ if is_stale(made, report) => Tone::Open,
        Word::Go => Tone::Good,
        Word::NoGo => Tone::Bad,
    }
}

/// Whether a decision answers the question of now on facts that no longer hold. One that answered an earlier question is
/// history.
pub fn is_stale(made: &DecisionReport, report: &Report) -> bool {
    made.stale && made.question == report.question
}

/// A decision in a sentence: who decided what on which verdict, why, and what has changed since.
pub fn decided(made: &DecisionReport, report: &Report) -> String {
    let note = made.note.as_ref().map_or_else(String::new, |note| format!(": {}", tame(note)));
    let against = match (made.decision, made.verdict) {
        (Word::Go, Verdict::Hold | Verdict::NoGo) => format!(" against {}", made.verdict.name()),
        _ => format!(" on {}", made.verdict.name()),
    };
    let stale = if is_stale(made, report) {
        format!(" – stale, since then {}", tame(&made.changes.join("; ")))
    } else {
        String::new()
    };
    format!("by {} at {:.0}{against}{note}{stale}", made.person, made.at)
}

/// How many checks of a checklist stand how, what is wrong first: `1 fail, 3 pass`.
pub fn counts(list: &ChecklistReport) -> String {
    let order = ["fail", "unknown", "warn", "waived", "pass"].map(|word| {
        (word, list.checks.iter().filter(|check| check.outcome.name() == word).count())
    });
    let told = order.iter().filter(|(_, count)| *count > 0);
    let told: Vec<String> = told.map(|(word, count)| format!("{count} {word}")).collect();
    told.join(", ")
}

/// How near a trigger is to mattering: 0 for one that does not watch, 6 for one that fired.
pub fn nearness(trigger: &TriggerReport) -> u8 {
    match trigger.state {
        Status::Disarmed | Status::Expired => 0,
        Status::Watching => 1,
        Status::Arming => 2,
        Status::Suspended => 3,
        Status::Blind => 4,
        Status::Pending => 5,
        Status::Fired => 6,
    }
}

/// What a blocker is about: the check and its title.
pub fn blocked(blocker: &Blocker) -> String {
    let title = tame(&blocker.title);
    match (&blocker.check, &blocker.checklist) {
        (Some(check), _) => format!("{check} · {title}"),
        (None, Some(list)) => format!("{list} · {title}"),
        (None, None) => title,
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

/// A text from outside, on one line and without what could upset a terminal or make it read as another text.
pub fn tame(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' | '\t' | '\u{2028}' | '\u{2029}' => out.push(' '),
            c if is_wild(c) => {}
            c => out.push(c),
        }
    }
    out
}

/// Whether a character gives orders to a terminal, turns the direction of a text, or cannot be seen at all. The joiners
/// that scripts and emoji need are none of these.
pub fn is_wild(c: char) -> bool {
    let turns = matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    c.is_control() || turns || matches!(c, '\u{200b}' | '\u{feff}')
}

/// Whether a link leads to the web; no other is ever made clickable.
pub fn is_web(url: &str) -> bool {
    url.starts_with("https://") || url.starts_with("http://")
}

/// Names in a row: `dan, eve`.
pub fn names(names: &[Name]) -> String {
    names.iter().map(Name::as_str).collect::<Vec<_>>().join(", ")
}

/// What somebody wanted looked at again, and has not been yet.
pub fn looking_again(report: &Report) -> Option<String> {
    Some(match report.looking_again.as_slice() {
        [] => return None,
        [one] => format!("looking again at {one}"),
        [first, rest @ ..] => format!("looking again at {first} and {} more", rest.len()),
    })
}

/// Who answers for a blocker: the role, and the people that hold it where the report knows them.
pub fn who(blocker: &Blocker, report: &Report) -> Option<String> {
    let role = blocker.owner.as_ref()?;
    let list = report.checklists.iter().find(|list| Some(&list.id) == blocker.checklist.as_ref());
    let of_list = list.filter(|list| list.owner.as_ref() == Some(role)).map(|list| &list.people);
    let checks = list.into_iter().flat_map(|list| &list.checks);
    let signing = checks.filter(|check| Some(&check.id) == blocker.check.as_ref());
    let mut signing = signing.filter_map(|check| check.signing.as_ref());
    let of_check = || signing.find(|signing| signing.by == *role).map(|signing| &signing.people);
    let people = of_list.or_else(of_check);
    Some(people.map_or_else(|| role.to_string(), |people| holders(role, people)))
}

/// How somebody is reached: `Olga N., on_call: phone +44 20 …, chat @olga`.
pub fn reach(reach: &Reach) -> String {
    let name = reach.name.as_deref().map_or_else(|| reach.who.to_string(), tame);
    let role = reach.role.as_ref().map_or_else(String::new, |role| format!(", {role}"));
    let ways: Vec<String> =
        reach.ways.iter().map(|way| format!("{} {}", tame(&way.by), tame(&way.at))).collect();
    if ways.is_empty() { name + &role } else { format!("{name}{role}: {}", ways.join(", ")) }
}

/// An announcement's tone.
pub fn told(told: Told) -> Tone {
    match told {
        Told::Sent => Tone::Good,
        Told::Waiting => Tone::Calm,
        Told::Missed => Tone::Open,
        Told::Failed => Tone::Bad,
    }
}

/// What an announcement is: when, to whom, and its headline or text.
pub fn announcement(announcement: &AnnouncementReport) -> String {
    let when = if announcement.name == announcement.on {
        announcement.on.clone()
    } else {
        format!("{} ({})", tame(&announcement.name), announcement.on)
    };
    let to: Vec<&str> = announcement.channels.iter().map(|c| c.channel.as_str()).collect();
    let owner = announcement.owner.as_ref().map_or_else(String::new, |role| format!(" · {role}"));
    let says = announcement.title.as_deref().unwrap_or(&announcement.message);
    format!("{when} · to {}{owner} · {}", to.join(", "), tame(says))
}

/// How an announcement stands: when it was sent, or why it was not.
pub fn standing(announcement: &AnnouncementReport, report: &Report) -> String {
    let sent = announcement.channels.iter().filter_map(|channel| channel.at).max();
    match (announcement.state, sent) {
        (Told::Sent, Some(at)) => format!("sent {}", ago(at, report.as_of)),
        _ => tame(&announcement.because),
    }
}

/// A role with those who hold it: `db_owner (dan, eve)`.
pub fn holders(role: &Name, people: &[Name]) -> String {
    if people.is_empty() { role.to_string() } else { format!("{role} ({})", names(people)) }
}

/// How much of a trigger's duration is credited: `2m of 5m`.
pub fn credit(trigger: &TriggerReport) -> String {
    format!("{} of {}", seconds(trigger.credit), seconds(trigger.lasts))
}

/// Seconds as people read them.
pub fn seconds(seconds: f64) -> String {
    format_duration(Duration::try_from_secs_f64(seconds).unwrap_or_default())
}

/// What a person is to do at a step that waits for one: the launch file's instructions, and the commands that end the wait.
pub fn ask(run: &Run, step: usize) -> (String, String) {
    let step = &run.procedure.steps[step];
    let written = step.settings.get("instructions").and_then(|text| text.as_str());
    let task = match written {
        Some(text) if step.is_manual() => tame(text),
        Some(_) | None => format!("step `{}` waits for a decision", step.id),
    };
    let answers =
        if step.is_manual() { "mark-succeeded|abort" } else { "retry|mark-succeeded|abort" };
    (task, format!("launchgate run {answers} {} --reason WHY", run.id))
}

/// The time until go-live, or since, to the second: `T-4d 01:54:33`, `T+00:12:05`.
pub fn clock(seconds: i64) -> String {
    let (sign, left) = (if seconds >= 0 { '-' } else { '+' }, seconds.unsigned_abs());
    let (days, hours, minutes) = (left / 86_400, left % 86_400 / 3_600, left % 3_600 / 60);
    let days = if days == 0 { String::new() } else { format!("{days}d ") };
    format!("T{sign}{days}{hours:02}:{minutes:02}:{:02}", left % 60)
}

/// The time until go-live, or since.
pub fn countdown(seconds: i64) -> String {
    let text = format_duration(Duration::from_secs(seconds.unsigned_abs()));
    if seconds >= 0 { format!("T-{text}") } else { format!("T+{text}") }
}

/// How long ago a check was seen; nothing for one that never was, or whose sentence says it because it is stale.
pub fn age(check: &CheckReport, report: &Report) -> Option<String> {
    let at = check.observed_at.filter(|_| check.reason != Some(Reason::Stale))?;
    Some(ago(at, report.as_of))
}

/// How long ago something was seen.
pub fn ago(at: Timestamp, now: Timestamp) -> String {
    let age = elapsed(at, now);
    if age.as_secs() == 0 {
        return "just now".to_owned();
    }
    format!("{} ago", format_duration(Duration::from_secs(age.as_secs())))
}
/// What a launch is, in a line: its title, its type if it has one, and its version.
pub(crate) fn about(report: &Report) -> String {
    let kind = report.kind.as_ref().map_or_else(String::new, |kind| format!(" · {}", tame(kind)));
    format!("{}{kind} · version {}", tame(&report.title), tame(&report.version))
}

/// An instant as the people of its place say it; the seconds only where it has some.
fn moment(at: &Zoned) -> String {
    let clock = if at.second() == 0 { "%H:%M" } else { "%H:%M:%S" };
    let told = at.strftime(&format!("%a %Y-%m-%d {clock} %Z")).to_string();
    match at.time_zone().iana_name() {
        Some(place) if !told.ends_with(place) => format!("{told} ({place})"),
        _ => told,
    }
}

/// When it goes live, and until when the window is open.
pub(crate) fn schedule(report: &Report) -> String {
    let read = |text: &String| text.parse::<Zoned>().ok();
    match (read(&report.go_live), report.window_ends.as_ref().and_then(read)) {
        (Some(begins), Some(ends)) => {
            let form = if begins.date() == ends.date() { "%H:%M" } else { "%a %Y-%m-%d %H:%M" };
            format!("{}, window until {}", moment(&begins), ends.strftime(form))
        }
        (Some(begins), None) => moment(&begins),
        (None, _) => report.go_live.clone(),
    }
}
