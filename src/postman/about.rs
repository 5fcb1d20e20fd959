//! What a message may say of its launch: all that is told of it to whoever delivers the message.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Zoned;
use launchgate_core::name::Name;
use launchgate_core::plan::Plan;
use serde::{Deserialize, Serialize};

/// A launch, as far as messages speak of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct About {
    /// The launch's name.
    pub(super) launch: Name,
    /// What its rollback rolls back.
    pub(super) target: Name,
    /// The title for people.
    pub(super) title: String,
    /// The version that is launched.
    pub(super) version: String,
    /// Links for people.
    pub(super) links: BTreeMap<String, String>,
    /// The planned go-live, in its zone.
    pub(super) go_live: Zoned,
    /// How long the launch window is.
    pub(super) window: Option<Duration>,
}

impl About {
    /// What a plan says.
    pub(crate) fn of(plan: &Plan) -> Self {
        Self {
            launch: plan.launch.clone(),
            target: plan.target.clone(),
            title: plan.title.clone(),
            version: plan.version.clone(),
            links: plan.links.clone(),
            go_live: plan.go_live.clone(),
            window: plan.window,
        }
    }
}
