//! The clocks of the simulated world: true time, and what the daemon's machine makes of it.

use std::time::Duration;

use jiff::Timestamp;
use launchgate_core::time::Moment;

/// 2026-12-01T09:00:00Z, in milliseconds.
const START: i64 = 1_796_115_600_000;

/// Seconds of true time since the story began.
pub(crate) type Second = u64;

#[derive(Debug, Clone, Default)]
pub(crate) struct Clock {
    pub(crate) true_time: Second,
    /// How far the wall clock is off, in seconds.
    pub(crate) wall_off: i64,
    boot: u64,
    booted: Second,
}

impl Clock {
    pub(crate) fn now(&self) -> Moment {
        Moment {
            wall: stamp(signed(self.true_time) * 1_000 + self.wall_off * 1_000),
            uptime: Duration::from_secs(self.true_time - self.booted),
            boot: self.boot,
        }
    }

    pub(crate) fn reboot(&mut self) {
        self.boot += 1;
        self.booted = self.true_time;
    }
}

/// The time of day, so many milliseconds after the story began.
pub(crate) fn stamp(millis: i64) -> Timestamp {
    Timestamp::from_millisecond(START + millis).expect("the story plays in this century")
}

pub(crate) fn signed(seconds: Second) -> i64 {
    i64::try_from(seconds).expect("a story is short")
}
