//! The announcements: each is made once, in the transaction of what it tells or at its instant, and shown as it stands.

use std::time::Duration;

use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

use super::{Effect, State};
use crate::announcement::{
    Announcement, AnnouncementReport, ChannelReport, LATE, PREFIX, Told, When,
};
use crate::matter::Matter;
use crate::message::{Delivery, Message};
use crate::milestone::{Milestone, Phase, Reached};
use crate::name::Name;
use crate::procedure::fill;
use crate::time::{Anchor, Moment, add, elapsed, format_duration};

/// How many blockers `${blockers}` names.
const BLOCKERS: usize = 5;
/// For how long a failed announcement is an alarm.
const ALARMING: Duration = Duration::from_secs(24 * 3_600);

/// Whether an announcement can be made.
enum Standing {
    /// Its time has not come.
    Ahead { at: Option<Timestamp>, because: String },
    /// Now.
    Due { at: Timestamp },
    /// Not any more.
    Passed { at: Timestamp, because: String },
}

impl State {
    /// Makes the announcements whose time has come.
    pub(super) fn announce_what_is_due(&mut self, now: Moment, effects: &mut Vec<Effect>) {
        let plan = std::sync::Arc::clone(&self.plan);
        for announcement in &plan.announcements {
            if !matches!(self.standing(announcement, now.wall), Standing::Due { .. }) {
                continue;
            }
            let ids = announcement
                .to
                .iter()
                .map(|channel| (self.announcement_id(announcement, channel), channel));
            let open: Vec<(String, &Name)> = ids.filter(|(id, _)| !self.outbox.knows(id)).collect();
            if open.is_empty() {
                continue;
            }
            let [title, text] = [announcement.title.as_deref(), Some(&announcement.message)]
                .map(|text| text.map(|text| self.told(announcement, text, now)));
            for (id, channel) in open {
                let text = text.clone().unwrap_or_default();
                let matter = Some(self.matter_of(announcement));
                let title = title.clone();
                let message = Message::new(id, channel.clone(), text, now.wall);
                let message = Message { title, matter, ..message };
                self.send(message, effects);
            }
        }
    }

    fn matter_of(&self, announcement: &Announcement) -> Matter {
        let named = announcement.matter.as_deref();
        let usual = announcement.status.map(crate::matter::Status::usual_matter);
        let name = named.or(usual).unwrap_or(&announcement.key);
        Matter {
            key: format!("{}/{}/{name}", self.plan.launch, self.plan.version),
            pager: announcement.pager,
            status: announcement.status,
        }
    }

    /// The name of an announcement's message to a channel: the same after every restart and reload.
    fn announcement_id(&self, announcement: &Announcement, channel: &Name) -> String {
        let deployment = match self.generation() {
            again @ 2.. if announcement.on.is_per_deployment() => format!("/{again}"),
            _ => String::new(),
        };
        let Announcement { key, .. } = announcement;
        let [version, key] = [&self.plan.version, key].map(|text| plain(text));
        format!("{PREFIX}{}/{version}/{key}{deployment}/{channel}", self.plan.launch)
    }

    fn standing(&self, announcement: &Announcement, now: Timestamp) -> Standing {
        let Some(at) = self.time_of(announcement.on) else {
            let because = match announcement.on {
                When::Reached { milestone, .. } => format!("waits for `{milestone}`"),
                When::At(_) => "waits for `deploy_started`".to_owned(),
            };
            return Standing::Ahead { at: None, because };
        };
        if now < at {
            let left = format_duration(elapsed(now, at));
            return Standing::Ahead {
                at: Some(at),
                because: format!("waits for its time, in {left}"),
            };
        }
        let late = elapsed(at, now) > LATE;
        let phase = Phase::after(&self.milestones);
        let over = matches!(phase, Phase::RollingBack | Phase::RolledBack | Phase::Closed);
        let because = if over && !announcement.on.is_of_the_end() {
            format!("the launch is {}", phase.name())
        } else if let Some(missing) = self.missing(announcement) {
            format!("`{missing}` was not reached")
        } else if late {
            let since = format_duration(LATE);
            format!("it could not be made within {since} of its time")
        } else {
            return Standing::Due { at };
        };
        if late {
            Standing::Passed { at, because }
        } else {
            Standing::Ahead { at: Some(at), because: format!("held back: {because}") }
        }
    }

    /// The milestone without which it is not made, and that was not reached.
    fn missing(&self, announcement: &Announcement) -> Option<Milestone> {
        let wanted = announcement.when?;
        let reached = self.deployment().iter().any(|reached| reached.milestone == wanted);
        (!reached).then_some(wanted)
    }

    /// When an announcement is to be made, if that is known.
    fn time_of(&self, when: When) -> Option<Timestamp> {
        match when {
            When::Reached { milestone, after } => {
                let mut here = self.deployment().iter();
                Some(add(here.find(|reached| reached.milestone == milestone)?.at, after))
            }
            When::At(due) => match due.anchor {
                Anchor::GoLive => Some(due.resolve(&self.plan.go_live)),
                Anchor::DeployStarted => {
                    let here = self.deployment().first();
                    let began = here.filter(|r| r.milestone == Milestone::DeployStarted)?;
                    let zone: TimeZone = self.plan.go_live.time_zone().clone();
                    Some(due.resolve(&began.at.to_zoned(zone)))
                }
            },
        }
    }

    /// The milestones of the deployment under way, its start among them; before the first, all that were reached.
    fn deployment(&self) -> &[Reached] {
        let began = self.milestones.iter().rposition(|r| r.milestone == Milestone::DeployStarted);
        &self.milestones[began.unwrap_or_default()..]
    }

    /// A text with what is known of the launch filled in.
    fn told(&mut self, announcement: &Announcement, text: &str, now: Moment) -> String {
        if !text.contains("${") {
            return text.to_owned();
        }
        let plan = std::sync::Arc::clone(&self.plan);
        let report = self.report(now);
        let run = self.runs.iter().rfind(|run| run.is_rollback());
        let mut values: Vec<(String, String)> = [
            ("launch", plan.launch.to_string()),
            ("launch.title", plan.title.clone()),
            ("launch.version", plan.version.clone()),
            ("launch.go_live", written(&plan.go_live)),
            ("launch.window_ends", window_ends(&plan.go_live, plan.window)),
            ("version", plan.version.clone()),
            ("verdict", report.verdict.name().to_owned()),
            ("phase", report.phase.name().to_owned()),
            ("trigger.because", run.map_or_else(|| "nothing".to_owned(), |run| run.cause.clone())),
            ("run.id", run.map_or_else(|| "none".to_owned(), |run| run.id.to_string())),
            ("run.status", run.map_or("none", |run| run.status.name()).to_owned()),
            ("time", written(&now.wall.to_zoned(plan.go_live.time_zone().clone()))),
            ("owner", self.holders(announcement.owner.as_ref())),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into();
        for name in ["previous_version", "launch.previous_version"] {
            let previous = plan.previous_version.as_deref().unwrap_or("unknown");
            values.push((name.to_owned(), previous.to_owned()));
        }
        let titles = report.blockers.iter().map(|blocker| blocker.title.as_str());
        let named: Vec<&str> = titles.take(BLOCKERS).collect();
        let more = match report.blockers.len().saturating_sub(BLOCKERS) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let blockers = if named.is_empty() { "none".to_owned() } else { named.join(", ") + &more };
        values.push(("blockers".to_owned(), blockers));
        for role in plan.people.keys() {
            values.push((format!("owner.{role}"), self.holders(Some(role))));
        }
        for (name, link) in &plan.links {
            values.push((format!("links.{name}"), link.clone()));
        }
        let borrowed: Vec<(&str, &str)> =
            values.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        fill(text, &borrowed)
    }

    /// Those who hold a role, by their names for people.
    fn holders(&self, role: Option<&Name>) -> String {
        let people = role.and_then(|role| self.plan.people.get(role));
        let named = people.into_iter().flatten().map(|who| {
            let contact = self.plan.contacts.get(who);
            contact.and_then(|contact| contact.name.as_deref()).unwrap_or(who.as_str())
        });
        let named: Vec<&str> = named.collect();
        if named.is_empty() { "nobody".to_owned() } else { named.join(", ") }
    }

    /// How each announcement stands.
    pub(super) fn announcement_reports(&self, now: Moment) -> Vec<AnnouncementReport> {
        let announcements = self.plan.announcements.iter();
        announcements.map(|announcement| self.announcement_report(announcement, now)).collect()
    }

    fn announcement_report(&self, announcement: &Announcement, now: Moment) -> AnnouncementReport {
        let standing = self.standing(announcement, now.wall);
        let (at, unmade, because) = match standing {
            Standing::Ahead { at, because } => (at, Told::Waiting, because),
            Standing::Due { at } => (Some(at), Told::Waiting, "to be sent".to_owned()),
            Standing::Passed { at, because } => (Some(at), Told::Missed, because),
        };
        let channels: Vec<ChannelReport> = announcement
            .to
            .iter()
            .map(|channel| {
                let id = self.announcement_id(announcement, channel);
                let (state, at, because) = match self.outbox.delivery(&id) {
                    None => (unmade, None, None),
                    Some(Delivery::Waiting) => (Told::Waiting, None, Some("on its way".to_owned())),
                    Some(Delivery::Sent { at }) => (Told::Sent, Some(*at), None),
                    Some(Delivery::GivenUp { at, because }) => {
                        (Told::Failed, Some(*at), Some(because.clone()))
                    }
                };
                ChannelReport { channel: channel.clone(), state, at, because }
            })
            .collect();
        let state = channels.iter().map(|channel| channel.state).max().unwrap_or(unmade);
        let worst = channels.iter().filter(|channel| channel.state == state);
        let told: Vec<String> = worst
            .filter_map(|c| Some(format!("{}: {}", c.channel, c.because.as_deref()?)))
            .collect();
        AnnouncementReport {
            name: announcement.key.clone(),
            on: announcement.on.to_string(),
            at,
            owner: announcement.owner.clone(),
            title: announcement.title.clone(),
            message: announcement.message.clone(),
            state,
            because: match state {
                Told::Sent => String::new(),
                _ if told.is_empty() => because,
                _ => told.join("; "),
            },
            channels,
        }
    }

    /// The announcements that lately reached somebody not.
    pub(super) fn unheard(&self, now: Moment) -> impl Iterator<Item = String> {
        let failed = |a: &Announcement, channel: &Name| match self
            .outbox
            .delivery(&self.announcement_id(a, channel))?
        {
            Delivery::GivenUp { at, because } if elapsed(*at, now.wall) < ALARMING => {
                Some(format!("the announcement `{}` did not reach {channel}: {because}", a.key))
            }
            _ => None,
        };
        let announcements = self.plan.announcements.iter();
        let all: Vec<String> = announcements
            .flat_map(|a| a.to.iter().filter_map(move |channel| failed(a, channel)))
            .collect();
        all.into_iter()
    }
}

/// A text as part of a message's name: letters, digits and `.+-_` as they are, the rest by its bytes.
fn plain(text: &str) -> String {
    use std::fmt::Write as _;
    let mut out = String::new();
    for byte in text.bytes() {
        match byte {
            b' ' => out.push('-'),
            b if b.is_ascii_alphanumeric() || b".+-_".contains(&b) => out.push(char::from(b)),
            b => write!(out, "%{b:02x}").expect("a String takes all"),
        }
    }
    out
}

fn written(at: &Zoned) -> String {
    at.strftime("%Y-%m-%d %H:%M %Z").to_string()
}

fn window_ends(go_live: &Zoned, window: Option<Duration>) -> String {
    let ends = window
        .and_then(|window| jiff::SignedDuration::try_from(window).ok())
        .and_then(|window| go_live.checked_add(window).ok());
    ends.map_or_else(|| "unknown".to_owned(), |ends| written(&ends))
}
