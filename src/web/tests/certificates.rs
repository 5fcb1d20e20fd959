//! Client certificates: whom they name, what they allow beside tokens, and that nobody else's page can use them.

use launchgate_core::name::Name;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::secure::{Secure, listed, tokens_and};
use super::site::{Answer, Site};
use crate::web::auth::Role;
use crate::web::certificates::{KnownBy, Listed, misfits};
use crate::web::rate::Rate;
use crate::web::tls::authority::Authority;

const LAUNCH: &str = "/api/v1/launches/checkout-2-4";
const WHO: &str = "/api/v1/whoami";

/// Who a site takes its client for, or the status and what it says.
async fn who(site: &Site, headers: &[(&str, &str)]) -> String {
    let answer = site.ask("GET", WHO, headers, "").await;
    let json = answer.json();
    let said = json["identity"].as_str().or(json["message"].as_str()).unwrap_or_default();
    if answer.status == 200 { said.to_owned() } else { format!("{} {said}", answer.status) }
}

#[tokio::test]
async fn a_certificate_is_known_by_its_names() {
    let mut all = vec![listed("alice", Role::Admin), listed("bob", Role::Admin)];
    let mut add = |identity, known_by| {
        let (identity, roles) = (Name::of(identity), vec![Role::Owner]);
        all.push(Listed { identity, roles, known_by });
    };
    add("ci", KnownBy::Dns("ci.example.com".to_owned()));
    add("robot", KnownBy::Uri("spiffe://example.com/robot".to_owned()));
    let secure = Secure::with("known", tokens_and(all), Rate::default()).await;
    let unlisted = "401 the client certificate is not listed";
    let rows: [(&str, &[&str], &str); 12] = [
        ("an address", &["email:alice@example.com"], "alice"),
        ("among others", &["dns:x.example", "email:alice@example.com", "ip:127.0.0.1"], "alice"),
        ("the host in any case", &["email:alice@EXAMPLE.com"], "alice"),
        ("the user is another", &["email:Alice@example.com"], unlisted),
        ("a name of a host", &["dns:CI.example.com"], "ci"),
        ("below it", &["dns:www.ci.example.com"], unlisted),
        ("a pattern", &["dns:*.example.com"], unlisted),
        ("a URI", &["uri:spiffe://example.com/robot"], "robot"),
        ("a URI that goes on", &["uri:spiffe://example.com/robot/2"], unlisted),
        ("an address that stands as a URI", &["uri:alice@example.com"], unlisted),
        ("nothing but the subject, which says alice", &[], unlisted),
        (
            "two people at once",
            &["email:alice@example.com", "email:bob@example.com"],
            "401 the client certificate names several people of the list",
        ),
    ];
    for (row, names, expected) in rows {
        assert_eq!(who(&secure.named(names), &[]).await, expected, "{row}");
    }
}

#[tokio::test]
async fn a_certificate_is_known_by_itself_in_either_spelling() {
    for (i, name) in ["plain", "colons"].into_iter().enumerate() {
        let authority = Authority::new("Rig");
        let (leaf, next) =
            (authority.issue(&["dns:a.example"], 30), authority.issue(&["dns:a.example"], 30));
        let der = CertificateDer::from_pem_slice(leaf.pem.as_bytes()).expect("PEM");
        let digest = Sha256::digest(&der);
        let hex: Vec<String> = digest.iter().map(|byte| format!("{byte:02X}")).collect();
        let known_by =
            KnownBy::Sha256(if i == 0 { hex.concat().to_lowercase() } else { hex.join(":") });
        let pinned =
            vec![Listed { identity: Name::of("pinned"), roles: vec![Role::Owner], known_by }];
        assert!(misfits(&pinned).is_empty(), "{name}");
        let secure = Secure::by(authority, name, tokens_and(pinned), Rate::default()).await;
        assert_eq!(who(&secure.shown(&leaf), &[]).await, "pinned", "{name}");
        let other = who(&secure.shown(&next), &[]).await;
        assert_eq!(other, "401 the client certificate is not listed", "{name}: the one after it");
    }
}

#[tokio::test]
async fn a_token_wins_over_the_certificate_beside_it() {
    let secure = Secure::of("beside").await;
    // base64 of `x:vera-token` and `x:guess`
    let (vera, guess) = ("Basic eDp2ZXJhLXRva2Vu", "Basic eDpndWVzcw==");
    let milestone = json!({ "milestone": "smoke_passed" }).to_string();
    let signs = json!({ "check": "people/backup", "decision": "approved", "note": "seen" });
    let rows = [
        ("nothing at all", "", "", 401, 401, "401 this takes a token"),
        ("the certificate alone", "tom", "", 200, 200, "tom"),
        (
            "a viewer's certificate",
            "vic",
            "",
            200,
            403,
            "403 the certificate of vic does not allow this",
        ),
        ("a token of more", "vic", "Bearer alice-token", 200, 200, "alice"),
        (
            "a token of less",
            "ada",
            "Bearer vera-token",
            200,
            403,
            "403 the token of vera does not allow this",
        ),
        ("a token that is unknown", "ada", "Bearer guess", 401, 401, "401 the token is not known"),
        ("a token that is empty", "ada", "Bearer", 401, 401, "401 the token is not known"),
        (
            "a token that has expired",
            "ada",
            "Bearer eve-token",
            401,
            401,
            "401 the token has expired",
        ),
        ("a password, which orders nothing", "tom", vera, 200, 200, "tom"),
        ("a password that is wrong", "tom", guess, 401, 200, "401 the token is not known"),
        ("a password alone", "", vera, 200, 401, "401 this takes a token"),
        ("unlisted, with a token", "mallory", "Bearer alice-token", 200, 200, "alice"),
        ("unlisted", "mallory", "", 401, 401, "401 the client certificate is not listed"),
    ];
    for (row, person, authorization, reads, orders, acts_as) in rows {
        let site =
            if person.is_empty() { secure.site.asked_again() } else { secure.person(person) };
        let given = [("Authorization", authorization), ("Content-Type", "application/json")];
        let given = if authorization.is_empty() { &given[1..] } else { &given[..] };
        let read = site.ask("GET", LAUNCH, given, "").await;
        assert_eq!(read.status, reads, "{row}: {read:?}");
        assert_eq!(who(&site, given).await, acts_as, "{row}");
        let order = site.ask("POST", &format!("{LAUNCH}/milestones"), given, &milestone).await;
        // A milestone that is reached already stays reached.
        let taken = if order.status == 409 { 200 } else { order.status };
        assert_eq!(taken, orders, "{row}: {order:?}");
    }
    // Who signs is who shows the certificate, whatever else is said.
    let headers = [("Content-Type", "application/json"), ("X-Launchgate-Person", "dan")];
    let path = format!("{LAUNCH}/sign-offs");
    let refused = secure.person("olga").ask("POST", &path, &headers, &signs.to_string()).await;
    assert_eq!(refused.refusal(), (403, "not_in_role".to_owned()));
}

/// A row: its name, what is sent along, and the answer.
type Forgery<'h> = (&'static str, &'h [(&'h str, &'h str)], (u16, &'static str));

#[tokio::test]
async fn no_other_sites_page_orders_by_a_certificate() {
    let secure = Secure::of("forged").await;
    let site = secure.person("alice");
    let host = site.host();
    let (own, plain) = (format!("https://{host}"), format!("http://{host}"));
    let json = ("Content-Type", "application/json");
    let foreign = (403, "foreign_origin");
    let no_json = (415, "not_json");
    // An order without a body is the one that a form of any page could send.
    let resume = format!("{LAUNCH}/runs/nothing/resume");
    let taken = (404, "not_found");
    let rows: [Forgery<'_>; 13] = [
        ("a program", &[json], taken),
        (
            "a program that says UTF-8",
            &[("Content-Type", "application/json; charset=utf-8")],
            taken,
        ),
        ("the own page", &[json, ("Origin", &own), ("Sec-Fetch-Site", "same-origin")], taken),
        ("another page's script", &[json, ("Origin", "https://evil.example")], foreign),
        ("a page that does not say which", &[json, ("Origin", "null")], foreign),
        ("the own name without TLS", &[json, ("Origin", &plain)], foreign),
        ("a browser that hides the origin", &[json, ("Sec-Fetch-Site", "cross-site")], foreign),
        ("a neighbour's page", &[json, ("Sec-Fetch-Site", "same-site")], foreign),
        ("a form without a body", &[], no_json),
        ("a form", &[("Content-Type", "application/x-www-form-urlencoded")], no_json),
        ("a form of plain text", &[("Content-Type", "text/plain")], no_json),
        (
            "words in which JSON occurs",
            &[("Content-Type", "text/plain; application/json")],
            no_json,
        ),
        (
            "a form that sends files",
            &[("Content-Type", "multipart/form-data; boundary=x")],
            no_json,
        ),
    ];
    for (row, headers, (status, code)) in rows {
        let answer = site.ask("POST", &resume, headers, "").await;
        assert_eq!(answer.refusal(), (status, code.to_owned()), "{row}: {answer:?}");
    }
    // A token is sent on purpose, so that it needs none of that.
    let token = [("Authorization", "Bearer alice-token")];
    assert_eq!(site.ask("POST", &resume, &token, "").await.refusal().0, 404);
    // And nobody is allowed to ask in JSON from elsewhere, nor to read what a certificate may.
    let before = [
        ("Origin", "https://status.example"),
        ("Access-Control-Request-Method", "POST"),
        ("Access-Control-Request-Headers", "content-type"),
    ];
    let asked = site.ask("OPTIONS", &resume, &before, "").await;
    assert!(!asked.head.to_lowercase().contains("allow-credentials"), "{asked:?}");
    let allowed = asked.header("access-control-allow-headers").unwrap_or_default();
    assert!(!allowed.contains("content-type") && !allowed.contains('*'), "{asked:?}");
}

#[tokio::test]
async fn a_certificate_that_is_taken_back_ends_with_the_next_request() {
    let secure = Secure::of("revoked").await;
    let leaf = secure.authority.issue(&["email:alice@example.com"], 30);
    let mut line = secure.shown(&leaf).connect().await;
    let mut ask = async || {
        let request = format!("GET {WHO} HTTP/1.1\r\nHost: localhost\r\n\r\n");
        line.write_all(request.as_bytes()).await.expect("the connection goes on");
        let mut read = Vec::new();
        while !read.ends_with(b"}") {
            read.push(line.read_u8().await.expect("an answer comes"));
        }
        Answer::of(read)
    };
    assert_eq!(ask().await.status, 200);
    secure.revoke(&[&leaf]).await;
    let refused = ask().await;
    assert_eq!(refused.refusal(), (401, "unauthorized".to_owned()));
    assert!(refused.body.contains("does not count any more"), "{refused:?}");
    assert_eq!(who(&secure.person("alice"), &[]).await, "alice", "another one of hers");
}

#[tokio::test]
async fn the_page_knows_who_shows_a_certificate() {
    let secure = Secure::of("page").await;
    let page = "/launches/checkout-2-4";
    let known = secure.person("alice").get(page).await;
    assert!(known.body.contains(" data-known"), "{}", known.body);
    let token = [("Authorization", "Bearer vera-token")];
    let unlisted = secure.person("mallory").ask("GET", page, &token, "").await;
    assert_eq!(unlisted.status, 200);
    assert!(!unlisted.body.contains("data-known"));
    let text = secure.person("vic").get("/metrics").await.body;
    assert!(text.contains("launchgate_tls_certificate_expires_timestamp_seconds 1"), "{text}");
}

#[tokio::test]
async fn who_asks_by_certificate_has_a_rate_of_their_own() {
    let rate = Rate { reads_per_second: 1, orders_per_second: 1 };
    let secure = Secure::with("rate", tokens_and(super::secure::people()), rate).await;
    let (alice, tom) = (secure.person("alice"), secure.person("tom"));
    let mut statuses = Vec::new();
    for _ in 0..30 {
        statuses.push(alice.get(LAUNCH).await.status);
    }
    assert!(statuses[0] == 200 && statuses.contains(&429), "{statuses:?}");
    assert_eq!(tom.get(LAUNCH).await.status, 200, "another person at the same address");
    // A token of hers shares it.
    let token = [("Authorization", "Bearer alice-token")];
    let mut shared = Vec::new();
    for _ in 0..30 {
        shared.push(secure.site.ask("GET", LAUNCH, &token, "").await.status);
    }
    assert!(shared.contains(&429), "{shared:?}");
}
