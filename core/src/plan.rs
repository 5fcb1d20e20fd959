//! A plan: what a launch file compiles to. It is never half-valid: every reference resolves, every expectation is typed.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Zoned;

use crate::announcement::Announcement;
use crate::cadence::Stage;
use crate::check::Check;
use crate::contact::Contact;
use crate::gate::Checklist;
use crate::name::{CheckPath, Name};
use crate::procedure::Procedure;
use crate::trigger::Trigger;
use crate::waiver::WaiverRule;

/// A channel that messages go to.
#[derive(Debug, Clone, PartialEq)]
pub struct Channel {
    /// The name.
    pub id: Name,
    /// The kind: `webhook`, `slack`, `teams`, `email`, `pagerduty`, `status_page`.
    pub kind: Name,
    /// Its settings, secrets by reference.
    pub settings: serde_json::Value,
}

/// One launch, compiled.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// The launch's name.
    pub launch: Name,
    /// What its rollback rolls back: the launch itself, unless several launches share a target.
    pub target: Name,
    /// The title for people.
    pub title: String,
    /// What kind of launch it is, in the words of the file: a release, a migration, a new site.
    pub kind: Option<String>,
    /// The version that is launched.
    pub version: String,
    /// The version to go back to.
    pub previous_version: Option<String>,
    /// The planned go-live, in its zone.
    pub go_live: Zoned,
    /// How long the launch window is.
    pub window: Option<Duration>,
    /// Who holds which role; the first is primary.
    pub people: BTreeMap<Name, Vec<Name>>,
    /// Links for people: war room, status page.
    pub links: BTreeMap<String, String>,
    /// The checklists, in the order of the file.
    pub checklists: Vec<Checklist>,
    /// The rollback triggers, in the order of the file.
    pub triggers: Vec<Trigger>,
    /// The procedures by name.
    pub procedures: BTreeMap<Name, Procedure>,
    /// The channels by name.
    pub channels: BTreeMap<Name, Channel>,
    /// The channels by which the daemon calls for people.
    pub page: Vec<Name>,
    /// How often the launch is reported on after it went live, in stages.
    pub watch: Vec<Stage>,
    /// Who may waive, and for how long.
    pub waivers: WaiverRule,
    /// What is told to whom when, in the order of the file.
    pub announcements: Vec<Announcement>,
    /// How people and teams are reached.
    pub contacts: BTreeMap<Name, Contact>,
    /// Whom to turn to beside a check's owner, roles or contacts, the first first.
    pub escalations: BTreeMap<CheckPath, Vec<Name>>,
    /// SHA-256 over the file, in hexadecimal.
    pub hash: String,
}

impl Plan {
    /// Every check with its checklist, in the order of the file.
    pub fn checks(&self) -> impl Iterator<Item = (&Checklist, &Check)> {
        self.checklists.iter().flat_map(|list| list.checks.iter().map(move |check| (list, check)))
    }

    /// A check by its path.
    pub fn check(&self, path: &CheckPath) -> Option<&Check> {
        self.checklist(&path.checklist)?.checks.iter().find(|c| c.path == *path)
    }

    /// A checklist by its name.
    pub fn checklist(&self, id: &Name) -> Option<&Checklist> {
        self.checklists.iter().find(|list| list.id == *id)
    }

    /// A trigger by its name.
    pub fn trigger(&self, id: &Name) -> Option<&Trigger> {
        self.triggers.iter().find(|t| t.id == *id)
    }

    /// Whether a person holds a role.
    pub fn holds(&self, person: &Name, role: &Name) -> bool {
        self.people.get(role).is_some_and(|people| people.contains(person))
    }
}
