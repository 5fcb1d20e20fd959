//! `launchgate snapshot dns` against a real name server, its fragment served by another, and the probe over the file.

use std::net::SocketAddr;
use std::process::{Command, Output};
use std::time::Duration;

use jiff::Timestamp;
use launchgate_core::observation::Failure;
use launchgate_core::reading::{Readings, Value};
use launchgate_probes::Context;
use serde_json::json;

use crate::rig::dns::dig;
use crate::rig::mail_zone::MailZone;
use crate::rig::process::{TempDir, need};

const RECORDS: &str = "@ 120 A 203.0.113.10\n@ AAAA 2001:db8::10\n@ MX 10 mx\nmx A 203.0.113.26\n\
    www 60 CNAME shop.test.\n@ TXT \"a \\\"quoted\\\" text; with \\\\ and \\200\" \"in two\"\n\
    @ TXT \"v=spf1 -all\"\n_sip._tcp SRV 1 2 5060 mx\n@ CAA 0 issue \"ca.example\"";
const QUESTIONS: [[&str; 2]; 8] = [
    ["shop.test", "A"],
    ["shop.test", "AAAA"],
    ["shop.test", "MX"],
    ["shop.test", "TXT"],
    ["shop.test", "CAA"],
    ["www.shop.test", "CNAME"],
    ["_sip._tcp.shop.test", "SRV"],
    ["www.shop.test", "MX"],
];

fn snapshot(server: SocketAddr, format: &str) -> Output {
    Command::new(env!("CARGO_BIN_EXE_launchgate"))
        .args(["snapshot", "dns", "--name", "shop.test", "--name", "www.shop.test"])
        .args(["--name", "_sip._tcp.shop.test", "--types", "A,AAAA,CNAME,MX,TXT,SRV,CAA"])
        .args(["--server", &server.to_string(), "--format", format, "--timeout", "5s"])
        .output()
        .unwrap()
}

fn answers(server: SocketAddr) -> Vec<Vec<String>> {
    let sorted = |question: &[&str; 2]| {
        let answer = dig(server, question).unwrap();
        let mut lines: Vec<String> = answer.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    QUESTIONS.iter().map(sorted).collect()
}

async fn look(folder: &TempDir, file: &str, server: SocketAddr) -> Result<Readings, Failure> {
    let settings = json!({
        "file": file, "names": ["shop.test", "www.shop.test"], "name_servers": [server.to_string()],
    });
    let probe = launchgate_probes::builtin().build("dns_snapshot", settings).unwrap();
    let (now, path) = (Timestamp::now(), folder.path().to_owned());
    probe.observe(&Context::new(Duration::from_secs(3), now, None, path)).await
}

fn flags(readings: &Readings) -> (Option<bool>, Option<bool>) {
    let flag = |name| match readings.get(name) {
        Some(Value::Flag(flag)) => Some(*flag),
        _ => None,
    };
    (flag("recorded"), flag("unchanged"))
}

#[tokio::test]
async fn a_snapshot_leads_the_way_back() {
    if !(need("nsd") && need("dig")) {
        return;
    }
    let before = MailZone::start(&[("shop.test", RECORDS)]);
    let said = answers(before.address());
    let taken = snapshot(before.address(), "zone");
    let fragment = String::from_utf8(taken.stdout).unwrap();
    assert_eq!(taken.status.code(), Some(0), "{}", String::from_utf8_lossy(&taken.stderr));
    assert!(fragment.contains("shop.test.\t120\tIN\tA\t203.0.113.10\n"), "{fragment}");
    let folder = TempDir::new("snapshot");
    folder.write("before.zone", &fragment);
    let json = String::from_utf8(snapshot(before.address(), "json").stdout).unwrap();
    folder.write("before.json", &json);
    folder.write("garbage", "<html>");
    for file in ["before.zone", "before.json"] {
        let r = look(&folder, file, before.address()).await.unwrap();
        assert_eq!(flags(&r), (Some(true), Some(true)), "{file}: {r:?}");
        assert!(r.get("age").is_some(), "{file}");
    }
    let missing = look(&folder, "nowhere", before.address()).await.unwrap();
    assert_eq!(flags(&missing), (Some(false), None));
    look(&folder, "garbage", before.address()).await.expect_err("it is no snapshot");
    drop(before);

    let after = MailZone::start(&[("shop.test", "@ A 203.0.113.99\nwww CNAME shop.test.")]);
    let r = look(&folder, "before.zone", after.address()).await.unwrap();
    assert_eq!(flags(&r), (Some(true), Some(false)), "{r:?}");
    after.freeze();
    let r = look(&folder, "before.zone", after.address()).await.unwrap();
    assert_eq!(flags(&r), (Some(true), None), "{r:?}");
    let silent = snapshot(after.address(), "zone");
    assert_eq!(silent.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&silent.stdout).contains("; not had: shop.test. A"));
    drop(after);

    let back = MailZone::start(&[("shop.test", &fragment)]);
    assert_eq!(answers(back.address()), said);
}
