//! The engines' inboxes, as they are when somebody asks.

use prometheus_client::registry::Registry;

use super::series::{Labels, Series};
use crate::engine::Handle;

pub(super) struct Inboxes {
    waiting: Series,
    room: Series,
    up: Series,
}

impl Inboxes {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let mut series = |name: &str, help: &str| Series::register(registry, name, help);
        Self {
            waiting: series("engine_inbox_events", "How many events wait for the engine"),
            room: series("engine_inbox_limit_events", "How many events may wait for the engine"),
            up: series("engine_up", "Whether the launch's engine is at work"),
        }
    }

    pub(super) fn fill(&self, of: &Labels, handle: &Handle) {
        let (waiting, room) = handle.inbox();
        self.waiting.count(of, waiting);
        self.room.count(of, room);
        self.up.is(of, !handle.is_gone());
    }
}
