//! Each role at each operation that takes a token or a certificate, and those without one that counts.

use super::secure::{Secure, people};
use super::site::{Site, tokens};
use crate::render::sample::Sample;
use crate::web::auth::{Role, Tokens};
use crate::web::openapi;
use crate::web::routes::OPERATIONS;

/// The path with names of things that are there, or could be.
fn filled(path: &str) -> String {
    let path = path.replace("{launch}", "checkout-2-4").replace("{order}", "ack");
    let names = ["{list}", "{check}", "{trigger}", "{procedure}", "{run}", "{number}"];
    names.iter().fold(format!("/api/v1{path}"), |path, name| path.replace(name, "nothing"))
}

/// A token with this role alone.
fn bearer(role: Role) -> String {
    let list = tokens().list;
    let token = list.iter().find(|token| {
        token.roles == [role] && token.expires.is_none_or(|end| end > jiff::Timestamp::now())
    });
    format!("Bearer {}-token", token.unwrap_or_else(|| panic!("a token of {role:?}")).identity)
}

#[tokio::test]
async fn each_role_may_what_the_table_says_and_nothing_else() {
    let site = Site::of(Sample::pending()).await;
    let mut tried = 0;
    for operation in OPERATIONS.iter() {
        let Some(deed) = operation.deed else { continue };
        let (method, path) = (operation.method.to_uppercase(), filled(operation.path));
        let ask = async |authorization: &str| {
            let headers = [("Authorization", authorization), ("Content-Type", "application/json")];
            let headers = if authorization.is_empty() { &headers[1..] } else { &headers[..] };
            site.ask(&method, &path, headers, "{}").await
        };
        for role in Role::ALL {
            let answer = ask(&bearer(role)).await;
            let refused = answer.status == 403 && answer.json()["code"] == "forbidden";
            assert_eq!(refused, !role.allows(deed), "{role:?} {}: {answer:?}", operation.id);
            assert_ne!(answer.status, 401, "{role:?} {}", operation.id);
            tried += 1;
        }
        for (row, authorization) in [
            ("none", ""),
            ("wrong", "Bearer guess"),
            ("expired", "Bearer eve-token"),
            ("a password", "Basic YWxpY2U6YWxpY2UtdG9rZW4="),
        ] {
            let answer = ask(authorization).await;
            assert_eq!(
                answer.refusal(),
                (401, "unauthorized".to_owned()),
                "{row} {}",
                operation.id
            );
        }
    }
    assert_eq!(tried, Role::ALL.len() * 14, "every order, and whoami");
}

#[tokio::test]
async fn off_loopback_nothing_is_read_without_a_token() {
    let site = Site::guarded(Tokens { guard_reads: true, ..tokens() }).await;
    for operation in OPERATIONS.iter().filter(|operation| operation.deed.is_none()) {
        let (method, path) = (operation.method.to_uppercase(), filled(operation.path));
        let refusal = site.ask(&method, &path, &[], "").await.refusal();
        assert_eq!(refusal, (401, "unauthorized".to_owned()), "{}", operation.id);
        // The stream has no end.
        if operation.id != "events" {
            let viewer = bearer(Role::Viewer);
            let answer = site.ask(&method, &path, &[("Authorization", &viewer)], "").await;
            assert_ne!(answer.status, 401, "{}: {answer:?}", operation.id);
        }
    }
}

#[tokio::test]
async fn each_role_may_the_same_by_certificate() {
    let secure = Secure::of("table").await;
    let known = people();
    let known: Vec<_> =
        known.iter().map(|one| (one.roles[0], secure.person(one.identity.as_str()))).collect();
    let (none, unlisted) = (secure.site.asked_again(), secure.person("mallory"));
    let headers = [("Content-Type", "application/json")];
    let mut tried = 0;
    for operation in OPERATIONS.iter() {
        let Some(deed) = operation.deed else { continue };
        let (method, path) = (operation.method.to_uppercase(), filled(operation.path));
        for (role, site) in &known {
            let answer = site.ask(&method, &path, &headers, "{}").await;
            let refused = answer.status == 403 && answer.json()["code"] == "forbidden";
            assert_eq!(refused, !role.allows(deed), "{role:?} {}: {answer:?}", operation.id);
            assert_ne!(answer.status, 401, "{role:?} {}", operation.id);
            tried += 1;
        }
        for (row, site) in [("none", &none), ("unlisted", &unlisted)] {
            let refusal = site.ask(&method, &path, &headers, "{}").await.refusal();
            assert_eq!(refusal, (401, "unauthorized".to_owned()), "{row} {}", operation.id);
        }
    }
    assert_eq!(tried, Role::ALL.len() * 14, "every order, and whoami");
}

#[tokio::test]
async fn a_signature_that_is_sent_again_counts_once() {
    let site = Site::of(Sample::preparing()).await;
    let report = site.get("/api/v1/launches/checkout-2-4/report").await.json();
    let lists = report["checklists"].as_array().expect("a list").iter();
    let check = lists
        .flat_map(|list| list["checks"].as_array().expect("a list"))
        .find(|check| check["signing"].is_object());
    let check = check.expect("one is signed")["id"].clone();
    let body = serde_json::json!({ "check": check, "decision": "approved", "evidence": "https://x.example/1" }).to_string();
    let headers = [("Authorization", "Bearer carol-token"), ("Content-Type", "application/json")];
    let path = "/api/v1/launches/checkout-2-4/sign-offs";
    let counted = async || {
        let answer = site.ask("POST", path, &headers, &body).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let report = site.get("/api/v1/launches/checkout-2-4/report").await.json();
        let lists = report["checklists"].as_array().expect("a list").clone();
        let mut checks = lists.iter().flat_map(|list| list["checks"].as_array().expect("a list"));
        let found = checks.find(|found| found["id"] == check).expect("it is still there");
        (found["because"].clone(), found["outcome"].clone())
    };
    let first = counted().await;
    assert_eq!(counted().await, first, "one signature of one person");
}

#[test]
fn the_document_has_every_operation_and_each_refusal_its_shape() {
    let document = openapi::write();
    for operation in OPERATIONS.iter() {
        let described = &document["paths"][operation.path][operation.method];
        assert_eq!(described["operationId"], operation.id);
        assert!(described["responses"]["404"].is_object(), "{}", operation.id);
        assert_eq!(
            described["requestBody"].is_object(),
            operation.body.is_some(),
            "{}",
            operation.id
        );
    }
    let mut ids: Vec<&str> = OPERATIONS.iter().map(|operation| operation.id).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), OPERATIONS.len(), "an id of its own for each");
    let problem = &document["components"]["schemas"]["Problem"]["required"];
    assert_eq!(*problem, serde_json::json!(["code", "message", "hint"]));
}
