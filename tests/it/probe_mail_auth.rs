//! The `mail_auth` probe against a real name server: a domain as it should be, each fault by itself, and silence.

use std::time::Duration;

use jiff::Timestamp;
use launchgate_core::expectation::{Expectation, Truth};
use launchgate_core::observation::{Cause, Failure};
use launchgate_probes::Context;
use serde_json::json;

use crate::rig::mail_zone::MailZone;
use crate::rig::process::need;

const KEY: &str = "\"v=DKIM1; k=rsa; p=MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAzGH9arQvyz9AuGAGj/fL+tT6ddpxg54dJ0fA7modRLrtZeKs8tyzXdg5tzweZfTEXIvcmgU9KlGyPsJpKUZ8YU4RNFO9KkfARS3kxJ7q/2bAPqcu5oL2SHaXLGbEKxdMH2z71vorwmhw7qmL8KytIAcG\" \
    \"LrmBJ3PeSrsA4DQe0Tnjj7F26a/JLE8YFLK281dqCWB9r+PzriujThrvq6B7j46FhjU45XzbgUuxMmv1B67YbSWPltwFslFN4zNIEYujimaTkLNWFvHD6jHExfpOadAt25TF1C4+mbG2/SIMn9r3iwGnX0yRH/sa2PpStYCwB75DMLG4xLvfg6GVEbuQuwIDAQAB\"";
/// What every zone holds unless the row says otherwise.
const SPF: &str = "@ TXT \"v=spf1 include:_spf.shop.test -all\"";
const DKIM: &str = "s1._domainkey TXT @KEY@";
const DMARC: &str = "_dmarc TXT \"v=DMARC1; p=reject; rua=mailto:d@shop.test\"";
const REST: &str = "_spf TXT \"v=spf1 ip4:203.0.113.25 mx:shop.test -all\"\n@ MX 10 mx\nmx A 203.0.113.26\n\
    www CNAME mx\n_smtp._tls TXT \"v=TLSRPTv1; rua=mailto:t@shop.test\"";
const REVERSE: &str = "25 PTR out.shop.test.\n26 PTR mx.shop.test.";
const EXPECT: [&str; 6] = [
    "spf_result == \"pass\" and spf_stranger in [\"fail\", \"softfail\"]",
    "dkim_ok and dkim_bits >= 2048",
    "dmarc_policy in [\"quarantine\", \"reject\"] and dmarc_testing == false",
    "dmarc_reports",
    "mx_ok",
    "ptr_confirmed",
];

fn zone(spf: &str, dkim: &str, dmarc: &str, rest: &str) -> String {
    let out = "out A 203.0.113.25";
    format!("{spf}\n{dkim}\n{dmarc}\n{rest}\n{out}").replace("@KEY@", KEY)
}

async fn judge(server: &MailZone) -> Result<Vec<Truth>, Failure> {
    let settings = json!({
        "domain": "shop.test", "senders": ["203.0.113.25", "203.0.113.26"], "selectors": ["s1"],
        "resolvers": [server.address().to_string()],
    });
    let probe = launchgate_probes::builtin().build("mail_auth", settings).expect("settings");
    let cx = Context::new(Duration::from_secs(3), Timestamp::now(), None, "/".into());
    let specs = probe.readings();
    let readings = probe.observe(&cx).await?;
    let truth =
        |text: &&str| Expectation::compile(text, &specs).expect(text).evaluate(&readings).truth;
    Ok(EXPECT.iter().map(truth).collect())
}

#[tokio::test]
async fn a_domain_is_judged_by_what_it_publishes() {
    if !(need("nsd") && need("dig")) {
        return;
    }
    let open = "@ TXT \"v=spf1 include:_spf.shop.test +all\"";
    let two = "@ TXT \"v=spf1 -all\"\n@ TXT \"v=spf1 mx -all\"";
    let narrow = "@ TXT \"v=spf1 mx -all\"";
    let revoked = "s1._domainkey TXT \"v=DKIM1; p=\"";
    let none = "_dmarc TXT \"v=DMARC1; p=none; rua=mailto:d@shop.test\"";
    let testing = "_dmarc TXT \"v=DMARC1; p=reject; t=y; rua=mailto:d@shop.test\"";
    let elsewhere = "_dmarc TXT \"v=DMARC1; p=reject; rua=mailto:d@other.test\"";
    let alias = REST.replace("MX 10 mx", "MX 10 www").replace(" mx:shop.test ", " a:mx.shop.test ");
    let rows = [
        ("as it should be", zone(SPF, DKIM, DMARC, REST), REVERSE, None),
        (
            "an alias for a key",
            zone(
                SPF,
                &DKIM.replace("s1.", "x."),
                DMARC,
                &format!("{REST}\ns1._domainkey CNAME x._domainkey"),
            ),
            REVERSE,
            None,
        ),
        ("open to strangers", zone(open, DKIM, DMARC, REST), REVERSE, Some(0)),
        ("two records", zone(two, DKIM, DMARC, REST), REVERSE, Some(0)),
        ("a sender left out", zone(narrow, DKIM, DMARC, REST), REVERSE, Some(0)),
        ("a revoked key", zone(SPF, revoked, DMARC, REST), REVERSE, Some(1)),
        ("no key", zone(SPF, "", DMARC, REST), REVERSE, Some(1)),
        ("no policy that bites", zone(SPF, DKIM, none, REST), REVERSE, Some(2)),
        ("a policy tried out", zone(SPF, DKIM, testing, REST), REVERSE, Some(2)),
        ("reports that nobody takes", zone(SPF, DKIM, elsewhere, REST), REVERSE, Some(3)),
        ("an exchanger that is an alias", zone(SPF, DKIM, DMARC, &alias), REVERSE, Some(4)),
        ("a sender without a name", zone(SPF, DKIM, DMARC, REST), "25 PTR out.shop.test.", Some(5)),
    ];
    for (row, records, reverse, fault) in rows {
        let zones = [
            ("shop.test", records.as_str()),
            ("113.0.203.in-addr.arpa", reverse),
            ("other.test", ""),
            ("test", ""),
        ];
        let server = MailZone::start(&zones);
        let truths = judge(&server).await.expect(row);
        for (i, truth) in truths.into_iter().enumerate() {
            let expected = if fault == Some(i) { Truth::False } else { Truth::True };
            assert_eq!(truth, expected, "{row}: {}", EXPECT[i]);
        }
    }
}

#[tokio::test]
async fn silence_and_refusal_are_unknown() {
    if !(need("nsd") && need("dig")) {
        return;
    }
    let foreign = MailZone::start(&[("other.test", "")]);
    let failure = judge(&foreign).await.expect_err("it knows no such zone");
    assert_eq!(failure.cause, Cause::BadResponse, "{failure}");
    foreign.freeze();
    let failure = judge(&foreign).await.expect_err("it is silent");
    assert_eq!(failure.cause, Cause::Timeout, "{failure}");
}
