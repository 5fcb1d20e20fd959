//! One command to HAProxy's runtime socket, and all that it answers before it closes.

use std::io::{self, ErrorKind};
use std::path::Path;

use launchgate_core::observation::{Cause, Failure};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;
use tokio::time::{Instant, timeout};

use crate::dial::io_failure;
use crate::flags::server::MAX_ANSWER;
use crate::probe::Context;

/// Reads the statistics.
///
/// # Errors
/// The fault of the socket by its class; [`Cause::Timeout`] when it does not answer in time, [`Cause::BadResponse`] for
/// an answer that is too long or breaks off.
pub(super) async fn statistics(path: &Path, cx: &Context) -> Result<Vec<u8>, Failure> {
    let began = Instant::now();
    let outcome = match timeout(cx.remaining().mul_f64(0.9), ask(path, "show stat\n")).await {
        Ok(Ok(answer)) => whole(path, answer),
        Ok(Err(e)) => Err(fault(path, &e)),
        Err(_) => {
            let message = format!("{}: no answer in time", path.display());
            Err(Failure::new(Cause::Timeout, message))
        }
    };
    if cx.trail.is_kept() {
        let came = match &outcome {
            Ok(bytes) => format!("{} bytes", bytes.len()),
            Err(failure) => failure.to_string(),
        };
        cx.trail.note(path.display(), "show stat", came, began.elapsed());
    }
    outcome
}

async fn ask(path: &Path, command: &str) -> io::Result<Vec<u8>> {
    let mut stream = UnixStream::connect(path).await?;
    stream.write_all(command.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.take(MAX_ANSWER as u64 + 1).read_to_end(&mut answer).await?;
    Ok(answer)
}

/// An answer ends in an empty line.
fn whole(path: &Path, answer: Vec<u8>) -> Result<Vec<u8>, Failure> {
    let why = if answer.len() > MAX_ANSWER {
        "the answer is too long"
    } else if answer.ends_with(b"\n\n") || answer.is_empty() {
        return Ok(answer);
    } else {
        "the answer breaks off"
    };
    Err(Failure::new(Cause::BadResponse, format!("{}: {why}", path.display())))
}

fn fault(path: &Path, error: &io::Error) -> Failure {
    let doing = format!("the socket {}", path.display());
    match error.kind() {
        ErrorKind::PermissionDenied => Failure::new(Cause::Auth, format!("{doing}: {error}")),
        _ => io_failure(&doing, error),
    }
}
