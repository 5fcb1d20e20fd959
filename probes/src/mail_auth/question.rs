//! Questions to name servers, as the probes about mail and about snapshots ask them.
//!
//! The one place of both that talks to [`crate::dns`]. It neither follows nor judges: that is for whoever asks.

use std::net::SocketAddr;
use std::time::Duration;

use hickory_resolver::proto::op::Message;
use hickory_resolver::proto::rr::{Name, RecordType};
use launchgate_core::observation::Failure;

pub(crate) use crate::dns::exchange::Role;
use crate::dns::exchange::{self, Asker, Question};
use crate::probe::Context;

/// The longest name, in characters, without its final dot.
const MAX_NAME: usize = 253;

/// Asks `server` one question within `within`, and notes it in the look's trail.
///
/// # Errors
/// Silence, or an answer that cannot be read. A refusal by the server is an answer.
pub(crate) async fn ask(
    cx: &Context,
    server: SocketAddr,
    role: Role,
    question: (&Name, RecordType),
    within: Duration,
) -> Result<Message, Failure> {
    let (name, kind) = question;
    exchange::ask(Asker::of(cx), server, Question::new(role, name, kind), within).await
}

/// The resolvers of a look: those given, else the vantage's, else this machine's.
///
/// # Errors
/// A local fault when this machine's resolvers are needed and cannot be told.
pub(crate) fn resolvers(given: &[SocketAddr], cx: &Context) -> Result<Vec<SocketAddr>, Failure> {
    if given.is_empty() { crate::dns::resolvers(cx) } else { Ok(given.to_vec()) }
}

/// A name in full from its text, whose labels are taken as they stand. None for what can be no name.
pub(crate) fn name(text: &str) -> Option<Name> {
    let text = text.strip_suffix('.').unwrap_or(text);
    if text.is_empty() || text.len() > MAX_NAME {
        return None;
    }
    let labels: Vec<&[u8]> = text.split('.').map(str::as_bytes).collect();
    if labels.iter().any(|label| label.is_empty() || label.len() > 63) {
        return None;
    }
    let mut name = Name::from_labels(labels).ok()?;
    name.set_fqdn(true);
    Some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_no_name_is_none() {
        let long = "a".repeat(64);
        let rows = [
            ("plain", "shop.example", Some("shop.example.")),
            ("with its dot", "shop.example.", Some("shop.example.")),
            ("one label", "example", Some("example.")),
            ("underscores", "_dmarc.shop.example", Some("_dmarc.shop.example.")),
            ("nothing", "", None),
            ("the root", ".", None),
            ("an empty label", "shop..example", None),
            ("a long label", long.as_str(), None),
        ];
        for (row, text, read) in rows {
            assert_eq!(name(text).map(|n| n.to_ascii()).as_deref(), read, "{row}");
        }
    }
}
