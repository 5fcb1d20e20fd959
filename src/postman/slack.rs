//! Slack's incoming webhooks, and those of Mattermost, Rocket.Chat and others that take the same.
//!
//! They have no place for a message's name but the header, which Slack does not heed: what got no answer and is sent
//! again stands there twice.

use std::path::Path;

use launchgate_core::message::Message;
use launchgate_probes::secret::TextOrCredential;
use reqwest::Method;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::about::About;
use super::post;
use super::undelivered::Undelivered;

/// Longer texts are cut by Slack at places of its own choosing.
const MAX_TEXT: usize = 3_500;

/// `kind: slack`: an incoming webhook of Slack, Mattermost and others.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    /// The webhook's address. It is a secret.
    pub(super) url: TextOrCredential,
    /// Whom every message calls; nobody by default.
    #[serde(default)]
    mention: Mention,
    /// The channel, where the webhook lets one choose.
    #[serde(default)]
    channel: Option<String>,
    /// The name under which messages appear, where the webhook lets one choose.
    #[serde(default)]
    username: Option<String>,
}

/// Whom a message calls.
#[derive(Debug, Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Mention {
    /// Nobody.
    #[default]
    Nobody,
    /// Those of the channel who are there.
    Here,
    /// Everybody of the channel.
    Channel,
}

impl Settings {
    pub(super) async fn deliver(
        &self,
        about: &About,
        folder: &Path,
        message: &Message,
    ) -> Result<(), Undelivered> {
        let url = post::url(&self.url, folder)?;
        let body = self.body(about, message);
        post::post(Method::POST, &url, post::headers(message), &body).await.map(drop)
    }

    /// What is posted.
    fn body(&self, about: &About, message: &Message) -> Value {
        let mention = match self.mention {
            Mention::Nobody => "",
            Mention::Here => "<!here> ",
            Mention::Channel => "<!channel> ",
        };
        let title = message.title.as_deref().map(|title| format!("*{}*\n", escaped(title)));
        let text = escaped(&message.text);
        let text = format!(
            "{mention}{}{}\n_{} {}_",
            title.unwrap_or_default(),
            post::cut(&text, MAX_TEXT),
            about.launch,
            escaped(&about.version)
        );
        let mut body = json!({ "text": text, "unfurl_links": false, "unfurl_media": false });
        for (key, value) in [("channel", &self.channel), ("username", &self.username)] {
            if let Some(value) = value {
                body[key] = json!(value);
            }
        }
        body
    }
}

/// A text that calls nobody and makes no link of its own: Slack's three characters become entities.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::super::tests::{message, shop};
    use super::*;

    #[test]
    fn bodies_are_what_slack_takes() {
        let settings = |text: &str| -> Settings { serde_json::from_str(text).unwrap() };
        let plain = settings(r#"{"url": "http://127.0.0.1:1"}"#);
        let calling = settings(
            r##"{"url": "http://127.0.0.1:1", "mention": "here", "channel": "#launches", "username": "launchgate"}"##,
        );
        let hostile =
            Message { text: "<!channel> & <https://evil.example|this>".into(), ..message("room") };
        let titled = Message { title: Some("Live".into()), ..message("room") };
        let shop = shop();
        let rows = [
            (
                "plain",
                &plain,
                &hostile,
                json!({
                    "text": "&lt;!channel&gt; &amp; &lt;https://evil.example|this&gt;\n_shop 2.4_",
                    "unfurl_links": false, "unfurl_media": false,
                }),
            ),
            (
                "with all",
                &calling,
                &titled,
                json!({
                    "text": "<!here> *Live*\nrolling back\n_shop 2.4_",
                    "unfurl_links": false, "unfurl_media": false,
                    "channel": "#launches", "username": "launchgate",
                }),
            ),
        ];
        for (row, settings, message, expected) in rows {
            assert_eq!(settings.body(&shop, message), expected, "{row}");
        }
        let long = Message { text: "x".repeat(100_000), ..message("room") };
        let body = plain.body(&shop, &long);
        assert!(body["text"].as_str().unwrap().chars().count() < 4_000);
    }
}
