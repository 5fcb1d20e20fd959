//! What a Prometheus says of its alerting rules: all groups, over as many pages as there are.

use launchgate_core::observation::{Cause, Failure};
use serde::Deserialize;

use super::server::{MAX_ANSWER, data};
use crate::metrics::selector::Labels;
use crate::prometheus::api::{Answer, Session};

/// The most pages that are read.
const MAX_PAGES: usize = 100;

/// A group of rules that are evaluated together.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Group {
    #[serde(default)]
    pub(crate) name: String,
    /// How often it is evaluated, in seconds.
    #[serde(default)]
    pub(crate) interval: f64,
    #[serde(default)]
    pub(crate) rules: Vec<Rule>,
}

/// An alerting rule as it is loaded.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Rule {
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) labels: Labels,
    /// `ok`, `err`, or `unknown` until it has been evaluated.
    #[serde(default)]
    pub(crate) health: String,
    #[serde(default, rename = "lastError")]
    pub(crate) last_error: String,
    #[serde(default, rename = "type")]
    pub(crate) kind: String,
    /// The expression, as Prometheus writes it.
    #[serde(default)]
    pub(crate) query: String,
    /// How long it must hold, in seconds.
    #[serde(default)]
    pub(crate) duration: f64,
    /// How long it goes on firing afterwards, in seconds.
    #[serde(default, rename = "keepFiringFor")]
    pub(crate) keep_firing_for: f64,
    /// `inactive`, `pending` or `firing`.
    #[serde(default)]
    pub(crate) state: String,
    /// When it was evaluated, by the server's clock; of the year 1 when it never was.
    #[serde(default, rename = "lastEvaluation")]
    pub(crate) last_evaluation: String,
}

#[derive(Debug, Deserialize)]
struct Page {
    groups: Vec<Group>,
    #[serde(default, rename = "groupNextToken")]
    next: String,
}

/// Reads one page: its groups, and the mark of the next, empty after the last.
pub(crate) fn page(answer: &Answer) -> Result<(Vec<Group>, String), Failure> {
    let mut page: Page = data(answer)?;
    for group in &mut page.groups {
        group.rules.retain(|rule| rule.kind != "recording");
    }
    Ok((page.groups, page.next))
}

/// Asks for all alerting rules.
///
/// # Errors
/// The fault of the transport, or pages without end.
pub(crate) async fn all(session: &Session<'_>) -> Result<Vec<Group>, Failure> {
    let mut groups = Vec::new();
    let mut token = String::new();
    for _ in 0..MAX_PAGES {
        let mut query = vec![("type", "alert")];
        if !token.is_empty() {
            query.push(("group_next_token", &token));
        }
        let answer = session.get_below("/api/v1/rules", &query, MAX_ANSWER).await?;
        let (more, next) = page(&answer)?;
        groups.extend(more);
        if next.is_empty() {
            return Ok(groups);
        }
        token = next;
    }
    Err(Failure::new(Cause::BadResponse, format!("the rules have more than {MAX_PAGES} pages")))
}
