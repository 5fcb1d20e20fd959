//! Backups that are objects in a bucket, as an S3-compatible service lists them.
//!
//! With a marker every folder below the prefix is one backup, done once the marker is in it; without one every object is
//! a backup. An upload in parts is not seen until it is complete, and no object is read.

use std::collections::BTreeMap;
use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::StreamExt;
use jiff::Timestamp;
use launchgate_core::observation::{Cause, Failure};
use launchgate_core::problem::Problem;
use launchgate_core::time::elapsed;
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpService,
};
use object_store::path::Path;
use object_store::{ClientOptions, ObjectStore, RetryConfig};
use schemars::JsonSchema;
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};

use super::listing::{Backup, Listing, State};
use super::{fetch, pattern, sizes};
use crate::Context;
use crate::client::{self, Client};
use crate::secret::{Credential, TextOrCredential};

const NAME: &str = "s3";
/// How many objects may be below the prefix.
const MAX_OBJECTS: usize = 100_000;
/// The largest page of a listing that is read, in bytes; a page has 1,000 objects at most.
const MAX_PAGE: usize = 8 << 20;
/// A folder without a marker to which this recently an object was added is taken as being written.
const SETTLES: Duration = Duration::from_secs(3_600);

/// Backups that are objects in a bucket.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct S3Settings {
    /// The bucket.
    pub bucket: String,
    /// The folder in it, without a `/` at either end; the whole bucket if not given.
    #[serde(default)]
    pub prefix: String,
    /// Which names below the prefix are backups: `*` stands for anything and `?` for one character; all if not given.
    #[serde(default = "all")]
    pub pattern: String,
    /// The name of the object that is written last into a backup's folder: `_SUCCESS`, `manifest.json`. With it every
    /// folder below the prefix is a backup; without it every object is.
    #[serde(default)]
    pub marker: Option<String>,
    /// The size below which a backup is not good, such as `10MiB`; what is empty never is.
    #[serde(default)]
    pub min_size: Option<String>,
    /// The region; `us-east-1` if not given.
    #[serde(default = "region")]
    pub region: String,
    /// The service, where it is not Amazon's: `https://minio.example:9000`.
    #[serde(default)]
    pub endpoint: Option<String>,
    /// The id of the access key. Without it nothing is signed, for public buckets.
    #[serde(default)]
    pub access_key: Option<TextOrCredential>,
    /// The secret of the access key.
    #[serde(default)]
    pub secret_key: Option<Credential>,
    /// The session token, for keys that have one.
    #[serde(default)]
    pub session_token: Option<Credential>,
    /// A PEM file of roots that are trusted besides the public ones, relative to the launch file.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
}

fn all() -> String {
    "*".to_owned()
}

fn region() -> String {
    "us-east-1".to_owned()
}

/// An object as it is listed.
#[derive(Debug, Clone)]
struct Object {
    /// Its name below the prefix.
    name: String,
    size: u64,
    written: Timestamp,
}

pub(super) fn check(settings: &S3Settings) -> Result<(), Vec<Problem>> {
    let says = |why: &str| Err(vec![Problem::at(NAME, why)]);
    if settings.bucket.is_empty() {
        return says("the bucket has no name");
    }
    if settings.prefix.starts_with('/') || settings.prefix.ends_with('/') {
        return says("the prefix begins and ends without a `/`");
    }
    if settings.marker.as_ref().is_some_and(|m| m.is_empty() || m.contains('/')) {
        return says("the marker is the name of an object in a backup's folder");
    }
    if settings.access_key.is_some() != settings.secret_key.is_some() {
        return says("an access key is an `access_key` and a `secret_key`");
    }
    if settings.min_size.as_deref().is_some_and(|text| sizes::parse(text).is_none()) {
        return says("`min_size` is a size, such as `10MiB`");
    }
    match &settings.endpoint {
        Some(endpoint) => fetch::check(NAME, endpoint, &BTreeMap::new()),
        None => Ok(()),
    }
}

/// The host and port that a look talks to.
pub(super) fn host(settings: &S3Settings) -> Option<String> {
    match &settings.endpoint {
        Some(endpoint) => fetch::host(endpoint),
        None => Some(format!("s3.{}.amazonaws.com:443", settings.region)),
    }
}

pub(super) async fn list(settings: &S3Settings, cx: &Context) -> Result<Listing, Failure> {
    let tls = client::trust(settings.ca_file.as_deref(), cx).await?;
    let connector = Connector { client: Client::new(&tls, None, cx)?, failed: Arc::default() };
    let failed = Arc::clone(&connector.failed);
    let store = store(settings, connector, cx)?;
    let prefix = (!settings.prefix.is_empty()).then(|| Path::from(settings.prefix.as_str()));
    let mut found = Vec::new();
    let mut listed = store.list(prefix.as_ref());
    loop {
        let Ok(next) = tokio::time::timeout_at(cx.deadline, listed.next()).await else {
            return Err(Failure::new(Cause::Timeout, "the bucket was not listed in time"));
        };
        let object = match next {
            None => break,
            Some(Ok(object)) => object,
            Some(Err(error)) => {
                let failure = failed.lock().unwrap_or_else(PoisonError::into_inner).take();
                return Err(failure.unwrap_or_else(|| {
                    Failure::new(Cause::BadResponse, format!("the bucket's list: {error}"))
                }));
            }
        };
        if found.len() == MAX_OBJECTS {
            let message = format!("more than {MAX_OBJECTS} objects are below the prefix");
            return Err(Failure::new(Cause::TooManySeries, message));
        }
        let written = Timestamp::from_second(object.last_modified.timestamp())
            .map_err(|e| Failure::new(Cause::BadResponse, e.to_string()))?;
        let path = object.location.as_ref();
        let below = path.strip_prefix(settings.prefix.as_str()).unwrap_or(path);
        let name = below.trim_start_matches('/').to_owned();
        found.push(Object { name, size: object.size, written });
    }
    if settings.marker.is_none() {
        cx.trail.untested("whether an object is a complete backup: no `marker` is named");
    }
    cx.trail.untested("whether the objects can be read, and uploads that are not complete");
    Ok(read(settings, found, cx.now))
}

fn store(settings: &S3Settings, connector: Connector, cx: &Context) -> Result<AmazonS3, Failure> {
    // One attempt; when to look again is for others to say.
    let retry = RetryConfig { max_retries: 0, ..RetryConfig::default() };
    let mut builder = AmazonS3Builder::new()
        .with_bucket_name(&settings.bucket)
        .with_region(&settings.region)
        .with_retry(retry)
        .with_http_connector(connector);
    if let Some(endpoint) = &settings.endpoint {
        let plain = endpoint.starts_with("http://");
        builder = builder.with_endpoint(endpoint.trim_end_matches('/')).with_allow_http(plain);
    }
    builder = match (&settings.access_key, &settings.secret_key) {
        (Some(id), Some(secret)) => builder
            .with_access_key_id(id.resolve(cx)?.expose_secret())
            .with_secret_access_key(secret.resolve(cx)?.expose_secret()),
        _ => builder.with_skip_signature(true),
    };
    if let Some(token) = &settings.session_token {
        builder = builder.with_token(token.resolve(cx)?.expose_secret());
    }
    builder.build().map_err(|e| Failure::new(Cause::ProbeError, format!("the bucket: {e}")))
}

/// Reads a listing: names below the prefix.
fn read(settings: &S3Settings, objects: Vec<Object>, now: Timestamp) -> Listing {
    let bucket = format!("{}/{}", settings.bucket, settings.prefix);
    let floor = settings.min_size.as_deref().and_then(sizes::parse).unwrap_or(1);
    let judged = |label: String, size: u64, end: Timestamp| {
        let state =
            if size < floor { State::Bad(format!("it has {size} bytes")) } else { State::Good };
        let mut backup = Backup::new(&bucket, label, state);
        (backup.end, backup.size, backup.stored) = (Some(end), Some(size), Some(size));
        backup
    };
    let mut listing = Listing { expected: vec![bucket.clone()], ..Listing::default() };
    let Some(marker) = &settings.marker else {
        let counts = |o: &Object| pattern::matches(&settings.pattern, &o.name);
        let objects = objects.into_iter().filter(counts);
        listing.backups = objects.map(|o| judged(o.name, o.size, o.written)).collect();
        return listing;
    };
    let mut folders: BTreeMap<String, Vec<Object>> = BTreeMap::new();
    for object in objects {
        if let Some((folder, rest)) = object.name.split_once('/')
            && pattern::matches(&settings.pattern, folder)
        {
            let inside = Object { name: rest.to_owned(), ..object.clone() };
            folders.entry(folder.to_owned()).or_default().push(inside);
        }
    }
    listing.running = Some(false);
    for (folder, objects) in folders {
        let done = objects.iter().find(|o| o.name == *marker).map(|o| o.written);
        let rest = objects.iter().filter(|o| o.name != *marker);
        let size = rest.map(|o| o.size).fold(0, u64::saturating_add);
        let newest = objects.iter().map(|o| o.written).max();
        let Some(end) = done else {
            let fresh = newest.is_some_and(|at| elapsed(at, now) < SETTLES);
            let state = if fresh {
                listing.running = Some(true);
                State::Running
            } else {
                State::Bad(format!("there is no {marker} in it"))
            };
            let mut backup = Backup::new(&bucket, folder, state);
            backup.stored = Some(size);
            backup.start = newest;
            listing.backups.push(backup);
            continue;
        };
        listing.backups.push(judged(folder, size, end));
    }
    listing
}

/// The way from the store's client to ours, which connects to nothing that it may not.
#[derive(Debug, Clone)]
struct Connector {
    client: Client,
    /// Why the last request came to nothing.
    failed: Arc<Mutex<Option<Failure>>>,
}

impl HttpConnector for Connector {
    fn connect(&self, _options: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(self.clone()))
    }
}

type Answer<'a> = Pin<Box<dyn Future<Output = Result<HttpResponse, HttpError>> + Send + 'a>>;

impl HttpService for Connector {
    fn call<'s, 'a>(&'s self, request: HttpRequest) -> Answer<'a>
    where
        's: 'a,
        Self: 'a,
    {
        Box::pin(async move {
            self.ask(request).await.map_err(|failure| {
                let error = std::io::Error::other(failure.message.clone());
                *self.failed.lock().unwrap_or_else(PoisonError::into_inner) = Some(failure);
                HttpError::new(HttpErrorKind::Unknown, error)
            })
        })
    }
}

impl Connector {
    async fn ask(&self, request: HttpRequest) -> Result<HttpResponse, Failure> {
        let (parts, _no_body) = request.into_parts();
        let url = fetch::url(&parts.uri.to_string())
            .ok_or_else(|| Failure::new(Cause::ProbeError, "the bucket's address is no URL"))?;
        let from = crate::secret::shown_url(&url);
        let request = self.client.request(parts.method, url).headers(parts.headers);
        let mut response = self.client.send(request).await.map_err(Failure::from)?;
        if let Some(failure) = fetch::refusal(&from, response.status().as_u16()) {
            return Err(failure);
        }
        let headers = std::mem::take(response.headers_mut());
        let page = client::body(&mut response, MAX_PAGE).await?;
        whole(&from, &page)?;
        let mut answer = HttpResponse::new(page.into());
        *answer.headers_mut() = headers;
        Ok(answer)
    }
}

/// Whether a page is one of a list that goes on or ends: what is neither would pass for an empty bucket.
fn whole(from: &str, page: &[u8]) -> Result<(), Failure> {
    let page = String::from_utf8_lossy(page);
    if !page.contains("<ListBucketResult") {
        let message = format!("{from} answers with something else than the list of a bucket");
        return Err(Failure::new(Cause::BadResponse, message));
    }
    if page.contains("<IsTruncated>true") && !page.contains("<NextContinuationToken>") {
        let message = format!("{from} cuts its list short and does not say where it goes on");
        return Err(Failure::new(Cause::Partial, message));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_that_is_no_list_is_no_empty_bucket() {
        let rows = [
            (
                "the end",
                "<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>",
                None,
            ),
            (
                "goes on",
                "<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>7</NextContinuationToken>",
                None,
            ),
            (
                "cut short",
                "<ListBucketResult><IsTruncated>true</IsTruncated>",
                Some(Cause::Partial),
            ),
            ("a welcome", "<html>welcome</html>", Some(Cause::BadResponse)),
            ("nothing", "", Some(Cause::BadResponse)),
        ];
        for (row, page, cause) in rows {
            assert_eq!(whole("x", page.as_bytes()).err().map(|f| f.cause), cause, "{row}");
        }
    }

    #[test]
    fn a_folder_is_a_backup_once_its_marker_is_there() {
        let now: Timestamp = "2026-11-23T12:00:00Z".parse().unwrap();
        let object = |name: &str, size: u64, hours: i64| Object {
            name: name.to_owned(),
            size,
            written: now - jiff::SignedDuration::from_hours(hours),
        };
        let objects = || {
            vec![
                object("mon/part-0", 100, 30),
                object("mon/part/1", 50, 30),
                object("mon/_SUCCESS", 0, 29),
                object("tue/part-0", 100, 6),
                object("wed/part-0", 100, 0),
                object("thu/part-0", 3, 5),
                object("thu/_SUCCESS", 0, 5),
                object("loose.txt", 9, 1),
            ]
        };
        let look = |settings: serde_json::Value| {
            let settings: S3Settings = serde_json::from_value(settings).unwrap();
            check(&settings).unwrap();
            let listing = read(&settings, objects(), now);
            let told: Vec<String> = listing
                .backups
                .iter()
                .map(|b| match &b.state {
                    State::Good => format!("{} {}", b.label, b.size.unwrap_or_default()),
                    State::Bad(why) => format!("{}: {why}", b.label),
                    State::Running => format!("{} runs", b.label),
                })
                .collect();
            (told.join(", "), listing.running)
        };
        let marked = serde_json::json!({"bucket": "b", "marker": "_SUCCESS", "min_size": "10B"});
        let told = "mon 150, thu: it has 3 bytes, tue: there is no _SUCCESS in it, wed runs";
        assert_eq!(look(marked), (told.to_owned(), Some(true)));
        let plain = serde_json::json!({"bucket": "b", "pattern": "*part-?"});
        let told = "mon/part-0 100, tue/part-0 100, wed/part-0 100, thu/part-0 3";
        assert_eq!(look(plain), (told.to_owned(), None));
    }
}
