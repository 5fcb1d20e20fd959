//! Why a try to deliver came to nothing, and whether another one can end otherwise.

use std::time::Duration;

use launchgate_core::observation::Failure;
use launchgate_core::problem::Problem;
use serde::{Deserialize, Serialize};

use crate::http::Sent;

/// How much of a refusal is kept, in characters.
const MAX_REASON: usize = 300;

/// Why a try came to nothing.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Undelivered {
    /// Another try can end otherwise.
    Yet {
        /// Why.
        because: String,
        /// How long the channel wants to be left alone.
        after: Option<Duration>,
    },
    /// The channel refuses it, or there is no such channel.
    ForGood(String),
}

impl Undelivered {
    /// Another try can end otherwise.
    pub(super) fn yet(because: impl Into<String>) -> Self {
        Self::Yet { because: because.into(), after: None }
    }

    /// A secret that cannot be had: the file or the variable may be put right meanwhile.
    pub(super) fn without_secret(failure: Failure) -> Self {
        Self::yet(failure.message)
    }

    /// Settings that cannot be used.
    pub(super) fn of_settings(problems: &[Problem]) -> Self {
        let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
        Self::ForGood(format!("its settings: {}", problems.join("; ")))
    }

    /// What an HTTP answer means. The body of a refusal says why, and is of the channel's own making.
    pub(super) fn judged(sent: Sent) -> Result<String, Self> {
        match sent {
            Sent::Answered { status: 200..=299, body, .. } => Ok(body),
            Sent::Answered { status, retry_after, .. } if may_change(status) => {
                Err(Self::Yet { because: format!("status {status}"), after: retry_after })
            }
            Sent::Answered { status, body, .. } => {
                let line = body.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
                let said: String = line.trim().chars().take(MAX_REASON).collect();
                let said = if said.is_empty() { said } else { format!(": {said}") };
                Err(Self::ForGood(format!("status {status}{said}")))
            }
            Sent::NotSent(why) | Sent::NoAnswer(why) => Err(Self::yet(why)),
        }
    }
}

/// Whether another try can end otherwise: the channel was busy or broken, and did not refuse the message.
fn may_change(status: u16) -> bool {
    status >= 500 || matches!(status, 408 | 425 | 429)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_taken_a_wait_or_a_refusal() {
        let answered = |status, body: &str| Sent::Answered {
            status,
            body: body.to_owned(),
            retry_after: (status == 429).then_some(Duration::from_secs(7)),
        };
        let yet =
            |because: &str, after| Err(Undelivered::Yet { because: because.to_owned(), after });
        let refused = |because: &str| Err(Undelivered::ForGood(because.to_owned()));
        let wish = Some(Duration::from_secs(7));
        let rows = [
            ("taken", answered(200, "ok"), Ok("ok".to_owned())),
            ("taken, to be done", answered(202, ""), Ok(String::new())),
            ("too many", answered(429, "slow down"), yet("status 429", wish)),
            ("broken", answered(503, "oh"), yet("status 503", None)),
            ("too slow for it", answered(408, ""), yet("status 408", None)),
            ("moved", answered(302, ""), refused("status 302")),
            (
                "refused",
                answered(400, "\n invalid_payload \nmore"),
                refused("status 400: invalid_payload"),
            ),
            ("gone", answered(410, ""), refused("status 410")),
            ("nobody listens", Sent::NotSent("refused".into()), yet("refused", None)),
            (
                "no answer",
                Sent::NoAnswer("no answer in time".into()),
                yet("no answer in time", None),
            ),
        ];
        for (row, sent, expected) in rows {
            assert_eq!(Undelivered::judged(sent), expected, "{row}");
        }
    }
}
