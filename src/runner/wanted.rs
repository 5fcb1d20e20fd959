//! The looks that people ask for beside the rhythm. A check is in here once, however often it is asked for.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use launchgate_core::name::CheckPath;
use tokio::sync::Notify;

/// Checks that are to be looked at at once.
#[derive(Debug, Default)]
pub struct Wanted {
    checks: Mutex<BTreeSet<CheckPath>>,
    more: Notify,
}

impl Wanted {
    /// Asks for these checks to be looked at.
    pub fn ask(&self, checks: impl IntoIterator<Item = CheckPath>) {
        self.checks.lock().unwrap_or_else(PoisonError::into_inner).extend(checks);
        self.more.notify_one();
    }

    /// Waits until checks are asked for, and takes them.
    pub(super) async fn taken(&self) -> BTreeSet<CheckPath> {
        loop {
            let taken =
                std::mem::take(&mut *self.checks.lock().unwrap_or_else(PoisonError::into_inner));
            if !taken.is_empty() {
                return taken;
            }
            self.more.notified().await;
        }
    }
}
