//! The kinds of channel, in one list: how the settings of each are read, checked and used.

use std::path::Path;

use launchgate_core::message::Message;
use launchgate_core::problem::Problem;
use launchgate_probes::strict;
use reqwest::Url;
use schemars::schema_for;
use serde_json::Value;

use super::about::About;
use super::undelivered::Undelivered;
use super::{email, pagerduty, post, slack, status_page, teams, webhook};

/// What takes messages to one channel.
#[derive(Debug)]
pub(crate) enum Carrier {
    Webhook(webhook::Settings),
    Slack(slack::Settings),
    Teams(teams::Settings),
    Pagerduty(pagerduty::Settings),
    StatusPage(status_page::Settings),
    Email(email::Settings),
}

impl Carrier {
    /// The kinds, as launch files call them.
    pub(crate) const KINDS: [&'static str; 6] =
        ["webhook", "slack", "teams", "pagerduty", "status_page", "email"];

    /// Reads the settings of a channel of this kind.
    pub(crate) fn read(kind: &str, settings: Value) -> Result<Self, Vec<Problem>> {
        match kind {
            "webhook" => strict::read(settings).map(Self::Webhook),
            "slack" => strict::read(settings).map(Self::Slack),
            "teams" => strict::read(settings).map(Self::Teams),
            "pagerduty" => strict::read(settings).map(Self::Pagerduty),
            "status_page" => strict::read(settings).map(Self::StatusPage),
            "email" => strict::read(settings).map(Self::Email),
            other => {
                Err(vec![Problem::at("kind", format!("there is no channel of kind `{other}`"))])
            }
        }
    }

    /// What is wrong with settings that could be read.
    pub(crate) fn problems(&self) -> Vec<Problem> {
        match self {
            Self::Webhook(settings) => settings.problems(),
            Self::Slack(settings) => post::problem("url", &settings.url).into_iter().collect(),
            Self::Teams(settings) => post::problem("url", &settings.url).into_iter().collect(),
            Self::Pagerduty(settings) => settings.problems(),
            Self::StatusPage(settings) => settings.problems(),
            Self::Email(settings) => settings.problems(),
        }
    }

    /// Where the messages go, with every secret found. Nothing is sent.
    pub(super) fn door(&self, folder: &Path) -> Result<Url, Undelivered> {
        match self {
            Self::Webhook(settings) => settings.door(folder),
            Self::Slack(settings) => post::url(&settings.url, folder),
            Self::Teams(settings) => post::url(&settings.url, folder),
            Self::Pagerduty(settings) => settings.door(folder),
            Self::StatusPage(settings) => settings.door(folder),
            Self::Email(settings) => settings.door(folder),
        }
    }

    /// Tries once.
    pub(super) async fn deliver(
        &self,
        about: &About,
        folder: &Path,
        message: &Message,
    ) -> Result<(), Undelivered> {
        match self {
            Self::Webhook(settings) => settings.deliver(about, folder, message).await,
            Self::Slack(settings) => settings.deliver(about, folder, message).await,
            Self::Teams(settings) => settings.deliver(about, folder, message).await,
            Self::Pagerduty(settings) => settings.deliver(about, folder, message).await,
            Self::StatusPage(settings) => settings.deliver(about, folder, message).await,
            Self::Email(settings) => settings.deliver(about, folder, message).await,
        }
    }
}

/// The schema of each kind's settings.
pub(crate) fn schemas() -> [(&'static str, Value); 6] {
    [
        ("webhook", schema_for!(webhook::Settings).to_value()),
        ("slack", schema_for!(slack::Settings).to_value()),
        ("teams", schema_for!(teams::Settings).to_value()),
        ("pagerduty", schema_for!(pagerduty::Settings).to_value()),
        ("status_page", schema_for!(status_page::Settings).to_value()),
        ("email", schema_for!(email::Settings).to_value()),
    ]
}
