//! Turns: messages that move one alert or one incident go in their order, however long the first of them takes.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use launchgate_core::message::Message;
use launchgate_core::name::Name;
use tokio::sync::oneshot;

/// The kinds of channel that keep states.
const STATEFUL: [&str; 2] = ["pagerduty", "status_page"];

/// Who was the last in each row: over when its sender is gone.
type Rows = HashMap<(Name, String), oneshot::Receiver<()>>;

/// The rows of one launch. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Turns(Arc<Mutex<Rows>>);

/// A place in a row; the next one's turn comes when it is dropped.
#[derive(Debug, Default)]
pub(super) struct Turn {
    before: Option<oneshot::Receiver<()>>,
    /// Held until the message has ended.
    over: Option<oneshot::Sender<()>>,
}

impl Turns {
    /// Takes a place behind the message before, where the channel keeps states.
    pub(super) fn take(&self, kind: Option<&str>, message: &Message) -> Turn {
        let keeps_states = kind.is_some_and(|kind| STATEFUL.contains(&kind));
        let Some(matter) = message.matter.as_ref().filter(|_| keeps_states) else {
            return Turn::default();
        };
        let (over, ended) = oneshot::channel();
        let mut rows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        rows.retain(|_, last| last.try_recv() == Err(oneshot::error::TryRecvError::Empty));
        let before = rows.insert((message.channel.clone(), matter.key.clone()), ended);
        Turn { before, over: Some(over) }
    }
}

impl Turn {
    /// Waits until the message before has ended.
    pub(super) async fn come(&mut self) {
        if let Some(before) = self.before.take() {
            // It says nothing; that it is gone is the news.
            drop(before.await);
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.over.take();
    }
}

#[cfg(test)]
mod tests {
    use launchgate_core::matter::{Matter, Turn as Pager};

    use super::super::tests::message;
    use super::*;

    fn about(key: &str) -> Message {
        let matter = Matter { key: key.into(), pager: Pager::Trigger, status: None };
        Message { matter: Some(matter), ..message("pager") }
    }

    #[tokio::test]
    async fn one_matter_goes_in_order_and_others_do_not_wait() {
        let turns = Turns::default();
        let mut first = turns.take(Some("pagerduty"), &about("a"));
        let mut second = turns.take(Some("pagerduty"), &about("a"));
        let mut other = turns.take(Some("pagerduty"), &about("b"));
        let mut chat = turns.take(Some("slack"), &about("a"));
        first.come().await;
        other.come().await;
        chat.come().await;
        tokio::select! {
            biased;
            () = second.come() => panic!("the first is not over"),
            () = tokio::task::yield_now() => {}
        }
        let mut third = turns.take(Some("pagerduty"), &about("a"));
        drop((first, second, other));
        third.come().await;
        drop(third);
        drop(turns.take(Some("pagerduty"), &about("c")));
        assert_eq!(turns.0.lock().unwrap().len(), 1, "rows that are over are forgotten");
    }
}
