//! Microsoft Teams: a card posted to a workflow's webhook, or to a connector of the older kind.
//!
//! Texts stand in runs, which Teams does not read as Markdown: no text from outside becomes a link.

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

/// A card may have 28 KB in all.
const MAX_TEXT: usize = 5_000;

/// `kind: teams`: a webhook of Microsoft Teams.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    /// The webhook's address. It is a secret.
    pub(super) url: TextOrCredential,
}

impl Settings {
    pub(super) async fn deliver(
        &self,
        about: &About,
        folder: &Path,
        message: &Message,
    ) -> Result<(), Undelivered> {
        let url = post::url(&self.url, folder)?;
        let body = body(about, message);
        let answer = post::post(Method::POST, &url, post::headers(message), &body).await?;
        taken(&answer)
    }
}

/// Connectors of the older kind answer 200 also where Teams itself refused, and say so in the body.
fn taken(answer: &str) -> Result<(), Undelivered> {
    if answer.contains("message delivery failed") {
        return Err(Undelivered::yet(post::cut(answer.trim(), 200)));
    }
    Ok(())
}

/// What is posted: one Adaptive Card.
fn body(about: &About, message: &Message) -> Value {
    let run = |text: &str, more: Value| {
        let mut run = json!({ "type": "TextRun", "text": post::cut(text, MAX_TEXT) });
        if let (Value::Object(run), Value::Object(more)) = (&mut run, more) {
            run.extend(more);
        }
        json!({ "type": "RichTextBlock", "inlines": [run] })
    };
    let title = message.title.as_deref();
    let title = title.map(|title| run(title, json!({ "weight": "Bolder", "size": "Large" })));
    let foot = format!("{} {} · {}", about.launch, about.version, message.id);
    let blocks: Vec<Value> = title
        .into_iter()
        .chain([
            run(&message.text, json!({})),
            run(&foot, json!({ "isSubtle": true, "size": "Small" })),
        ])
        .collect();
    json!({
        "type": "message",
        "attachments": [{
            "contentType": "application/vnd.microsoft.card.adaptive",
            "contentUrl": null,
            "content": {
                "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
                "type": "AdaptiveCard",
                "version": "1.4",
                "msteams": { "width": "Full" },
                "body": blocks,
            },
        }],
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::{message, shop};
    use super::*;

    #[test]
    fn the_body_is_a_card() {
        let message = Message {
            title: Some("Live".into()),
            text: "[click](https://evil.example)".into(),
            ..message("room")
        };
        insta::assert_snapshot!(
            serde_json::to_string_pretty(&body(&shop(), &message)).unwrap(),
            @r#"
            {
              "type": "message",
              "attachments": [
                {
                  "contentType": "application/vnd.microsoft.card.adaptive",
                  "contentUrl": null,
                  "content": {
                    "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
                    "type": "AdaptiveCard",
                    "version": "1.4",
                    "msteams": {
                      "width": "Full"
                    },
                    "body": [
                      {
                        "type": "RichTextBlock",
                        "inlines": [
                          {
                            "type": "TextRun",
                            "text": "Live",
                            "weight": "Bolder",
                            "size": "Large"
                          }
                        ]
                      },
                      {
                        "type": "RichTextBlock",
                        "inlines": [
                          {
                            "type": "TextRun",
                            "text": "[click](https://evil.example)"
                          }
                        ]
                      },
                      {
                        "type": "RichTextBlock",
                        "inlines": [
                          {
                            "type": "TextRun",
                            "text": "shop 2.4 · run-1/announce/room",
                            "isSubtle": true,
                            "size": "Small"
                          }
                        ]
                      }
                    ]
                  }
                }
              ]
            }
            "#
        );
    }

    #[test]
    fn a_refusal_in_the_body_is_no_delivery() {
        let rows = [
            ("a workflow", "", true),
            ("an old connector", "1", true),
            (
                "an old connector that Teams refused",
                "Webhook message delivery failed with error: Microsoft Teams endpoint returned HTTP error 429",
                false,
            ),
        ];
        for (row, answer, is_taken) in rows {
            assert_eq!(taken(answer).is_ok(), is_taken, "{row}");
        }
    }
}
