//! The only place that reads a clock.

use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;
use launchgate_core::time::{Moment, parse_duration};
use rustix::time::{ClockId, clock_gettime};
use sha2::{Digest, Sha256};

/// Where moments come from.
pub trait Clock: Send + Sync {
    /// The present moment, on both timelines.
    fn now(&self) -> Moment;
}

/// The machine's clocks: wall time, and time since boot counted through suspend.
#[derive(Debug, Clone, Copy)]
pub struct SystemClock {
    boot: u64,
}

impl SystemClock {
    /// Finds out which boot this is. Without a boot id (not Linux) every start of the process counts as a boot of its
    /// own, so that moments of an earlier process are compared by wall time alone.
    pub fn new() -> Self {
        let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id");
        let text = id.unwrap_or_else(|_| format!("{}/{}", std::process::id(), Timestamp::now()));
        let digest = Sha256::digest(text.trim().as_bytes());
        // The top bit stays clear: the number goes through signed columns and JSON.
        let boot = digest.iter().take(8).fold(0_u64, |id, byte| id << 8 | u64::from(*byte)) >> 1;
        Self { boot }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Moment {
        #[cfg(target_os = "linux")]
        let id = ClockId::Boottime;
        #[cfg(not(target_os = "linux"))]
        let id = ClockId::Monotonic;
        let since_boot = clock_gettime(id);
        let uptime = Duration::new(
            u64::try_from(since_boot.tv_sec).unwrap_or_default(),
            u32::try_from(since_boot.tv_nsec).unwrap_or_default(),
        );
        Moment { wall: Timestamp::now(), uptime, boot: self.boot }
    }
}

/// A clock that is ahead of the machine's by what a file says, such as `6d12h`, so that a launch of weeks can be played
/// through in minutes. It is for trying things out: a daemon takes it in `--dev` mode alone.
#[derive(Debug, Clone)]
pub struct AheadClock {
    machine: SystemClock,
    file: PathBuf,
}

impl AheadClock {
    /// A clock that reads this file whenever it is asked for the time.
    pub fn new(file: PathBuf) -> Self {
        Self { machine: SystemClock::new(), file }
    }
}

impl Clock for AheadClock {
    /// A file that is not there, or says nothing that is a duration, adds nothing.
    fn now(&self) -> Moment {
        let text = std::fs::read_to_string(&self.file).unwrap_or_default();
        self.machine.now().plus(parse_duration(&text).unwrap_or_default())
    }
}
