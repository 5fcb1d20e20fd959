//! The announcements: what is told to whom at which milestone or instant.

use std::collections::{BTreeMap, HashMap};

use launchgate_core::announcement::{Announcement, When, WhenError};
use launchgate_core::milestone::Milestone;
use launchgate_core::name::Name;
use launchgate_core::plan::Channel;
use launchgate_core::problem::{KeyPath, Problem, did_you_mean};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::compiler::{Compiler, at};
use super::raw;

/// The most announcements of one launch.
const MOST: usize = 200;

/// An announcement.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawAnnouncement {
    /// When: a milestone (`live`), a time after one (`1h after live`), or an instant of the launch (`T-4h`, `H+15m`).
    pub(super) on: String,
    /// The channels.
    pub(super) to: Vec<String>,
    /// What it says; `${launch.title}`, `${verdict}`, `${owner.ROLE}` and others are filled in.
    pub(super) message: String,
    /// A headline: the subject of a mail, the name of an incident.
    #[serde(default)]
    pub(super) title: Option<String>,
    /// Its name, by which it is known that it was made; its `on` by default.
    #[serde(default)]
    pub(super) name: Option<String>,
    /// The milestone without which it is not made.
    #[serde(default)]
    pub(super) when: Option<String>,
    /// The role that answers for it.
    #[serde(default)]
    pub(super) owner: Option<String>,
    /// What a status page shows from then on: `scheduled`, `in_progress`, `completed`, `investigating`, `resolved`.
    #[serde(default)]
    pub(super) status: Option<String>,
    /// What a pager does: `trigger`, `acknowledge` or `resolve`.
    #[serde(default)]
    pub(super) pager: Option<String>,
    /// What it belongs to, on pagers and status pages: announcements of one matter move the same alert and incident.
    #[serde(default)]
    pub(super) matter: Option<String>,
}

impl Compiler<'_> {
    pub(super) fn announcements(
        &mut self,
        head: Option<&raw::Head>,
        channels: &BTreeMap<Name, Channel>,
    ) -> Vec<Announcement> {
        let written = head.map(|head| head.announcements.as_slice()).unwrap_or_default();
        let path = at("announcements");
        if written.len() > MOST {
            let message = format!("{} announcements are more than anybody reads", written.len());
            self.problem(Problem::new(path.clone(), message).hint(format!("at most {MOST}")));
        }
        // Which announcement tells what to which channel, by name.
        let mut known: HashMap<(String, Name), usize> = HashMap::new();
        let mut announcements = Vec::new();
        for (i, value) in written.iter().enumerate() {
            let path = path.index(i);
            let Some(read) = self.announcement(value.clone(), &path, channels) else { continue };
            for (place, channel) in read.to.iter().enumerate() {
                let Some(first) = known.insert((read.key.clone(), channel.clone()), i) else {
                    continue;
                };
                let message = format!(
                    "announcement {} tells `{channel}` of `{}` already",
                    first + 1,
                    read.key
                );
                let hint = "put both texts into one, or give each a `name`";
                let problem = Problem::new(path.entry("to").index(place), message);
                self.problem(problem.hint(hint));
            }
            announcements.push(read);
        }
        announcements
    }

    fn announcement(
        &mut self,
        value: Value,
        path: &KeyPath,
        channels: &BTreeMap<Name, Channel>,
    ) -> Option<Announcement> {
        let raw = self.read::<RawAnnouncement>(value, path)?;
        let on = self.instant(&raw.on, &path.entry("on"));
        let to = path.entry("to");
        if raw.to.is_empty() {
            self.problem(Problem::new(to.clone(), "an announcement to nobody tells nothing"));
        }
        let named = self.channels_named(raw.to.iter().map(String::as_str), &to, channels);
        if raw.message.trim().is_empty() {
            self.problem(Problem::new(path.entry("message"), "there is nothing to tell"));
        }
        let when = raw.when.as_deref().and_then(|text| self.milestone(text, &path.entry("when")));
        let owner = raw.owner.as_deref().and_then(|role| self.role(role, &path.entry("owner")));
        let (status, pager) =
            self.matter(raw.status.as_deref(), raw.pager.as_deref(), &named, path, channels);
        for (key, text) in [("name", &raw.name), ("matter", &raw.matter)] {
            if let Some(text) = text {
                self.name(text, &path.entry(key), false);
            }
        }
        let on = on?;
        Some(Announcement {
            key: raw.name.unwrap_or_else(|| on.to_string()),
            on,
            when,
            to: named,
            title: raw.title,
            message: raw.message,
            owner,
            matter: raw.matter,
            pager,
            status,
        })
    }

    /// When an announcement is made.
    fn instant(&mut self, text: &str, path: &KeyPath) -> Option<When> {
        let error = match text.parse() {
            Ok(when) => return Some(when),
            Err(error) => error,
        };
        let hint = match &error {
            WhenError::Offset(_) | WhenError::After(_) => None,
            WhenError::BeforeDeployment(_) => {
                Some("count from the planned go-live: `T-15m`".to_owned())
            }
            WhenError::Milestone(milestone) => {
                let names = Milestone::ALL.map(Milestone::name);
                let known = format!("milestones are {}", names.join(", "));
                Some(did_you_mean(milestone, names).unwrap_or(known))
            }
        };
        self.problem(Problem::new(path.clone(), error.to_string()).hint_if(hint));
        None
    }
}
