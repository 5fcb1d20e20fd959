//! Answers as servers give them, cut anywhere and broken everywhere.

use super::super::wire::{block, put16};
use super::*;

fn record(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut out = vec![kind, 3, 3];
    block(&mut out, 2, |out| out.extend_from_slice(body));
    out
}

fn message(kind: u8, inside: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = vec![kind];
    block(&mut out, 3, inside);
    out
}

fn hello(wire: u16, suite: u16, extensions: &[(u16, &[u8])]) -> Vec<u8> {
    message(2, |out| {
        put16(out, wire);
        out.extend_from_slice(&[9; 32]);
        out.push(0);
        put16(out, suite);
        out.push(0);
        block(out, 2, |out| {
            for (number, body) in extensions {
                put16(out, *number);
                block(out, 2, |out| out.extend_from_slice(body));
            }
        });
    })
}

/// TLS 1.2 with a chain of one, a prime of 1023 bits, and secure renegotiation.
fn whole() -> Vec<u8> {
    let mut messages = hello(0x0303, 0x009e, &[(0xff01, &[0]), (35, &[]), (23, &[])]);
    messages.extend(message(11, |out| block(out, 3, |out| block(out, 3, |out| out.push(7)))));
    messages.extend(message(12, |out| {
        block(out, 2, |out| {
            out.push(0x7f);
            out.resize(out.len() + 127, 0xff);
        });
    }));
    messages.extend(message(14, |_| {}));
    // In two records, one of which ends within a message.
    let (first, second) = messages.split_at(50);
    [record(22, first), record(22, second)].concat()
}

#[test]
fn a_flight_is_read_when_it_is_whole() {
    let bytes = whole();
    let Ok(Some(Answer::Hello(flight))) = parse(&bytes, false) else { panic!("it is whole") };
    assert_eq!((flight.version, flight.suite.number()), (Version::Tls12, 0x009e));
    assert_eq!(flight.exchange, Some(Exchange::Prime(1023)));
    assert_eq!(flight.chain, [vec![7]]);
    assert!(flight.renegotiation && flight.ticket && flight.extended_master_secret);
    assert!(!flight.heartbeat && !flight.compression);
    for end in 0..bytes.len() {
        assert_eq!(parse(&bytes[..end], false), Ok(None), "the first {end} bytes");
    }
}

#[test]
fn tls_1_3_says_its_version_and_group_in_extensions() {
    let share: &[u8] = &[0, 29, 0, 1, 5];
    let rows: [(&str, &[u8]); 2] = [("a share", share), ("a request for one", &share[..2])];
    for (row, share) in rows {
        let bytes = record(22, &hello(0x0303, 0x1301, &[(43, &[3, 4]), (51, share)]));
        let Ok(Some(Answer::Hello(flight))) = parse(&bytes, false) else { panic!("{row}") };
        assert_eq!(flight.version, Version::Tls13, "{row}");
        assert_eq!(flight.exchange, Some(Exchange::Group(29)), "{row}");
    }
}

#[test]
fn what_is_no_hello_is_told_apart() {
    let alert = |level, code| record(21, &[level, code]);
    let unknown = record(22, &hello(0x0303, 0x0a0a, &[]));
    let misfit = record(22, &hello(0x0303, 0x1301, &[]));
    let warned = [alert(1, 112), whole()].concat();
    assert!(matches!(parse(&warned, false), Ok(Some(Answer::Hello(_)))), "a warning before it");
    let rows = [
        ("an alert", alert(2, 70), Ok(Some(Answer::Alert(70)))),
        ("a farewell", alert(1, 0), Ok(Some(Answer::Alert(0)))),
        ("plain text", b"220 mail.example\r\n".to_vec(), Err(Malformed::Foreign)),
        ("HTTP", b"HTTP/1.1 400 Bad Request\r\n".to_vec(), Err(Malformed::Foreign)),
        ("a suite of nobody", unknown, Err(Malformed::Broken)),
        ("a suite of another version", misfit, Err(Malformed::Broken)),
        ("nothing", Vec::new(), Ok(None)),
    ];
    for (row, bytes, expected) in rows {
        assert_eq!(parse(&bytes, true), expected, "{row}");
    }
}

#[test]
fn no_bytes_make_it_panic() {
    let bytes = whole();
    for at in 0..bytes.len() {
        for value in [0, 1, 0x7f, 0xff] {
            let mut broken = bytes.clone();
            broken[at] = value;
            // Whatever it says, it says it.
            drop((parse(&broken, true), ancient(&broken, true)));
        }
    }
}

#[test]
fn ssl_2_is_offered_when_its_hello_has_suites() {
    let hello = |suites: u8| vec![0x80, 14, 4, 0, 1, 0, 2, 0, 0, 0, suites, 0, 0];
    let rows = [
        ("with suites", hello(3), Some(true)),
        ("without", hello(0), Some(false)),
        ("an alert", vec![21, 3, 1, 0, 2, 2, 70], Some(false)),
        ("nothing yet", Vec::new(), None),
    ];
    for (row, bytes, expected) in rows {
        assert_eq!(ancient(&bytes, false), Ok(expected), "{row}");
    }
}
