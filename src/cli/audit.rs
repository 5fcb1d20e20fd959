//! `audit`: a launch's log out of the daemon, and whether a log holds, without one.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::Path;

use launchgate_core::audit::{Broken, Chain, Head, Line};
use launchgate_core::name::Name;

use super::args::{AuditVerify, Daemon};
use super::client::Client;
use super::exit::{Exit, Failed};
use super::terminal::Terminal;
use crate::store::{AuditFile, PublicKey, StoreError};

/// A line of an exported log is not longer: its longest body is a run with its procedure, out of a launch file of 16 MiB at
/// most.
const MAX_LINE: u64 = 64 << 20;
/// A log is not of more launches.
const MAX_LAUNCHES: usize = 4_096;

pub(super) async fn export(mut after: u64, daemon: &Daemon) -> Result<Exit, Failed> {
    let client = Client::new(daemon)?;
    let launch = client.launch().await?;
    loop {
        let page = client.text(&format!("/api/v1/launches/{launch}/audit?after={after}")).await?;
        // Not by the terminal, which does not mind when nobody reads: a log that was cut off must not look exported.
        let mut stdout = std::io::stdout().lock();
        stdout
            .write_all(page.as_bytes())
            .and_then(|()| stdout.flush())
            .map_err(|e| Failed::internal(format!("the log cannot be written: {e}")))?;
        match newest(&page)? {
            Some(seq) if seq > after => after = seq,
            Some(_) => return Err(Failed::internal("the daemon's answer does not go on")),
            None => return Ok(Exit::Success),
        }
    }
}

/// The newest entry of a page; none when the log has ended.
fn newest(page: &str) -> Result<Option<u64>, Failed> {
    let mut newest = None;
    for text in page.lines() {
        let line: Line = serde_json::from_str(text)
            .map_err(|e| Failed::internal(format!("the daemon's answer is no audit log: {e}")))?;
        if let Line::Entry(entry) = line {
            newest = newest.max(Some(entry.seq));
        }
    }
    Ok(newest)
}

pub(super) fn verify(args: &AuditVerify, terminal: Terminal) -> Result<Exit, Failed> {
    let key = PublicKey::open(&args.public_key).map_err(|e| Failed::usage(e.to_string()))?;
    let mut walk = Walk::new(key, &args.heads);
    match (&args.store, &args.file) {
        (Some(store), _) => walk_store(store, &mut walk)?,
        (None, Some(file)) => walk_file(file, &mut walk)?,
        (None, None) => return Err(Failed::usage("name an exported log, or a store by --store")),
    }
    if walk.chains.is_empty() {
        return Err(Failed::usage("there is no entry in it, so there is nothing to verify"));
    }
    let (text, holds) = walk.told();
    terminal.print(&text);
    Ok(if holds { Exit::Success } else { Exit::Tampered })
}

fn walk_store(path: &Path, walk: &mut Walk) -> Result<(), Failed> {
    let told = |error: StoreError| match error {
        StoreError::Unreadable(message) => Failed::tampered(message),
        other => Failed::usage(other.to_string()),
    };
    let mut full = Ok(());
    AuditFile::open(path)
        .and_then(|file| {
            file.each(|line| {
                if full.is_ok() {
                    full = walk.take(line);
                }
            })
        })
        .map_err(told)?;
    full
}

fn walk_file(path: &Path, walk: &mut Walk) -> Result<(), Failed> {
    let fail = |e: std::io::Error| Failed::usage(format!("{}: {e}", path.display()));
    let mut file = BufReader::new(std::fs::File::open(path).map_err(fail)?);
    let mut text = Vec::new();
    for number in 1_u64.. {
        text.clear();
        if file.by_ref().take(MAX_LINE).read_until(b'\n', &mut text).map_err(fail)? == 0 {
            break;
        }
        let line: Line = serde_json::from_slice(&text).map_err(|e| {
            Failed::tampered(format!("line {number} is no line of an audit log: {e}"))
        })?;
        walk.take(&line)?;
    }
    Ok(())
}

/// The logs of several launches, walked along together.
struct Walk {
    key: PublicKey,
    chains: BTreeMap<Name, (Chain, Option<Broken>)>,
}

impl Walk {
    fn new(key: PublicKey, known: &[Head]) -> Self {
        let mut chains = BTreeMap::new();
        for head in known {
            let launch = head.launch.clone();
            let (chain, _) =
                chains.entry(launch.clone()).or_insert_with(|| (Chain::new(launch), None));
            chain.must_hold(head);
        }
        Self { key, chains }
    }

    /// Takes a line, if its launch's log has held so far.
    fn take(&mut self, line: &Line) -> Result<(), Failed> {
        let launch = line.launch();
        if !self.chains.contains_key(launch) {
            if self.chains.len() == MAX_LAUNCHES {
                let message = format!("there are over {MAX_LAUNCHES} launches in it");
                return Err(Failed::usage(message));
            }
            self.chains.insert(launch.clone(), (Chain::new(launch.clone()), None));
        }
        if let Some((chain, broken @ None)) = self.chains.get_mut(launch) {
            let key = &self.key;
            let is_signed = |message: &[u8], signature: &_| key.has_signed(message, signature);
            *broken = chain.take(line, &is_signed).err();
        }
        Ok(())
    }

    /// A sentence per launch, and whether all of them hold.
    fn told(self) -> (String, bool) {
        let (mut text, mut holds) = (String::new(), true);
        for (launch, (chain, broken)) in self.chains {
            let result = broken.map_or_else(|| chain.end().cloned(), Err);
            let said = match result {
                Ok(head) => format!(
                    "{launch}: {} entries, {} signed heads, all hold; head {head}",
                    head.seq,
                    chain.heads()
                ),
                Err(broken) => {
                    holds = false;
                    format!("{launch}: BROKEN: {broken}")
                }
            };
            writeln!(text, "{said}").expect("a String takes all");
        }
        (text, holds)
    }
}
