//! A document that holds flags: a file, or what an address gives.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use launchgate_core::observation::{Cause, Failure};
use launchgate_core::problem::{KeyPath, Problem};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;
use tokio::io::AsyncReadExt as _;
use tokio::time::Instant;

use super::server::{MAX_ANSWER, Place, Server, Session};
use crate::probe::Context;
use crate::secret::{Credential, TextOrCredential};

/// Where a document is: give `file` or `url`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DocumentSettings {
    /// The path of a file, relative to the launch file; at most 16 MiB.
    #[serde(default)]
    pub file: Option<PathBuf>,
    /// The address of the document.
    #[serde(default)]
    pub url: Option<String>,
    /// Where the bearer token is kept.
    #[serde(default)]
    pub bearer: Option<Credential>,
    /// Further headers, written out or by reference.
    #[serde(default)]
    pub headers: BTreeMap<String, TextOrCredential>,
    /// A PEM file of roots that are trusted besides the public ones, relative to the launch file.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
}

/// Checked settings.
#[derive(Debug)]
pub(super) enum Document {
    File(PathBuf),
    Address(Box<Server>),
}

/// What was read: JSON, and what its place calls this version of it.
#[derive(Debug)]
pub(super) struct Page {
    pub(super) json: Value,
    pub(super) version: Option<String>,
}

impl DocumentSettings {
    /// Checks everything; problems are told under `at`.
    pub(super) fn check(self, at: &KeyPath, problems: &mut Vec<Problem>) -> Option<Document> {
        let Self { file, url, bearer, headers, ca_file } = self;
        match (file, url) {
            (Some(file), None) => Some(Document::File(file)),
            (None, Some(url)) => {
                let place = Place { url, bearer, basic: None, headers, ca_file };
                place.check(at, problems).map(|server| Document::Address(Box::new(server)))
            }
            (Some(_), Some(_)) => {
                problems.push(Problem::new(at.entry("url"), "give `file` or `url`, not both"));
                None
            }
            (None, None) => {
                problems.push(Problem::new(at.clone(), "give `file` or `url`"));
                None
            }
        }
    }
}

impl Document {
    /// The host that is asked; none for a file.
    pub(super) fn host(&self) -> Option<&str> {
        match self {
            Self::File(_) => None,
            Self::Address(server) => Some(server.host()),
        }
    }

    /// Reads it once.
    ///
    /// # Errors
    /// The fault of the file or of the way there; [`Cause::NoData`] for a document that is empty or not there,
    /// [`Cause::BadResponse`] for what is no JSON.
    pub(super) async fn read(&self, cx: &Context) -> Result<Page, Failure> {
        let (bytes, version) = match self {
            Self::File(path) => (file(&cx.folder.join(path), cx).await?, None),
            Self::Address(server) => {
                let answer = Session::open(server, cx).await?.get(server.url()).await?;
                answer.good()?;
                (answer.body, answer.etag)
            }
        };
        Ok(Page { json: json(&bytes)?, version })
    }
}

/// Reads JSON.
///
/// # Errors
/// [`Cause::NoData`] for nothing at all, [`Cause::BadResponse`] for what is no JSON.
pub(super) fn json(bytes: &[u8]) -> Result<Value, Failure> {
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Err(Failure::new(Cause::NoData, "the document is empty"));
    }
    serde_json::from_slice(bytes)
        .map_err(|e| Failure::new(Cause::BadResponse, format!("the document is no JSON: {e}")))
}

async fn file(path: &Path, cx: &Context) -> Result<Vec<u8>, Failure> {
    let began = Instant::now();
    let outcome = whole(path).await;
    if cx.trail.is_kept() {
        let came = match &outcome {
            Ok(bytes) => format!("{} bytes", bytes.len()),
            Err(failure) => failure.to_string(),
        };
        cx.trail.note(path.display(), "the file", came, began.elapsed());
    }
    outcome
}

async fn whole(path: &Path) -> Result<Vec<u8>, Failure> {
    let unread = |e: std::io::Error| {
        let cause = match e.kind() {
            ErrorKind::NotFound | ErrorKind::NotADirectory => Cause::NoData,
            ErrorKind::PermissionDenied => Cause::Auth,
            _ => Cause::LocalFault,
        };
        Failure::new(cause, format!("{}: {e}", path.display()))
    };
    let meta = tokio::fs::metadata(path).await.map_err(unread)?;
    if !meta.is_file() {
        let message = format!("{} is no regular file", path.display());
        return Err(Failure::new(Cause::LocalFault, message));
    }
    let mut bytes = Vec::new();
    let opened = tokio::fs::File::open(path).await.map_err(unread)?;
    let most = MAX_ANSWER as u64 + 1;
    opened.take(most).read_to_end(&mut bytes).await.map_err(unread)?;
    if bytes.len() > MAX_ANSWER {
        let message = format!("{} is longer than {MAX_ANSWER} bytes", path.display());
        return Err(Failure::new(Cause::BadResponse, message));
    }
    Ok(bytes)
}
