//! What happened, told only when somebody will read it.

use crate::clock::Second;

#[derive(Debug, Default)]
pub(crate) struct Story {
    pub(crate) told: bool,
    pub(crate) lines: Vec<String>,
}

impl Story {
    pub(crate) fn tell(&mut self, at: Second, what: impl FnOnce() -> String) {
        if self.told {
            self.lines.push(format!(
                "{:02}:{:02}:{:02} {}",
                at / 3_600,
                at / 60 % 60,
                at % 60,
                what()
            ));
        }
    }

    /// FNV-1a over the lines: two tellings of one seed must agree.
    pub(crate) fn digest(&self) -> u64 {
        let bytes = self.lines.iter().flat_map(|line| line.bytes());
        bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        })
    }
}
