//! `alert_drill`: whether an alert arrives. It fires one of its own through an Alertmanager, waits until it has come through, and
//! ends it.
//!
//! This is the one kind with an effect: whoever is on call is called, unless a route of the drill's labels leads elsewhere. So a
//! drill is not repeated at every look: what the last one showed stands for [`Settings::again_after`].

mod arrival;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
mod verdict;

use std::collections::BTreeMap;
use std::hash::{BuildHasher as _, RandomState};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;
use launchgate_core::observation::{Cause, Failure};
use launchgate_core::problem::{KeyPath, Problem};
use launchgate_core::reading::{ReadingSpec, ReadingType, Readings, Unit};
use launchgate_core::time::parse_duration;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::time::{Instant, timeout};

use crate::alerts::server::{self, MAX_ANSWER};
use crate::alerts::{Server, ServerKind};
use crate::probe::{Context, Probe};
use crate::prometheus::access::{Access, Given};
use crate::prometheus::api::Session;
use crate::secret::{Credential, TextOrCredential};
use verdict::{Drill, Seen};

/// The most labels and the most annotations of an alert.
const MAX_LABELS: usize = 64;
/// The label that tells one drill from another.
const LABEL: &str = "drill";
/// How long what an arrived drill showed stands, unless it is said otherwise.
const AGAIN_AFTER: Duration = Duration::from_secs(12 * 3600);
/// What is kept of a look for ending the alert, and for asking what became of it.
const KEPT: Duration = Duration::from_secs(3);
/// An alert that nobody ends, since the daemon died, ends by itself after so long.
const ENDS_AFTER: Duration = Duration::from_secs(60);

/// A page that shows what arrived.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Page {
    /// Its address.
    pub url: String,
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

/// Settings of the `alert_drill` probe.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The Alertmanager that the alert is given to: the name of a source, or the source itself.
    pub source: Server,
    /// The alert's labels, `alertname` among them. A label `drill` of its own is added to each.
    pub labels: BTreeMap<String, String>,
    /// Its annotations; a `summary` that says what it is stands there unless given.
    #[serde(default)]
    pub annotations: BTreeMap<String, String>,
    /// The address of this host, `ip:port`, that a receiver of Alertmanager calls (`webhook_configs`): open while a drill is under way.
    #[serde(default)]
    pub listen: Option<SocketAddr>,
    /// In place of `listen`: a page, such as a search of the pager's API, that shows the alert's labels once it has arrived.
    #[serde(default)]
    pub page: Option<Page>,
    /// For how long a drill that arrived is not repeated; 12h if not given. One that did not is repeated after ten minutes.
    #[serde(default)]
    pub again_after: Option<String>,
}

/// Where a drill arrives.
#[derive(Debug)]
enum Arrival {
    Call(SocketAddr),
    Page(Access),
}

/// The `alert_drill` probe; see the module's documentation.
#[derive(Debug)]
pub struct AlertDrill {
    alertmanager: Access,
    labels: BTreeMap<String, String>,
    annotations: BTreeMap<String, String>,
    arrival: Arrival,
    again_after: Duration,
}

impl Probe for AlertDrill {
    const KIND: &'static str = "alert_drill";
    const EXAMPLE: &'static str = "\
source: { kind: alertmanager, url: \"http://127.0.0.1:9093\" }
labels: { alertname: LaunchDrill, severity: critical, team: shop }
listen: 127.0.0.1:9095
again_after: 1d
";
    type Settings = Settings;

    fn new(settings: Settings) -> Result<Self, Vec<Problem>> {
        let Settings { source, labels, mut annotations, listen, page, again_after } = settings;
        let mut problems = Vec::new();
        if labels.get("alertname").is_none_or(String::is_empty) {
            problems.push(Problem::at("labels", "an alert has a name: `alertname` is missing"));
        }
        if labels.contains_key(LABEL) {
            let path = KeyPath::root().entry("labels").entry(LABEL);
            problems.push(Problem::new(path, "each drill has a value of its own for it"));
        }
        for (key, count) in [("labels", labels.len()), ("annotations", annotations.len())] {
            if count > MAX_LABELS {
                problems.push(Problem::at(key, format!("more than {MAX_LABELS}")));
            }
        }
        let arrival = match (listen, page) {
            (Some(_), Some(_)) => {
                problems
                    .push(Problem::at("page", "an alert arrives in one place: `listen` or `page`"));
                None
            }
            (None, None) => {
                problems.push(
                    Problem::at("listen", "where the alert arrives is not said")
                        .hint("give an address that a receiver calls in `listen`, or a `page` that shows what came"),
                );
                None
            }
            (Some(address), None) => Some(Arrival::Call(address)),
            (None, Some(Page { url, bearer, headers, ca_file })) => {
                let given = Given { url, bearer, basic: None, headers, ca_file };
                given.check(&KeyPath::root().entry("page"), &mut problems).map(Arrival::Page)
            }
        };
        let again_after = match again_after.as_deref().map_or(Ok(AGAIN_AFTER), parse_duration) {
            Ok(again_after) if again_after >= verdict::AFTER_FAILURE => again_after,
            Ok(_) => {
                problems.push(Problem::at(
                    "again_after",
                    "people are not called more often than every ten minutes",
                ));
                AGAIN_AFTER
            }
            Err(e) => {
                problems.push(Problem::at("again_after", e.to_string()));
                AGAIN_AFTER
            }
        };
        let alertmanager = source.check_kind(ServerKind::Alertmanager, "source", &mut problems);
        annotations.entry("summary".to_owned()).or_insert_with(|| {
            "A drill: launchgate tries whether this alert arrives. Nothing is wrong.".to_owned()
        });
        match (alertmanager, arrival) {
            (Some(alertmanager), Some(arrival)) if problems.is_empty() => {
                Ok(Self { alertmanager, labels, annotations, arrival, again_after })
            }
            _ => Err(problems),
        }
    }

    fn readings(&self) -> Vec<ReadingSpec> {
        use ReadingType::{Flag, Number, Texts};
        let spec = ReadingSpec::new;
        vec![
            spec(
                "arrived",
                Flag,
                "whether the last drill arrived; absent when that could not be seen",
            ),
            spec("took", Number(Unit::Time), "how long it took; absent when it did not arrive"),
            spec("fired_ago", Number(Unit::Time), "how long ago it was fired"),
            spec("receivers", Texts, "the receivers that Alertmanager gave it to"),
            spec("silenced", Flag, "whether a silence kept it back"),
            spec("inhibited", Flag, "whether another alert kept it back"),
        ]
    }

    fn hosts(&self) -> Vec<String> {
        let page = match &self.arrival {
            Arrival::Call(_) => None,
            Arrival::Page(page) => Some(page.host()),
        };
        std::iter::once(self.alertmanager.host()).chain(page).collect()
    }

    async fn observe(&self, cx: &Context) -> Result<Readings, Failure> {
        let what = self.what();
        let last = cx.memory.as_deref().and_then(Drill::remembered);
        let drill = match last.filter(|last| last.stands(&what, cx.now, self.again_after)) {
            Some(last) => last,
            None => self.drill(what, cx).await?,
        };
        Ok(drill.readings(cx.now, self.again_after))
    }
}

/// Where a drill is awaited.
enum Awaited<'a> {
    Call(TcpListener),
    Page(Session<'a>),
}

impl AlertDrill {
    /// What is tried: what one drill showed says nothing of another alert, or of another way.
    fn what(&self) -> String {
        let to = match &self.arrival {
            Arrival::Call(address) => address.to_string(),
            Arrival::Page(page) => page.host(),
        };
        format!("{:?} by {} to {to}", self.labels, self.alertmanager.host())
    }

    /// Fires an alert, waits for it, and ends it. Nothing is fired before the place where it arrives is there; once it is fired,
    /// whatever goes wrong is part of what the drill showed, so that nobody is called again for it at once.
    async fn drill(&self, what: String, cx: &Context) -> Result<Drill, Failure> {
        let id = format!("launchgate-{:016x}", RandomState::new().hash_one(cx.now.as_nanosecond()));
        let wait = cx.remaining().saturating_sub(KEPT);
        if wait.is_zero() {
            let message = format!("`timeout` leaves no time to wait: it takes more than {KEPT:?}");
            return Err(Failure::new(Cause::ProbeError, message));
        }
        let awaited = match &self.arrival {
            Arrival::Call(address) => Awaited::Call(arrival::listen(*address).await?),
            Arrival::Page(page) => Awaited::Page(Session::open(page, cx).await?),
        };
        if let Awaited::Page(page) = &awaited {
            server::accepted(&page.get("*/*", MAX_ANSWER).await?)?;
        }
        let session = Session::open(&self.alertmanager, cx).await?;
        self.tell(&session, &id, cx.now, cx.now + wait + KEPT + ENDS_AFTER).await?;
        let fired = Instant::now();
        let wait = cx.remaining().saturating_sub(KEPT);
        let came = match &awaited {
            Awaited::Call(listener) => {
                timeout(wait, async {
                    arrival::called(listener, &id).await;
                    Ok(())
                })
                .await
            }
            Awaited::Page(page) => timeout(wait, arrival::shown(page, &id)).await,
        };
        let mut drill = Drill::new(what, cx.now);
        match came {
            Ok(Ok(())) => drill.arrived(fired.elapsed()),
            Ok(Err(fault)) => drill.fault(&fault),
            // Time that is over is an answer.
            Err(_) => drill.lost(),
        }
        let filter = format!("{LABEL}=\"{id}\"");
        let seen = session.get_below("/api/v2/alerts", &[("filter", &filter)], MAX_ANSWER).await;
        match seen.and_then(|answer| server::json::<Vec<Seen>>(&answer)) {
            Ok(seen) => seen.first().into_iter().for_each(|seen| drill.seen(seen)),
            Err(fault) => drill.fault(&fault),
        }
        if let Err(fault) = self.tell(&session, &id, cx.now, cx.now + fired.elapsed()).await {
            drill.fault(&fault);
        }
        Ok(drill)
    }

    async fn tell(
        &self,
        session: &Session<'_>,
        id: &str,
        from: Timestamp,
        until: Timestamp,
    ) -> Result<(), Failure> {
        let mut labels = self.labels.clone();
        labels.insert(LABEL.to_owned(), id.to_owned());
        let alert = json!([{
            "labels": labels, "annotations": self.annotations,
            "startsAt": from.to_string(), "endsAt": until.to_string(),
        }]);
        server::accepted(&session.post_json("/api/v2/alerts", &alert, MAX_ANSWER).await?)
    }
}
