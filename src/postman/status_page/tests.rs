//! What is asked of a status page, in rows, and the whole of it against a small page on loopback.

use std::sync::{Arc, Mutex};

use axum::extract::{Path as Segments, State as Shared};
use axum::http::{HeaderMap as Headers, StatusCode};
use axum::routing::{get, patch};
use axum::{Json, Router};
use launchgate_core::matter::{Matter, Turn};

use super::super::tests::{message, shop};
use super::*;

fn settings(url: &str, token: &Path) -> Settings {
    let token = token.display();
    let text = format!(
        r#"{{"page_id": "p1", "token": {{"file": "{token}"}}, "url": "{url}", "components": ["c1"]}}"#
    );
    serde_json::from_str(&text).unwrap()
}

fn about(id: &str, status: Status) -> Message {
    let key = format!("shop/2.4/{}", status.usual_matter());
    let matter = Matter { key, pager: Turn::Trigger, status: Some(status) };
    Message { id: id.into(), matter: Some(matter), ..message("page") }
}

fn incident(id: &str, status: &str, matter: &str, message: &str) -> Value {
    json!({
        "id": id,
        "status": status,
        "metadata": { "launchgate": { "matter": matter, "message": message } },
    })
}

#[test]
fn a_matter_is_created_once_and_then_moved_on() {
    let settings = settings("http://127.0.0.1:1", Path::new("t"));
    let shop = shop();
    let maintenance = "shop/2.4/maintenance";
    let scheduled = incident("i1", "scheduled", maintenance, "m1");
    let over = incident("i0", "completed", maintenance, "m0");
    let rows: [(&str, Message, Vec<Value>, &str); 6] = [
        ("nothing is there", about("m1", Status::Scheduled), vec![], "create"),
        (
            "somebody else's",
            about("m1", Status::Scheduled),
            vec![json!({"id": "x", "status": "scheduled"})],
            "create",
        ),
        ("the same again", about("m1", Status::Scheduled), vec![scheduled.clone()], "nothing"),
        (
            "it goes on",
            about("m2", Status::InProgress),
            vec![scheduled.clone(), over.clone()],
            "i1",
        ),
        ("the last one is over", about("m2", Status::InProgress), vec![over], "create"),
        ("another matter", about("m3", Status::Investigating), vec![scheduled], "create"),
    ];
    for (row, message, known, expected) in rows {
        let found = settings.next(&shop, &message, &known).unwrap();
        let found = match &found {
            Move::Nothing => "nothing",
            Move::Create(_) => "create",
            Move::Update(id, _) => id,
        };
        assert_eq!(found, expected, "{row}");
    }
    let without = settings.next(&shop, &message("page"), &[]);
    assert!(matches!(without, Err(Undelivered::ForGood(_))), "{without:?}");
    let Ok(Move::Create(created)) = settings.next(&shop, &about("m1", Status::Scheduled), &[])
    else {
        panic!("it is to be created")
    };
    insta::assert_snapshot!(serde_json::to_string_pretty(&created).unwrap(), @r#"
    {
      "incident": {
        "status": "scheduled",
        "body": "rolling back",
        "metadata": {
          "launchgate": {
            "matter": "shop/2.4/maintenance",
            "message": "m1"
          }
        },
        "deliver_notifications": true,
        "name": "Shop",
        "component_ids": [
          "c1"
        ],
        "scheduled_for": "2026-12-01T09:00:00Z",
        "scheduled_until": null
      }
    }
    "#);
}

type Incidents = Arc<Mutex<Vec<Value>>>;

/// A page that keeps its incidents, newest first, and knows one token.
async fn page() -> (String, Incidents) {
    async fn list(Shared(all): Shared<Incidents>, headers: Headers) -> (StatusCode, Json<Value>) {
        if headers["authorization"] != "OAuth s3cret" {
            return (StatusCode::UNAUTHORIZED, Json(json!({ "error": "no" })));
        }
        (StatusCode::OK, Json(json!(*all.lock().unwrap())))
    }
    async fn create(Shared(all): Shared<Incidents>, Json(body): Json<Value>) -> StatusCode {
        let mut all = all.lock().unwrap();
        let mut incident = body["incident"].clone();
        incident["id"] = json!(format!("i{}", all.len() + 1));
        incident["updates"] = json!(1);
        all.insert(0, incident);
        StatusCode::CREATED
    }
    async fn update(
        Shared(all): Shared<Incidents>,
        Segments(id): Segments<String>,
        Json(body): Json<Value>,
    ) -> StatusCode {
        let mut all = all.lock().unwrap();
        let Some(incident) = all.iter_mut().find(|i| i["id"] == id.as_str()) else {
            return StatusCode::NOT_FOUND;
        };
        for key in ["status", "body", "metadata"] {
            incident[key] = body["incident"][key].clone();
        }
        incident["updates"] = json!(incident["updates"].as_u64().unwrap() + 1);
        StatusCode::OK
    }
    let incidents = Incidents::default();
    let app = Router::new()
        .route("/v1/pages/p1/incidents", get(list).post(create))
        .route("/v1/pages/p1/incidents/{id}", patch(update))
        .with_state(Arc::clone(&incidents));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    (url, incidents)
}

#[tokio::test]
async fn a_page_shows_a_maintenance_from_its_plan_to_its_end() {
    let (url, incidents) = page().await;
    let token = std::env::temp_dir().join(format!("launchgate-token-{}", std::process::id()));
    std::fs::write(&token, "s3cret\n").unwrap();
    let settings = settings(&url, &token);
    let shop = shop();
    let all = [Status::Scheduled, Status::InProgress, Status::Completed];
    for (i, status) in all.into_iter().enumerate() {
        for _ in 0..2 {
            let message = about(&format!("m{i}"), status);
            settings.deliver(&shop, Path::new("."), &message).await.unwrap();
        }
        let incidents = incidents.lock().unwrap();
        assert_eq!(incidents.len(), 1, "{status}");
        assert_eq!(incidents[0]["status"], status.name());
        assert_eq!(incidents[0]["updates"], i + 1, "a repetition changes nothing");
    }
    std::fs::write(&token, "another").unwrap();
    let refused = settings.deliver(&shop, Path::new("."), &about("m9", Status::Resolved)).await;
    assert_eq!(refused, Err(Undelivered::ForGood("status 401: {\"error\":\"no\"}".to_owned())));
    std::fs::remove_file(&token).unwrap();
    let missing = settings.deliver(&shop, Path::new("."), &about("m9", Status::Resolved)).await;
    assert!(matches!(missing, Err(Undelivered::Yet { .. })), "it may be put there: {missing:?}");
}
