//! What the rest of the daemon holds of an engine: the last report, and a way in for events.

use std::sync::Arc;

use launchgate_core::instant::At;
use launchgate_core::name::Name;
use launchgate_core::report::Report;
use launchgate_core::state::{Event, Rejected};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;

/// Something for the engine's inbox.
#[derive(Debug)]
pub struct Message {
    /// What happened.
    pub event: Event,
    /// Who waits to hear that it was taken and kept; nobody for what the daemon itself saw.
    pub answer: Option<oneshot::Sender<Result<(), Refused>>>,
    /// When it was handed in; it may have waited for room in the inbox since.
    pub since: Instant,
}

/// Why the engine did not take an event.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It does not fit the launch.
    #[error(transparent)]
    Rejected(#[from] Rejected),
    /// It could not be kept, so it has not happened.
    #[error("the store cannot be written, so nothing was changed: {0}")]
    NotKept(String),
    /// The engine has ended.
    #[error("the daemon is shutting down")]
    Gone,
}

/// A launch under way, seen from outside its engine. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Handle {
    launch: Name,
    inbox: mpsc::Sender<Message>,
    reports: watch::Receiver<Arc<Report>>,
    questions: mpsc::Sender<Question>,
}

/// A question for the report of another instant.
#[derive(Debug)]
pub(super) struct Question {
    /// The instant.
    pub(super) at: At,
    /// Who waits for it.
    pub(super) answer: oneshot::Sender<Result<Report, String>>,
}

impl Handle {
    /// A handle on an engine's two ends.
    pub fn new(
        launch: Name,
        inbox: mpsc::Sender<Message>,
        reports: watch::Receiver<Arc<Report>>,
    ) -> Self {
        let (questions, _) = mpsc::channel(1);
        Self { launch, inbox, reports, questions }
    }

    /// The handle with a way in for questions.
    pub(super) fn with_questions(self, questions: mpsc::Sender<Question>) -> Self {
        Self { questions, ..self }
    }

    /// The report of another instant.
    ///
    /// # Errors
    /// Why it cannot be had, for people.
    pub async fn report_at(&self, at: At) -> Result<Report, String> {
        let (answer, heard) = oneshot::channel();
        let gone = || "the daemon is shutting down".to_owned();
        self.questions.send(Question { at, answer }).await.map_err(|_| gone())?;
        heard.await.map_err(|_| gone())?
    }

    /// The launch's name.
    pub fn launch(&self) -> &Name {
        &self.launch
    }

    /// The last published report.
    pub fn report(&self) -> Arc<Report> {
        Arc::clone(&self.reports.borrow())
    }

    /// The reports as they are published; a slow reader misses some and never slows the engine.
    pub fn reports(&self) -> watch::Receiver<Arc<Report>> {
        self.reports.clone()
    }

    /// How many events wait in the inbox, and for how many there is room.
    pub fn inbox(&self) -> (usize, usize) {
        let room = self.inbox.max_capacity();
        (room - self.inbox.capacity(), room)
    }

    /// Whether the engine has ended.
    pub fn is_gone(&self) -> bool {
        self.inbox.is_closed()
    }

    /// Hands in what a person did, and waits until it is kept.
    ///
    /// # Errors
    /// The launch refuses it, or it cannot be kept: then it has not happened.
    pub async fn submit(&self, event: Event) -> Result<(), Refused> {
        let (answer, heard) = oneshot::channel();
        let message = Message { event, answer: Some(answer), since: Instant::now() };
        self.inbox.send(message).await.map_err(|_| Refused::Gone)?;
        heard.await.map_err(|_| Refused::Gone)?
    }

    /// Hands in what the daemon saw. Waits for room in the inbox, which is bounded.
    pub async fn tell(&self, event: Event) {
        let message = Message { event, answer: None, since: Instant::now() };
        if self.inbox.send(message).await.is_err() {
            tracing::debug!(launch = %self.launch, "the engine has ended; an event is dropped");
        }
    }
}
