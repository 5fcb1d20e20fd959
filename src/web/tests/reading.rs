//! What is read: the API, the pages, the metrics, the live stream.

use launchgate_core::state::Event;
use serde_json::json;

use super::site::Site;
use crate::render::sample::Sample;

const LAUNCH: &str = "/api/v1/launches/checkout-2-4";

#[tokio::test]
async fn everything_that_is_there_can_be_read_and_the_rest_is_told() {
    let site = Site::of(Sample::needs_decision()).await;
    let run = site.get(&format!("{LAUNCH}/runs")).await.json()["runs"][0]["id"].clone();
    let run = format!("{LAUNCH}/runs/{}", run.as_str().unwrap());
    let rows: [(&str, &str, u16); 25] = [
        ("alive", "/healthz", 200),
        ("ready", "/readyz", 200),
        ("metrics", "/metrics", 200),
        ("launches", "/api/v1/launches", 200),
        ("launch", LAUNCH, 200),
        ("report", &format!("{LAUNCH}/report"), 200),
        ("checklist", &format!("{LAUNCH}/checklists/dns"), 200),
        ("check", &format!("{LAUNCH}/checks/dns/apex"), 200),
        ("more of a check", &format!("{LAUNCH}/checks/dns/apex?limit=1000"), 200),
        ("too much of it", &format!("{LAUNCH}/checks/dns/apex?limit=1001"), 400),
        ("of no instant", &format!("{LAUNCH}/checks/dns/apex?before=noon"), 400),
        ("the document", "/api/v1/openapi.json", 200),
        ("so much is no number", &format!("{LAUNCH}/checks/dns/apex?limit=all"), 400),
        ("triggers", &format!("{LAUNCH}/triggers"), 200),
        ("run", &run, 200),
        ("style", "/assets/board.css", 200),
        ("script", "/assets/board.js", 200),
        ("no launch", "/api/v1/launches/nope/report", 404),
        ("no checklist", &format!("{LAUNCH}/checklists/nope"), 404),
        ("no check", &format!("{LAUNCH}/checks/dns/nope"), 404),
        ("a name that is none", &format!("{LAUNCH}/checks/dns/a%20b"), 404),
        ("no run", &format!("{LAUNCH}/runs/nope"), 404),
        ("no page", "/api/v1/nope", 404),
        ("no format", &format!("{LAUNCH}/report?format=yaml"), 400),
        ("not a text", "/api/v1/launches/%ff/report", 400),
    ];
    for (row, path, status) in rows {
        let answer = site.get(path).await;
        assert_eq!(answer.status, status, "{row}: {answer:?}");
        if status >= 400 {
            answer.refusal();
        }
    }
    let answer = site.ask("DELETE", LAUNCH, &[], "").await;
    assert_eq!(answer.refusal(), (405, "bad_request".to_owned()));
    assert_eq!(answer.header("allow"), Some("GET,HEAD"));
}

#[tokio::test]
async fn a_report_comes_in_the_form_that_is_asked_for() {
    let site = Site::of(Sample::preparing()).await;
    let browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
    let rows = [
        ("nothing asked", "", "", "application/json"),
        ("anything", "", "*/*", "application/json"),
        ("a browser", "", browser, "text/html; charset=utf-8"),
        ("text", "", "text/plain", "text/plain; charset=utf-8"),
        (
            "liked best",
            "",
            "application/json;q=0.2, text/markdown;q=0.9",
            "text/markdown; charset=utf-8",
        ),
        ("refused", "", "text/html;q=0", "application/json"),
        ("in the address", "?format=junit", "text/html", "application/xml"),
    ];
    for (row, query, accept, media) in rows {
        let path = format!("{LAUNCH}/report{query}");
        let answer = site.ask("GET", &path, &[("Accept", accept)], "").await;
        assert_eq!(answer.header("content-type"), Some(media), "{row}");
    }
    let report = site.get(&format!("{LAUNCH}/report")).await.json();
    assert_eq!(report["verdict"], "NO-GO");
    let html = site.get(&format!("{LAUNCH}/report?format=html")).await;
    let policy = html.header("content-security-policy").unwrap();
    assert!(policy.contains("style-src 'unsafe-inline'") && !policy.contains("script"), "{policy}");
    assert!(html.body.contains("<style>") && !html.body.contains("<script"), "{}", html.body);
}

#[tokio::test]
async fn pages_carry_the_answer_without_a_script() {
    let site = Site::of(Sample::pending()).await;
    let index = site.get("/").await;
    assert_eq!((index.status, index.header("location")), (307, Some("/launches/checkout-2-4")));
    let page = site.get("/launches/checkout-2-4").await;
    for part in ["May we declare success?", "NO-GO", "2m of 5m", "technical_lead (tom)", "Skip to"]
    {
        assert!(page.body.contains(part), "{part} in {}", page.body);
    }
    assert!(
        !page.body.contains("<style") && !page.body.contains("onclick"),
        "the policy forbids it"
    );
    let board = site.get("/launches/checkout-2-4/board").await;
    assert!(page.body.contains(&board.body), "the board of the page is the one that is swapped in");
    let missing = site.get("/launches/nope").await;
    assert_eq!(
        (missing.status, missing.header("content-type")),
        (404, Some("text/html; charset=utf-8"))
    );
}

#[tokio::test]
async fn several_launches_are_listed() {
    let site = Site::of_two().await;
    let index = site.get("/").await;
    assert_eq!(index.status, 200);
    for part in ["/launches/checkout-2-4", "/launches/other"] {
        assert!(site.get(part).await.status == 200, "{part}");
    }
    let launches = site.get("/api/v1/launches").await.json();
    assert_eq!(launches["launches"].as_array().map(Vec::len), Some(2));
}

#[tokio::test]
async fn metrics_say_what_the_report_says() {
    let site = Site::of(Sample::pending()).await;
    let metrics = site.get("/metrics").await;
    let of = "launch=\"checkout-2-4\"";
    let rows = [
        ("the answer", format!("launchgate_verdict{{{of},verdict=\"NO-GO\"}} 1.0")),
        ("no other answer", format!("launchgate_verdict{{{of},verdict=\"GO\"}} 0.0")),
        (
            "a checklist",
            format!(
                "launchgate_checklist_verdict{{{of},checklist=\"database\",verdict=\"HOLD\"}} 1.0"
            ),
        ),
        (
            "a check",
            format!(
                "launchgate_check_outcome{{{of},checklist=\"health\",check=\"error-rate\",outcome=\"fail\"}} 1.0"
            ),
        ),
        (
            "an unknown",
            format!(
                "launchgate_check_outcome{{{of},checklist=\"health\",check=\"p99-latency\",outcome=\"unknown\"}} 1.0"
            ),
        ),
        (
            "its time",
            format!(
                "launchgate_check_observed_timestamp_seconds{{{of},checklist=\"health\",check=\"error-rate\"}} 1795762947.0"
            ),
        ),
        (
            "credit",
            format!("launchgate_trigger_credit_seconds{{{of},trigger=\"error-rate\"}} 120.0"),
        ),
        (
            "its limit",
            format!("launchgate_trigger_for_seconds{{{of},trigger=\"error-rate\"}} 300.0"),
        ),
        (
            "a state",
            format!("launchgate_trigger_state{{{of},trigger=\"p99\",state=\"blind\"}} 1.0"),
        ),
        ("alarms", format!("launchgate_alarms{{{of}}} 2.0")),
        (
            "the build",
            format!("launchgate_build_info{{version=\"{}\"}} 1", env!("CARGO_PKG_VERSION")),
        ),
        ("the start", "process_start_time_seconds ".to_owned()),
        ("processor time", "process_cpu_seconds_total ".to_owned()),
        ("the end", "# EOF".to_owned()),
    ];
    for (row, line) in rows {
        assert!(
            metrics.body.lines().any(|l| l.starts_with(&line)),
            "{row}: {line}\n{}",
            metrics.body
        );
    }
}

#[tokio::test]
async fn a_live_stream_tells_of_every_newer_report() {
    let site = Site::of(Sample::preparing()).await;
    let mut live = site.listen().await;
    live.hear("event: report", 1).await;
    assert!(
        live.heard.contains("text/event-stream") && live.heard.contains("\nid: 2026-"),
        "{}",
        live.heard
    );
    let milestone = json!({ "milestone": "deploy_started" });
    assert_eq!(site.post("alice", &format!("{LAUNCH}/milestones"), &milestone).await.status, 200);
    live.hear("event: report", 2).await;
    assert!(live.heard.contains("\"phase\":\"launching\""), "{}", live.heard);
    // A burst is one event.
    let handle = site.app.launches.values().next().unwrap();
    for _ in 0..20 {
        handle.tell(Event::Tick).await;
    }
    live.hear("event: report", 3).await;
    assert!(live.heard.matches("event: report").count() <= 4, "{}", live.heard);
}

#[tokio::test]
async fn a_reader_who_comes_back_is_told_only_what_is_newer() {
    let site = Site::of(Sample::preparing()).await;
    let newest = site.get(LAUNCH).await.json()["as_of"].as_str().unwrap().to_owned();
    for (row, heard, first) in [
        ("has heard", newest.as_str(), "\"phase\":\"launching\""),
        ("has not", "2020-01-01T00:00:00Z", "\"phase\":"),
    ] {
        let mut live = site.listen_after(heard).await;
        if row == "has heard" {
            let milestone = json!({ "milestone": "deploy_started" });
            let path = format!("{LAUNCH}/milestones");
            assert_eq!(site.post("alice", &path, &milestone).await.status, 200);
        }
        live.hear("event: report", 1).await;
        let said = live.heard.split("event: report").nth(1).unwrap_or_default();
        assert!(
            said.contains(first) && live.heard.contains("retry: 2000"),
            "{row}: {}",
            live.heard
        );
    }
}

#[tokio::test]
async fn live_streams_are_bounded_and_their_room_comes_back() {
    let site = Site::of(Sample::preparing()).await;
    let room = site.app.streams.available_permits();
    let all = site.app.streams.try_acquire_many(u32::try_from(room - 1).unwrap()).unwrap();
    let mut last = site.listen().await;
    last.hear("event: report", 1).await;
    let refused = site.get(&format!("{LAUNCH}/events")).await;
    assert_eq!(refused.refusal(), (503, "too_many_streams".to_owned()));
    drop(last);
    let back = site.app.streams.acquire();
    let back = tokio::time::timeout(std::time::Duration::from_secs(20), back).await;
    assert!(back.is_ok(), "a closed stream gives its room back");
    drop(all);
}

#[tokio::test]
async fn a_launch_whose_engine_has_ended_is_not_ready() {
    let site = Site::of(Sample::preparing()).await;
    assert_eq!(site.get("/readyz").await.status, 200);
    let site = Site::ended().await;
    assert_eq!(site.get("/readyz").await.refusal(), (503, "not_ready".to_owned()));
    assert_eq!(site.get(&format!("{LAUNCH}/report")).await.status, 200, "the last report stays");
    let order =
        site.post("alice", &format!("{LAUNCH}/milestones"), &json!({ "milestone": "live" })).await;
    assert_eq!(order.refusal(), (503, "shutting_down".to_owned()));
}

#[tokio::test]
async fn another_tool_asks_the_gate_by_one_line_and_one_status() {
    let rows = [
        ("not go", Sample::preparing(), "", 403),
        ("not go, whatever", Sample::preparing(), "?always=true", 200),
        ("one checklist", Sample::preparing(), "?checklist=nope", 404),
    ];
    for (row, sample, query, status) in rows {
        let site = Site::of(sample).await;
        let answer = site.get(&format!("{LAUNCH}/gate{query}")).await;
        assert_eq!(answer.status, status, "{row}: {answer:?}");
        if status == 404 {
            continue;
        }
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{row}");
        assert_eq!(answer.body.lines().count(), 1, "{row}: {}", answer.body);
        let said = answer.json();
        assert_eq!(said["go"], false, "{row}");
        let because = said["because"].as_str().unwrap();
        assert!(because.contains("blocker"), "{because}");
    }
}

#[tokio::test]
async fn a_report_that_says_nothing_new_is_not_sent_again() {
    let site = Site::of(Sample::preparing()).await;
    let path = format!("{LAUNCH}/report");
    let first = site.get(&path).await;
    let tag = first.header("etag").expect("a tag").to_owned();
    assert!(tag.starts_with("W/\""), "{tag}");
    let strong = tag.trim_start_matches("W/").to_owned();
    let rows = [
        ("the same", tag.clone(), 304),
        ("without its mark", strong, 304),
        ("one of several", format!("\"x\", {tag}"), 304),
        ("any", "*".to_owned(), 304),
        ("another", "\"x\"".to_owned(), 200),
    ];
    for (row, known, status) in rows {
        let answer = site.ask("GET", &path, &[("If-None-Match", &known)], "").await;
        assert_eq!(answer.status, status, "{row}");
        assert_eq!(answer.header("etag"), Some(tag.as_str()), "{row}");
        assert_eq!(answer.body.is_empty(), status == 304, "{row}");
    }
    let other = Site::of(Sample::needs_decision()).await.get(&path).await;
    assert_ne!(other.header("etag"), Some(tag.as_str()), "another report");
}
