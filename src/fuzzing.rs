//! The parsers of bytes from outside that are private here, by name, for `fuzz/`: built with the feature `fuzzing` alone.

use std::time::Duration;

use jiff::Timestamp;
use launchgate_probes::fuzzing::Parser;

/// The private parsers of this crate, and all of the probes.
pub fn parsers() -> Vec<Parser> {
    let own: [Parser; 2] = [
        ("replay_range", |bytes| {
            let (start, step) = (Timestamp::UNIX_EPOCH, Duration::from_secs(60));
            let mut slots = vec![Vec::new(); 100];
            drop(crate::replay::prometheus::range::sort(bytes, start, step, &mut slots));
        }),
        ("web_basic", |bytes| {
            drop(crate::web::basic::decode(&String::from_utf8_lossy(bytes)));
        }),
    ];
    [own.as_slice(), &launchgate_probes::fuzzing::parsers()].concat()
}
