//! What the tools of backups print, for `fuzz/`. What is read as a list is judged as well.

use std::time::Duration;

use jiff::Timestamp;
use launchgate_core::observation::Failure;
use serde::de::DeserializeOwned;

use super::judge::{self, Terms, When};
use super::listing::{Backup, Listing, State};
use super::{barman, borg, dated, pattern, pgbackrest, report, restic, sizes, tool, velero, walg};
use crate::fuzzing::{Parser, halves, said, text};

const SEGMENT: u64 = 16 << 20;
/// 2026-11-24T00:00:00Z, as the samples are of that time.
const NOW: i64 = 1_795_478_400;

pub(crate) const PARSERS: &[Parser] = &[
    ("backup_barman", |bytes| judged(barman::read("shop", bytes))),
    ("backup_barman_check", |bytes| {
        let stdout = text(bytes).into_owned();
        let answer = tool::Answer { name: "barman", code: 0, stdout, stderr: String::new() };
        said(barman::checked("shop", &answer));
    }),
    ("backup_barman_show", |bytes| {
        said(barman::shown("shop", bytes, &mut Backup::new("shop", "a", State::Good)));
    }),
    ("backup_barman_wal", |bytes| walked(barman::segments(&text(bytes), SEGMENT))),
    ("backup_borg", |bytes| {
        let (list, sizes) = halves(bytes);
        let sizes = if sizes.is_empty() { list } else { sizes };
        judged(borg::read(&settings(r#"{"repository": "/srv/borg"}"#), list, sizes));
    }),
    ("backup_date", |bytes| said(dated::date_in(&text(bytes)))),
    ("backup_pattern", |bytes| {
        let (pattern, name) = halves(bytes);
        said(pattern::matches(&text(pattern), &text(name)));
    }),
    ("backup_pgbackrest", |bytes| {
        let told = pgbackrest::read(&settings(r#"{"stanza": "shop"}"#), bytes);
        judged(told.map(|told| told.listing));
    }),
    ("backup_pgbackrest_wal", |bytes| {
        if let Ok(archive) = pgbackrest::segments(bytes, SEGMENT) {
            walked(archive);
        }
    }),
    ("backup_report", |bytes| {
        let all = r#"{"url": "https://x.example/", "end": "/end", "ok": "/ok", "size": "/size"}"#;
        judged(report::read(&settings(all), bytes));
    }),
    ("backup_restic", |bytes| {
        judged(restic::read(&settings(r#"{"repository": "/srv/restic"}"#), bytes));
    }),
    ("backup_size", |bytes| said(sizes::parse(&text(bytes)))),
    ("backup_velero", |bytes| judged(velero::read(&settings("{}"), bytes, now()))),
    ("backup_walg", |bytes| judged(walg::read(&["default".to_owned()], bytes))),
    ("backup_walg_verify", |bytes| {
        let mut listing = Listing::default();
        if walg::verify(&mut listing, bytes, SEGMENT).is_ok() {
            judged(Ok(listing));
        }
    }),
];

fn now() -> Timestamp {
    Timestamp::from_second(NOW).expect("the time is one")
}

fn settings<T: DeserializeOwned>(json: &str) -> T {
    serde_json::from_str(json).expect("the settings are right")
}

fn judged(listing: Result<Listing, Failure>) {
    let Ok(listing) = listing else { return };
    let retention = Some(Duration::from_secs(30 * 86_400));
    let terms = Terms { kinds: vec!["full".to_owned()], retention, capacity: Some(1 << 40) };
    let later = now().checked_add(Duration::from_secs(86_400)).ok();
    for terms in [Terms::default(), terms] {
        said(judge::read(&listing, &terms, When { now: now(), go_live: later }));
    }
}

fn walked(archive: super::wal::Archive) {
    let first = archive.segment("000000010000000000000001");
    said(first.map(|first| archive.missing(first, None)));
}
