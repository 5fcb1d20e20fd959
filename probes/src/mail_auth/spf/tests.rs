//! `check_host()` over names in memory: `cases.txt` holds the names and what is to be said of whom.

use super::check::{Sender, check_host};
use crate::mail_auth::names::tests::Memory;

const CASES: &str = include_str!("cases.txt");

#[tokio::test]
async fn every_case_comes_out_as_the_rfc_says() {
    let (cases, records): (Vec<&str>, Vec<&str>) =
        CASES.lines().map(str::trim_start).partition(|line| line.starts_with("case "));
    let names = Memory::read(&records.join("\n"));
    let mut wrong = Vec::new();
    for case in &cases {
        let [_, row, ip, mailbox, expected] =
            case.split(' ').collect::<Vec<_>>().try_into().expect("five words");
        let domain = mailbox.rsplit_once('@').expect("a mailbox").1;
        let ip = ip.parse().expect("an address");
        let sender = Sender { ip, mailbox, helo: "mx.example.org" };
        let said = match check_host(&names, sender, domain).await {
            Ok(checked) => checked.verdict.name(),
            Err(_) => "temperror",
        };
        if said != expected {
            wrong.push(format!("{row}: {said}, not {expected}"));
        }
    }
    assert!(cases.len() > 60, "{} cases", cases.len());
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[tokio::test]
async fn look_ups_are_counted() {
    let records: Vec<&str> = CASES.lines().filter(|line| !line.contains("case ")).collect();
    let names = Memory::read(&records.join("\n"));
    let rows = [
        ("free.t", 0, 0),
        ("inc.t", 1, 0),
        ("ten.t", 10, 0),
        ("eleven.t", 11, 0),
        ("void2.t", 2, 2),
        ("void3.t", 3, 3),
    ];
    for (domain, lookups, voids) in rows {
        let mailbox = format!("postmaster@{domain}");
        let ip = "192.0.2.1".parse().expect("an address");
        let sender = Sender { ip, mailbox: &mailbox, helo: domain };
        let checked = check_host(&names, sender, domain).await.expect("an answer");
        assert_eq!((checked.lookups, checked.voids), (lookups, voids), "{domain}");
    }
}
