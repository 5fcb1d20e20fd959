//! Every way in which a log can be tampered with, and the entry that it is named by.

use std::time::Duration;

use super::*;
use crate::milestone::{Milestone, Reached};
use crate::trigger::{Asked, Hold, Memory, Status};

const KEY: &str = "the daemon's";

fn shop() -> Name {
    Name::of("shop")
}

fn at() -> Timestamp {
    "2026-12-01T09:00:00.123456789Z".parse().unwrap()
}

fn reached(by: &str) -> Record {
    Record::Reached(Reached { milestone: Milestone::Live, at: at(), by: by.into() })
}

/// What stands in for a signature: a hash that takes a key.
fn sign(key: &str, message: &[u8]) -> Signature {
    let digest = Sha256::digest(parts([key.as_bytes(), message]));
    let mut bytes = [0; 64];
    bytes[..32].copy_from_slice(&digest);
    bytes[32..].copy_from_slice(&digest);
    Hex(bytes)
}

fn is_signed(message: &[u8], signature: &Signature) -> bool {
    sign(KEY, message) == *signature
}

fn signed(key: &str, head: Head) -> Line {
    let signature = sign(key, &head.message());
    Line::Head(SignedHead::new(head, signature))
}

/// Six entries in three commits of two; a line per entry, and a head behind every second.
fn log() -> Vec<Line> {
    let mut lines = Vec::new();
    let mut head = Head::origin(shop());
    for i in 1..=6 {
        let entry = head.next(at(), "milestone", &reached(&format!("person-{i}"))).unwrap();
        head = entry.head();
        lines.push(Line::Entry(entry));
        if i % 2 == 0 {
            lines.push(signed(KEY, head.clone()));
        }
    }
    lines
}

fn verified(lines: &[Line], known: Option<&Head>) -> Result<Head, Broken> {
    let mut chain = Chain::new(shop());
    if let Some(head) = known {
        chain.must_hold(head);
    }
    lines.iter().try_for_each(|line| chain.take(line, &is_signed))?;
    chain.end().cloned()
}

/// Where entry `seq` stands among the lines.
fn place(lines: &[Line], seq: u64) -> usize {
    lines.iter().position(|l| matches!(l, Line::Entry(e) if e.seq == seq)).unwrap()
}

fn entry(lines: &mut [Line], seq: u64) -> &mut Entry {
    let place = place(lines, seq);
    let Line::Entry(entry) = &mut lines[place] else { panic!("the place of an entry") };
    entry
}

/// Makes the chain whole again from an entry on, as anybody can; heads that are there get the new hashes.
fn rehash(lines: &mut [Line], resign: Option<&str>) {
    let mut before = Head::origin(shop());
    for line in lines {
        match line {
            Line::Entry(entry) => {
                entry.seq = before.seq + 1;
                entry.prev = before.hash;
                entry.hash = entry.fingerprint();
                before = entry.head();
            }
            Line::Head(_) => {
                if let Some(key) = resign {
                    *line = signed(key, before.clone());
                }
            }
        }
    }
}

fn forge(lines: &mut [Line]) {
    let entry = entry(lines, 3);
    entry.body = entry.body.replace("person-3", "mallory");
}

/// A row: its name, what is done to the log, the first entry that does not hold, and why.
type Row = (&'static str, fn(&mut Vec<Line>), u64, Why);

#[test]
fn tampering_is_named_by_its_first_entry() {
    let rows: [Row; 19] = [
        ("a byte of a body", |l| forge(l), 3, Why::Hash),
        ("a kind", |l| entry(l, 3).kind.push('x'), 3, Why::Hash),
        ("a time", |l| entry(l, 3).at += jiff::SignedDuration::from_nanos(1), 3, Why::Hash),
        ("a hash", |l| entry(l, 3).hash.0[0] ^= 1, 3, Why::Hash),
        ("a prev", |l| entry(l, 3).prev.0[31] ^= 1, 3, Why::Prev),
        ("a launch", |l| entry(l, 3).launch = Name::of("other"), 3, Why::Foreign),
        ("a number", |l| entry(l, 3).seq = 9, 3, Why::Missing { found: 9 }),
        ("an entry removed", |l| drop(l.remove(place(l, 3))), 3, Why::Missing { found: 4 }),
        ("the first removed", |l| drop(l.remove(0)), 1, Why::Missing { found: 2 }),
        ("two swapped", |l| l.swap(3, 4), 3, Why::Missing { found: 4 }),
        ("one twice", |l| l.insert(4, l[3].clone()), 3, Why::OutOfOrder),
        (
            "one inserted that holds",
            |l| {
                let Line::Head(head) = &l[2] else { panic!("the first head") };
                let more = head.head().next(at(), "milestone", &reached("mallory")).unwrap();
                l.insert(3, Line::Entry(more));
            },
            3,
            Why::OutOfOrder,
        ),
        (
            "an entry and its hash",
            |l| {
                forge(l);
                let entry = entry(l, 3);
                entry.hash = entry.fingerprint();
            },
            4,
            Why::Prev,
        ),
        (
            "all hashed anew",
            |l| {
                forge(l);
                rehash(l, None);
            },
            4,
            Why::Replaced,
        ),
        (
            "and signed by another key",
            |l| {
                forge(l);
                rehash(l, Some("mallory's"));
            },
            2,
            Why::Signature,
        ),
        ("the last entry cut off", |l| drop(l.remove(7)), 6, Why::CutOff { reaches: 6 }),
        ("the last head removed", |l| drop(l.pop()), 5, Why::Unsigned),
        ("every head removed", |l| l.retain(|l| matches!(l, Line::Entry(_))), 1, Why::Unsigned),
        ("a head moved", |l| l.swap(2, 3), 2, Why::HeadOutOfPlace),
    ];
    let good = log();
    assert_eq!(verified(&good, None).map(|head| head.seq), Ok(6));
    for (row, tamper, seq, why) in rows {
        let mut lines = good.clone();
        tamper(&mut lines);
        let broken = verified(&lines, None).unwrap_err();
        assert_eq!((broken.seq, broken.why), (seq, why), "{row}");
    }
}

#[test]
fn a_known_head_tells_a_tail_that_went_with_its_heads_and_a_log_made_anew() {
    let good = log();
    let known = verified(&good, None).unwrap();
    let cut = &good[..6];
    assert_eq!(verified(cut, None).map(|head| head.seq), Ok(4), "nothing in it tells");
    let broken = verified(cut, Some(&known)).unwrap_err();
    assert_eq!((broken.seq, broken.why), (5, Why::CutOff { reaches: 6 }));
    let mut anew = good.clone();
    forge(&mut anew);
    rehash(&mut anew, Some(KEY));
    assert!(verified(&anew, None).is_ok(), "the key's owner can do this");
    let broken = verified(&anew, Some(&known)).unwrap_err();
    assert_eq!((broken.seq, broken.why), (6, Why::Replaced));
    assert_eq!(verified(&good, Some(&known)), Ok(known.clone()));
    assert_eq!(known.to_string().parse(), Ok(known));
}

#[test]
fn a_head_in_the_middle_is_covered_by_the_next() {
    let mut lines = log();
    lines.remove(2);
    assert_eq!(verified(&lines, None).map(|head| head.seq), Ok(6));
}

#[test]
fn a_line_is_read_as_it_was_written_and_nothing_else_is() {
    for line in log() {
        let text = serde_json::to_string(&line).unwrap();
        assert_eq!(serde_json::from_str::<Line>(&text).unwrap(), line);
        let rows = [
            ("an unknown field", text.replacen('{', "{\"note\":\"approved\",", 1)),
            ("a field twice", text.replacen('{', "{\"seq\":1,", 1)),
            ("capitals", text.replace(&line_hash(&line), &line_hash(&line).to_uppercase())),
            ("a hash cut short", text.replace(&line_hash(&line), "00")),
            ("no line", "{}".to_owned()),
        ];
        for (row, text) in rows {
            assert!(serde_json::from_str::<Line>(&text).is_err(), "{row}: {text}");
        }
    }
}

fn line_hash(line: &Line) -> String {
    match line {
        Line::Entry(entry) => entry.hash.to_string(),
        Line::Head(head) => head.hash.to_string(),
    }
}

#[test]
fn the_encoding_is_the_one_that_is_documented() {
    let entry = Head::origin(shop()).next(at(), "milestone", &reached("alice")).unwrap();
    let body = "{\"at\":\"2026-12-01T09:00:00.123456789Z\",\"by\":\"alice\",\"milestone\":\"live\",\"record\":\"reached\"}";
    assert_eq!(entry.body, body);
    let mut text = Vec::new();
    for part in ["launchgate/audit/entry/1", "shop"] {
        text.extend_from_slice(&[0, 0, 0, 0, 0, 0, 0, u8::try_from(part.len()).unwrap()]);
        text.extend_from_slice(part.as_bytes());
    }
    text.extend_from_slice(&[0, 0, 0, 0, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 1]);
    text.extend_from_slice(&[0, 0, 0, 0, 0, 0, 0, 16]);
    text.extend_from_slice(&1_796_115_600_123_000_000_i128.to_be_bytes());
    for part in ["milestone", body] {
        text.extend_from_slice(&[0, 0, 0, 0, 0, 0, 0, u8::try_from(part.len()).unwrap()]);
        text.extend_from_slice(part.as_bytes());
    }
    text.extend_from_slice(&[0, 0, 0, 0, 0, 0, 0, 32]);
    text.extend_from_slice(&[0; 32]);
    let digest: [u8; 32] = Sha256::digest(text).into();
    assert_eq!(entry.hash, Hex(digest));
}

#[test]
fn of_a_trigger_its_turns_are_audited() {
    let record = |memory: &Memory| Record::Trigger {
        trigger: Name::of("errors"),
        watches: "w".into(),
        memory: Box::new(memory.clone()),
    };
    let watching = Memory { status: Status::Watching, ..Memory::default() };
    let pending = Memory { status: Status::Pending, breaches: 1, ..Memory::default() };
    let more = Memory { breaches: 2, ..pending.clone() };
    let fired = Memory { status: Status::Fired, fired_at: Some(at()), ..more.clone() };
    let again = Memory { fired_at: None, ..fired.clone() };
    let hold = Hold { by: Name::of("alice"), until: at(), reason: "known".into() };
    let held = Memory { hold: Some(hold), ..pending.clone() };
    let asked = Asked { deadline: at(), remind_at: at(), unanswered: false, declined: None };
    let suggests = Memory { asked: Some(asked.clone()), ..fired.clone() };
    let reminded = Asked { remind_at: at() + Duration::from_secs(60), ..asked.clone() };
    let reminded = Memory { asked: Some(reminded), ..suggests.clone() };
    let declined = Asked { declined: Some((Name::of("alice"), "no".into())), ..asked };
    let declined = Memory { asked: Some(declined), ..suggests.clone() };
    let acked = Memory { acked: Some(Name::of("alice")), ..suggests.clone() };
    let rearming = Memory { rearm_asked: Some(Name::of("alice")), ..fired.clone() };
    let rows = [
        ("new and disarmed", None, &Memory::default(), false),
        ("new and armed", None, &watching, true),
        ("a breach begins", Some(&watching), &pending, true),
        ("another sample", Some(&pending), &more, false),
        ("it fires", Some(&more), &fired, true),
        ("latched", Some(&fired), &fired, false),
        ("the latch alone", Some(&fired), &again, true),
        ("a person holds it", Some(&pending), &held, true),
        ("a sample while held", Some(&held), &Memory { breaches: 3, ..held.clone() }, false),
        ("it is released", Some(&held), &pending, true),
        ("a reminder", Some(&suggests), &reminded, false),
        ("a person declines", Some(&suggests), &declined, true),
        ("a person has seen it", Some(&suggests), &acked, true),
        ("one of two asks for re-arming", Some(&fired), &rearming, true),
    ];
    for (row, before, after, expected) in rows {
        assert_eq!(audited(&record(after), before).is_some(), expected, "{row}");
    }
}
