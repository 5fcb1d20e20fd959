//! The daemon: launches, page and API, and what signals do to them.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use launchgate_probes::builtin;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::actions::Shims;
use crate::clock::Clock;
use crate::engine::SharedStore;
use crate::launch::{Launch, Shared};
use crate::postman::Couriers;
use crate::runner::Limits;
use crate::settings::daemon::Settings;
use crate::settings::launch::compile_file;
use crate::store::{Measured, SqliteStore, StoreError};
use crate::telemetry::Measures;
use crate::web::auth::Tokens;
use crate::web::oidc::Oidc;
use crate::web::tls::{Peer, Tls, TlsListener};
use crate::web::{App, Door, router};

/// How long open connections may take to end.
const LINGER: Duration = Duration::from_secs(3);

/// Why the daemon does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A launch file or a setting is wrong, or the address is taken.
    #[error("{0}")]
    Settings(String),
    /// The store cannot be had.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A daemon at work.
pub struct Daemon {
    launches: Vec<Launch>,
    address: SocketAddr,
    tls: Option<Tls>,
    web: JoinHandle<std::io::Result<()>>,
    stop: CancellationToken,
}

impl Daemon {
    /// Compiles every launch file, opens the store, binds the address, restores the launches, and starts to look.
    ///
    /// # Errors
    /// Everything that is wrong, before anything has started to look.
    pub async fn start(
        settings: &Settings,
        files: &[PathBuf],
        clock: Arc<dyn Clock>,
    ) -> Result<Self, StartError> {
        let registry = Arc::new(builtin());
        let mut compiled = Vec::new();
        let mut problems = Vec::new();
        for file in files {
            match compile_file(file, &registry) {
                Ok(launch) => compiled.push((file.clone(), launch)),
                Err(found) => problems.push(found.to_string()),
            }
        }
        let mut names = std::collections::HashSet::new();
        for (file, launch) in &compiled {
            if !names.insert(launch.plan.launch.clone()) {
                let (file, name) = (file.display(), &launch.plan.launch);
                problems.push(format!("{file}: error: another launch file has the name `{name}`"));
            }
        }
        if !problems.is_empty() {
            return Err(StartError::Settings(problems.join("\n")));
        }
        let tls = settings.web.tls.clone().map(Tls::start).transpose().map_err(|problems| {
            let problems = problems.iter().map(|p| format!("web.tls.{}: {}", p.path, p.message));
            StartError::Settings(problems.collect::<Vec<_>>().join("\n"))
        })?;
        let measures = Measures::default();
        let store = SqliteStore::open(&settings.store.path)?;
        let store: SharedStore =
            Arc::new(Mutex::new(Measured::new(store, measures.keeping.clone())));
        let listen = settings.web.listen;
        let listener = TcpListener::bind(listen)
            .await
            .map_err(|e| StartError::Settings(format!("cannot listen on {listen}: {e}")))?;
        let shims = Shims::beside(&settings.store.path, clock.now().wall).map_err(|e| {
            let store = settings.store.path.display();
            StartError::Settings(format!("the folder for runs beside {store} cannot be had: {e}"))
        })?;
        let couriers = Couriers::beside(&settings.store.path).map_err(|e| {
            let store = settings.store.path.display();
            StartError::Settings(format!("the folder for post beside {store} cannot be had: {e}"))
        })?;
        let limits = &settings.limits;
        let [all, kind, host] = [limits.looks, limits.per_kind, limits.per_host]
            .map(|n| usize::try_from(n).unwrap_or(usize::MAX));
        let limits = Arc::new(Limits::new(all, kind, host).noting(measures.looks.clone()));
        let shared = Shared {
            registry,
            store: Arc::clone(&store),
            clock,
            limits,
            shims: Arc::new(shims),
            couriers: Arc::new(couriers),
            measures: measures.clone(),
        };
        let mut launches = Vec::new();
        for (file, launch) in compiled {
            launches.push(Launch::start(file, launch, shared.clone()).await?);
        }
        Ok(Self::serve(settings, store, (listener, tls), launches, measures))
    }

    fn serve(
        settings: &Settings,
        store: SharedStore,
        (listener, tls): (TcpListener, Option<Tls>),
        launches: Vec<Launch>,
        measures: Measures,
    ) -> Self {
        let handles: BTreeMap<_, _> =
            launches.iter().map(|l| (l.handle().launch().clone(), l.handle().clone())).collect();
        let tokens = Tokens {
            list: settings.web.tokens.clone(),
            oidc: settings.web.oidc.clone().map(Oidc::start),
            certificates: settings.web.certificates.clone(),
            guard_reads: !settings.web.listen.ip().is_loopback(),
            dev: settings.web.dev,
        };
        let address = listener.local_addr().unwrap_or(settings.web.listen);
        let door = Door {
            hosts: settings.web.hosts.clone(),
            origins: settings.web.origins.clone(),
            rate: settings.web.rate,
            tls: tls.clone(),
        };
        let app = App::new(handles, store, tokens, door, measures);
        let stop = CancellationToken::new();
        let told = stop.clone().cancelled_owned();
        let service = router(app).into_make_service_with_connect_info::<Peer>();
        let web = if let Some(tls) = tls.clone() {
            let listener = TlsListener::new(listener, tls);
            tokio::spawn(axum::serve(listener, service).with_graceful_shutdown(told).into_future())
        } else {
            tokio::spawn(axum::serve(listener, service).with_graceful_shutdown(told).into_future())
        };
        Self { launches, address, tls, web, stop }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where the page is.
    pub fn url(&self) -> String {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://{}/", self.address)
    }

    /// The launches' names.
    pub fn names(&self) -> Vec<String> {
        self.launches.iter().map(|l| l.handle().launch().to_string()).collect()
    }

    /// The launches.
    pub fn launches(&self) -> &[Launch] {
        &self.launches
    }

    /// Runs until the process is told to end (TERM or INT); when told to (HUP), reads the launch files and those of TLS
    /// anew.
    ///
    /// # Errors
    /// Signals cannot be had.
    pub async fn run_until_told(&mut self) -> std::io::Result<()> {
        let mut term = signal(SignalKind::terminate())?;
        let mut int = signal(SignalKind::interrupt())?;
        let mut hup = signal(SignalKind::hangup())?;
        loop {
            tokio::select! {
                _ = term.recv() => return Ok(()),
                _ = int.recv() => return Ok(()),
                _ = hup.recv() => {
                    for launch in &mut self.launches {
                        launch.reload().await;
                    }
                    if let Some(tls) = &self.tls {
                        tls.renew().await;
                    }
                }
            }
        }
    }

    /// Ends: no new look, what is held is kept, open connections are given a moment.
    pub async fn stop(self) {
        tracing::info!("shutting down");
        self.stop.cancel();
        futures_util::future::join_all(self.launches.into_iter().map(Launch::stop)).await;
        // Live streams end only when their reader goes.
        match tokio::time::timeout(LINGER, self.web).await {
            Ok(Ok(Ok(()))) | Err(_) => {}
            Ok(Ok(Err(error))) => tracing::error!(%error, "the listener ended badly"),
            Ok(Err(error)) => tracing::error!(%error, "the listener ended badly"),
        }
    }
}
