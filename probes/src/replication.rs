//! What the kinds that look at replication share: how replicas are listed, how long they are given, how shares are told.

#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;

use std::collections::HashSet;
use std::future::Future;
use std::time::Duration;

use launchgate_core::observation::{Cause, Failure};
use launchgate_core::problem::{KeyPath, Problem};
use launchgate_core::time::parse_duration;
use tokio::time::{Instant, timeout_at};

/// How long a replica may take to apply a mark if nothing is said.
const PATIENCE: Duration = Duration::from_secs(5);
/// The most replicas of one look.
const MAX_REPLICAS: usize = 64;

/// Notes what is wrong with the list under `key`: a replica must be expected, and each by a name of its own.
pub(crate) fn check_names<'n>(
    key: &str,
    names: impl Iterator<Item = &'n str>,
    problems: &mut Vec<Problem>,
) {
    let mut seen = HashSet::new();
    for (i, name) in names.enumerate() {
        let path = KeyPath::root().entry(key).index(i).entry("name");
        if name.is_empty() {
            problems.push(Problem::new(path, "a name is not empty"));
        } else if !seen.insert(name) {
            problems.push(Problem::new(path, format!("`{name}` is listed already")));
        }
    }
    if seen.is_empty() {
        let one = key.trim_end_matches('s');
        let hint = "list each that must be there: none at all would look like no lag";
        problems.push(Problem::at(key, format!("no {one} is expected")).hint(hint));
    } else if seen.len() > MAX_REPLICAS {
        problems.push(Problem::at(key, format!("more than {MAX_REPLICAS} are listed")));
    }
}

/// Reads `patience`, five seconds if it is not given.
pub(crate) fn patience(text: Option<&str>, problems: &mut Vec<Problem>) -> Duration {
    let why = match text.map(parse_duration) {
        None => return PATIENCE,
        Some(Ok(patience)) if !patience.is_zero() => return patience,
        Some(Ok(_)) => "a replica needs some time".to_owned(),
        Some(Err(error)) => error.to_string(),
    };
    problems.push(Problem::at("patience", why));
    Duration::ZERO
}

/// The outcome of asking, if it comes in time: a server that hangs answers nothing at all.
pub(crate) async fn in_time<T>(
    until: Instant,
    subject: &str,
    asking: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    match timeout_at(until, asking).await {
        Ok(outcome) => outcome,
        Err(_) => Err(Failure::new(Cause::Timeout, format!("{subject} did not answer in time"))),
    }
}

/// Whether it was we who could not look, so that nothing is known of the replica. One that does not answer, where its
/// source does, is itself what was asked about.
pub(crate) fn is_ours(failure: &Failure) -> bool {
    matches!(failure.cause, Cause::Auth | Cause::LocalFault | Cause::ProbeError)
}

/// A part of a whole, in percent.
pub(crate) fn share(part: usize, of: usize) -> f64 {
    let [part, of] = [part, of].map(|n| f64::from(u32::try_from(n).unwrap_or(u32::MAX)));
    100.0 * part / of.max(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_list_and_doubles_are_refused() {
        let rows: [(&str, &[&str], &str); 4] = [
            ("none", &[], "replicas: no replica is expected"),
            ("a double", &["a", "b", "a"], "replicas[2].name: `a` is listed already"),
            ("nameless", &["a", ""], "replicas[1].name: a name is not empty"),
            ("well", &["a", "b"], ""),
        ];
        for (row, names, said) in rows {
            let mut problems = Vec::new();
            check_names("replicas", names.iter().copied(), &mut problems);
            let got = problems.first().map(ToString::to_string).unwrap_or_default();
            assert!(
                got.starts_with(said) && problems.is_empty() == said.is_empty(),
                "{row}: {got}"
            );
        }
    }

    #[test]
    fn patience_is_some_time() {
        let rows = [(None, 5, 0), (Some("2s"), 2, 0), (Some("0s"), 0, 1), (Some("soon"), 0, 1)];
        for (text, seconds, wrong) in rows {
            let mut problems = Vec::new();
            let got = patience(text, &mut problems);
            assert_eq!((got.as_secs(), problems.len()), (seconds, wrong), "{text:?}");
        }
    }
}
