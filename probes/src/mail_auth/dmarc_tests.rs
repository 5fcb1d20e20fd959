//! Tables over the reader of DMARC policies, and walks over names in memory.

use launchgate_core::reading::Value;

use super::*;
use crate::mail_auth::names::tests::Memory;

#[test]
fn policies_are_read() {
    use Action::{None as Nothing, Quarantine, Reject};
    let rows = [
        ("plain", "v=DMARC1; p=reject", (Reject, Reject, Reject, false)),
        ("blanks", "v = DMARC1 ;p = quarantine;", (Quarantine, Quarantine, Quarantine, false)),
        ("for names below", "v=DMARC1; p=reject; sp=none", (Reject, Nothing, Nothing, false)),
        ("for none such", "v=DMARC1; p=none; np=reject", (Nothing, Nothing, Reject, false)),
        ("no p", "v=DMARC1; rua=mailto:a@b.c", (Nothing, Nothing, Nothing, false)),
        ("a bad p", "v=DMARC1; p=block", (Nothing, Nothing, Nothing, false)),
        ("tried out", "v=DMARC1; p=reject; t=y", (Reject, Reject, Reject, true)),
        ("the p late", "v=DMARC1; sp=none; p=reject", (Reject, Nothing, Nothing, false)),
        ("more", "v=DMARC1; fancy=1; p=reject; nonsense", (Reject, Reject, Reject, false)),
        ("capitals", "v=DMARC1; p=Reject", (Reject, Reject, Reject, false)),
    ];
    for (row, text, expected) in rows {
        let policy = parse(text.as_bytes()).expect(row);
        let Policy { own, below, nonexistent, testing, .. } = policy;
        assert_eq!((own, below, nonexistent, testing), expected, "{row}");
    }
    for text in ["", "v=DMARC2; p=none", "p=none; v=DMARC1", "v=dmarc1; p=none", " v=DMARC1"] {
        assert_eq!(parse(text.as_bytes()), None, "{text}");
    }
}

#[test]
fn reports_go_to_mailboxes() {
    let rows = [
        ("one", "mailto:a@b.example", vec!["b.example"]),
        ("two", "mailto:a@b.example, MAILTO:c@D.example", vec!["b.example", "d.example"]),
        ("with a size", "mailto:a@b.example!10m", vec!["b.example"]),
        ("no mailbox", "https://b.example/x", vec![]),
        ("no host", "mailto:a", vec![]),
        ("nothing", "", vec![]),
    ];
    for (row, rua, hosts) in rows {
        let policy = parse(format!("v=DMARC1; p=none; rua={rua}").as_bytes()).expect(row);
        assert_eq!(policy.reports, hosts, "{row}");
    }
}

/// Policy, whose, reports.
#[tokio::test]
async fn the_tree_is_walked() {
    let names = Memory::read(
        "_dmarc.own.example TXT v=DMARC1; p=reject; rua=mailto:d@own.example
         _dmarc.org.example TXT v=DMARC1; p=reject; sp=quarantine; rua=mailto:d@reports.org.example
         _dmarc.two.example TXT v=DMARC1; p=reject
         _dmarc.two.example TXT v=DMARC1; p=none
         _dmarc.bank TXT v=DMARC1; p=reject; sp=quarantine; psd=y; rua=mailto:d@bank
         _dmarc.top TXT v=DMARC1; p=reject
         _dmarc.split.org.example TXT v=DMARC1; p=none; psd=n
         _dmarc.c.d.e.f.g.h.i.deep TXT v=DMARC1; p=reject
         _dmarc.ext.example TXT v=DMARC1; p=reject; rua=mailto:d@yes.test,mailto:d@ext.example
         ext.example._report._dmarc.yes.test TXT v=DMARC1;
         _dmarc.rude.example TXT v=DMARC1; p=reject; rua=mailto:d@no.test
         _dmarc.quiet.example TXT v=DMARC1; p=reject
         _dmarc.broken.example BROKEN",
    );
    let rows = [
        ("its own", "own.example", Some(("reject", "own.example", true))),
        ("its organisation's", "a.b.org.example", Some(("quarantine", "org.example", true))),
        ("two are none", "two.example", Some(("missing", "", false))),
        ("none", "nothing.example", Some(("missing", "", false))),
        ("that of a suffix", "shop.bank", Some(("quarantine", "bank", true))),
        ("a top that says nothing", "shop.top", Some(("missing", "", false))),
        ("psd=n ends the walk", "a.split.org.example", Some(("none", "split.org.example", false))),
        ("long names jump", "x.y.a.b.c.d.e.f.g.h.i.deep", Some(("missing", "", false))),
        ("others agree", "ext.example", Some(("reject", "ext.example", true))),
        ("others do not", "rude.example", Some(("reject", "rude.example", false))),
        ("no reports", "quiet.example", Some(("reject", "quiet.example", false))),
        ("silence", "broken.example", None),
    ];
    for (row, domain, expected) in rows {
        let section = look(&names, domain).await;
        assert_eq!(section.failure.is_none(), expected.is_some(), "{row}");
        let text = |name| match section.readings.get(name) {
            Some(Value::Text(text)) => text.as_str(),
            _ => "",
        };
        let reports = section.readings.get("dmarc_reports") == Some(&Value::Flag(true));
        let seen = (text("dmarc_policy"), text("dmarc_domain"), reports);
        assert_eq!(seen, expected.unwrap_or(("", "", false)), "{row}");
    }
}
