//! A status page with Atlassian Statuspage's API: an incident or a maintenance per matter, created and then moved on.
//!
//! What belongs together is found again by what the incident itself keeps (`metadata.launchgate`), and so is whether a
//! message is there already: a repetition changes nothing.

use std::path::Path;

use launchgate_core::matter::Status;
use launchgate_core::message::Message;
use launchgate_core::problem::Problem;
use launchgate_probes::secret::{Credential, TextOrCredential};
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use reqwest::{Method, Url};
use schemars::JsonSchema;
use secrecy::ExposeSecret as _;
use serde::Deserialize;
use serde_json::{Value, json};

use super::about::About;
use super::post;
use super::undelivered::Undelivered;
use crate::http;

/// How many of the page's newest incidents are looked through.
const LOOKED_THROUGH: usize = 50;
/// The longest name of an incident.
const MAX_NAME: usize = 200;
/// The longest text of an update.
const MAX_TEXT: usize = 20_000;

/// `kind: status_page`: a page with the API of Atlassian Statuspage.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    /// The page's identifier.
    page_id: String,
    /// The API key.
    token: Credential,
    /// The API's address, without `/v1`; Statuspage's own by default.
    #[serde(default = "usual_url")]
    url: TextOrCredential,
    /// The identifiers of the components that incidents concern.
    #[serde(default)]
    components: Vec<String>,
    /// Whether the page's subscribers are told; true by default.
    #[serde(default = "yes")]
    notify_subscribers: bool,
}

fn usual_url() -> TextOrCredential {
    TextOrCredential::Text("https://api.statuspage.io".to_owned())
}

fn yes() -> bool {
    true
}

/// What is to be asked of the page.
#[derive(Debug, PartialEq)]
enum Move {
    /// The message is there.
    Nothing,
    Create(Value),
    /// The incident of this identifier goes on.
    Update(String, Value),
}

impl Settings {
    pub(super) fn problems(&self) -> Vec<Problem> {
        let plain =
            |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric());
        let page = (!plain(&self.page_id)).then(|| {
            let message = format!("`{}` is no page's identifier", self.page_id);
            Problem::at("page_id", message).hint("it stands in the address of the page's settings")
        });
        post::problem("url", &self.url).into_iter().chain(page).collect()
    }

    pub(super) fn door(&self, folder: &Path) -> Result<Url, Undelivered> {
        self.headers(folder)?;
        post::url(&self.url, folder)
    }

    pub(super) async fn deliver(
        &self,
        about: &About,
        folder: &Path,
        message: &Message,
    ) -> Result<(), Undelivered> {
        let own = self.headers(folder)?;
        let mut list = self.incidents(folder, None)?;
        list.set_query(Some(&format!("limit={LOOKED_THROUGH}")));
        let answer = http::get(&list, own.clone(), post::TIMEOUT).await;
        let answer = Undelivered::judged(answer)?;
        let known: Vec<Value> = serde_json::from_str(&answer)
            .map_err(|_| Undelivered::yet("its list of incidents cannot be read"))?;
        let (method, url, body) = match self.next(about, message, &known)? {
            Move::Nothing => return Ok(()),
            Move::Create(body) => (Method::POST, self.incidents(folder, None)?, body),
            Move::Update(id, body) => (Method::PATCH, self.incidents(folder, Some(&id))?, body),
        };
        let mut headers = post::headers(message);
        headers.extend(own);
        post::post(method, &url, headers, &body).await.map(drop)
    }

    fn headers(&self, folder: &Path) -> Result<HeaderMap, Undelivered> {
        let token = self.token.resolve_in(folder).map_err(Undelivered::without_secret)?;
        let mut value = HeaderValue::from_str(&format!("OAuth {}", token.expose_secret()))
            .map_err(|_| Undelivered::yet("its token holds control characters"))?;
        value.set_sensitive(true);
        Ok([(AUTHORIZATION, value)].into_iter().collect())
    }

    fn incidents(&self, folder: &Path, one: Option<&str>) -> Result<Url, Undelivered> {
        let mut url = post::url(&self.url, folder)?;
        let path = ["v1", "pages", &self.page_id, "incidents"];
        url.path_segments_mut()
            .map_err(|()| Undelivered::ForGood("its address takes no path".to_owned()))?
            .pop_if_empty()
            .extend(path)
            .extend(one);
        Ok(url)
    }

    /// What a message asks of a page that has these incidents, the newest first.
    fn next(&self, about: &About, message: &Message, known: &[Value]) -> Result<Move, Undelivered> {
        let Some((matter, status)) =
            message.matter.as_ref().and_then(|matter| Some((matter, matter.status?)))
        else {
            return Err(Undelivered::ForGood("it has no status for a status page".to_owned()));
        };
        let kept = |incident: &Value, key: &str| {
            incident["metadata"]["launchgate"][key].as_str().map(str::to_owned)
        };
        if known.iter().any(|i| kept(i, "message").as_deref() == Some(message.id.as_str())) {
            return Ok(Move::Nothing);
        }
        let open = known.iter().find(|incident| {
            let over = matches!(incident["status"].as_str(), Some("resolved" | "completed"));
            !over && kept(incident, "matter").as_deref() == Some(matter.key.as_str())
        });
        let open = open.and_then(|incident| incident["id"].as_str());
        let mut incident = json!({
            "status": status.name(),
            "body": post::cut(&message.text, MAX_TEXT),
            "metadata": { "launchgate": { "matter": matter.key, "message": message.id } },
            "deliver_notifications": self.notify_subscribers,
        });
        if let Some(id) = open {
            return Ok(Move::Update(id.to_owned(), json!({ "incident": incident })));
        }
        incident["name"] =
            json!(post::cut(message.title.as_ref().unwrap_or(&about.title), MAX_NAME));
        if !self.components.is_empty() {
            incident["component_ids"] = json!(self.components);
        }
        if status.usual_matter() == Status::Scheduled.usual_matter() {
            let ends = about.window.and_then(|window| {
                about.go_live.checked_add(jiff::SignedDuration::try_from(window).ok()?).ok()
            });
            incident["scheduled_for"] = json!(about.go_live.timestamp());
            incident["scheduled_until"] = json!(ends.map(|ends| ends.timestamp()));
        }
        Ok(Move::Create(json!({ "incident": incident })))
    }
}

#[cfg(test)]
mod tests;
