//! PagerDuty, and what takes its Events API v2: an alert per matter, opened, acknowledged and resolved under one key.
//!
//! Opening an alert that is open changes nothing there, so that a repetition does no harm.

use std::path::Path;

use launchgate_core::matter::Turn;
use launchgate_core::message::Message;
use launchgate_core::problem::Problem;
use launchgate_probes::secret::{Credential, TextOrCredential};
use reqwest::{Method, Url};
use schemars::JsonSchema;
use secrecy::ExposeSecret as _;
use serde::Deserialize;
use serde_json::{Value, json};

use super::about::About;
use super::post;
use super::undelivered::Undelivered;

/// The longest summary.
const MAX_SUMMARY: usize = 1_024;
/// The longest key.
const MAX_KEY: usize = 255;

/// `kind: pagerduty`: alerts by the Events API v2.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    /// The integration key of the service.
    routing_key: Credential,
    /// Where events are posted; PagerDuty's own address by default.
    #[serde(default = "usual_url")]
    url: TextOrCredential,
    /// How bad an alert is; `critical` by default.
    #[serde(default)]
    severity: Severity,
}

/// How bad an alert is.
#[derive(Debug, Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Severity {
    /// Critical.
    #[default]
    Critical,
    /// Error.
    Error,
    /// Warning.
    Warning,
    /// Info.
    Info,
}

impl Severity {
    fn name(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Info => "info",
        }
    }
}

fn usual_url() -> TextOrCredential {
    TextOrCredential::Text("https://events.pagerduty.com/v2/enqueue".to_owned())
}

impl Settings {
    pub(super) fn problems(&self) -> Vec<Problem> {
        post::problem("url", &self.url).into_iter().collect()
    }

    pub(super) fn door(&self, folder: &Path) -> Result<Url, Undelivered> {
        self.routing_key.resolve_in(folder).map_err(Undelivered::without_secret)?;
        post::url(&self.url, folder)
    }

    pub(super) async fn deliver(
        &self,
        about: &About,
        folder: &Path,
        message: &Message,
    ) -> Result<(), Undelivered> {
        let url = post::url(&self.url, folder)?;
        let key = self.routing_key.resolve_in(folder).map_err(Undelivered::without_secret)?;
        let mut body = event(about, message, self.severity.name());
        body["routing_key"] = json!(key.expose_secret());
        post::post(Method::POST, &url, post::headers(message), &body).await.map(drop)
    }
}

/// What is posted, without the key of the service.
fn event(about: &About, message: &Message, severity: &str) -> Value {
    let (key, turn) = match &message.matter {
        Some(matter) => (matter.key.as_str(), matter.pager),
        None => (message.id.as_str(), Turn::Trigger),
    };
    let key = if key.len() <= MAX_KEY { key.to_owned() } else { post::digest(key) };
    let mut event = json!({ "event_action": turn.name(), "dedup_key": key });
    if turn != Turn::Trigger {
        return event;
    }
    let summary = message.title.as_ref().unwrap_or(&message.text);
    let links: Vec<Value> = about
        .links
        .iter()
        .filter(|(_, url)| url.starts_with("https://") || url.starts_with("http://"))
        .map(|(name, url)| json!({ "href": url, "text": name }))
        .collect();
    event["client"] = json!("launchgate");
    event["links"] = json!(links);
    event["payload"] = json!({
        "summary": post::cut(summary, MAX_SUMMARY),
        "source": about.target,
        "severity": severity,
        "timestamp": message.at,
        "component": about.launch,
        "group": about.version,
        "class": "launch",
        "custom_details": {
            "text": post::cut(&message.text, 10_000),
            "message": message.id,
            "run": message.run,
        },
    });
    event
}

#[cfg(test)]
mod tests {
    use launchgate_core::matter::Matter;

    use super::super::tests::{message, shop};
    use super::*;

    #[test]
    fn events_open_acknowledge_and_resolve_one_alert() {
        let shop = shop();
        let about = |pager, key: &str| Message {
            matter: Some(Matter { key: key.to_owned(), pager, status: None }),
            at: "2026-12-01T09:00:00Z".parse().unwrap(),
            ..message("pager")
        };
        let opened = event(&shop, &about(Turn::Trigger, "shop/blind/a"), "critical");
        insta::assert_snapshot!(serde_json::to_string_pretty(&opened).unwrap(), @r#"
        {
          "event_action": "trigger",
          "dedup_key": "shop/blind/a",
          "client": "launchgate",
          "links": [],
          "payload": {
            "summary": "rolling back",
            "source": "shop",
            "severity": "critical",
            "timestamp": "2026-12-01T09:00:00Z",
            "component": "shop",
            "group": "2.4",
            "class": "launch",
            "custom_details": {
              "text": "rolling back",
              "message": "run-1/announce/room",
              "run": null
            }
          }
        }
        "#);
        for turn in [Turn::Acknowledge, Turn::Resolve] {
            assert_eq!(
                event(&shop, &about(turn, "shop/blind/a"), "critical"),
                json!({ "event_action": turn.name(), "dedup_key": "shop/blind/a" })
            );
        }
        let alone = event(&shop, &message("pager"), "info");
        assert_eq!(alone["dedup_key"], "run-1/announce/room", "its own name");
        let long = event(&shop, &about(Turn::Trigger, &"x".repeat(300)), "info");
        assert_eq!(long["dedup_key"].as_str().unwrap().len(), 64);
    }
}
