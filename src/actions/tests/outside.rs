//! `http` against a listener on loopback that keeps what it is sent.

use std::ops::RangeInclusive;

use axum::http::Method;

use super::*;
use crate::listener::{Answer, Listener, nobody};

#[tokio::test]
async fn a_request_carries_what_tells_a_repetition() {
    let listener = Listener::start(&[]).await;
    let folder = Folder::new("request").with("token.txt", "Bearer hunter2\n");
    let settings = json!({
        "url": format!("{}/flags/${{launch}}", listener.url),
        "method": "put",
        "headers": { "Authorization": { "file": "token.txt" }, "X-From": "${version}" },
        "body": "back to ${previous_version}: ${trigger.because} (${run.id}) ${unknown}",
    });
    let done = made(&plan(&[]), &folder.0, perform("http", settings, LONG)).await;
    assert_eq!(done, (Ended::Succeeded, "status 200\nthis is 200".to_owned()));
    let heard = listener.heard();
    let run = RunId::of(&Name::of("shop"), 7).to_string();
    let [request] = heard.as_slice() else { panic!("{heard:?}") };
    assert_eq!((&request.method, request.path.as_str()), (&Method::PUT, "/flags/shop"));
    for (name, value) in [
        ("authorization", "Bearer hunter2"),
        ("x-from", "2.4"),
        ("idempotency-key", &format!("{run}/revert")),
        ("x-launchgate-fencing-token", "7"),
    ] {
        assert_eq!(request.headers[name], value, "{name}");
    }
    // What was filled in is not read again: the cause holds `${version}` itself.
    let body = format!("back to 2.3: error rate 9% > 5%, ${{version}} ({run}) ${{unknown}}");
    assert_eq!(request.body, body);
}

#[tokio::test]
async fn a_request_is_judged_by_its_status_and_sent_once() {
    let rows: [(&str, Answer, &[u16], Ended); 6] = [
        ("any success", Answer::Status(204), &[], Ended::Succeeded),
        ("no success", Answer::Status(500), &[], Ended::Failed),
        ("a redirection is not followed", Answer::Status(302), &[], Ended::Failed),
        ("as expected", Answer::Status(409), &[200, 409], Ended::Succeeded),
        ("not as expected", Answer::Status(201), &[200], Ended::Failed),
        ("no answer: it may have acted", Answer::Nothing, &[], Ended::InDoubt),
    ];
    for (row, answer, expect, how) in rows {
        let listener = Listener::start(&[answer]).await;
        let settings = json!({ "url": listener.url, "expect_status": expect });
        let timeout = match answer {
            Answer::Nothing => Duration::from_millis(300),
            Answer::Status(_) | Answer::Late(_) | Answer::Repeat(_) => LONG,
        };
        let perform = perform("http", settings, timeout);
        let (ended, evidence) = made(&plan(&[]), Path::new("."), perform).await;
        assert_eq!(ended, how, "{row}: {evidence}");
        assert_eq!(listener.heard().len(), 1, "{row}");
    }
    let settings = json!({ "url": nobody().await });
    let (ended, evidence) = made(&plan(&[]), Path::new("."), perform("http", settings, LONG)).await;
    assert_eq!(ended, Ended::Failed, "nothing was sent, so nothing is in doubt");
    assert!(evidence.starts_with("nothing was sent: "), "{evidence}");
}

#[tokio::test]
async fn a_key_that_is_being_worked_on_is_asked_for_again() {
    use Answer::Status;
    type Row = (&'static str, &'static [Answer], u32, u64, Ended, RangeInclusive<usize>);
    let rows: [Row; 6] = [
        ("it gets done", &[Status(409), Status(409), Status(201)], 2, 60, Ended::Succeeded, 3..=3),
        ("it fails in the end", &[Status(409), Status(500)], 2, 60, Ended::Failed, 2..=2),
        ("it goes on and on", &[Status(409); 9], 2, 60, Ended::InDoubt, 6..=6),
        ("as long as there is time", &[Status(409); 9], 2, 3, Ended::InDoubt, 2..=3),
        (
            "nothing was sent before: a plain conflict",
            &[Status(409); 9],
            1,
            60,
            Ended::Failed,
            6..=6,
        ),
        ("the key means something else", &[Status(422); 2], 2, 60, Ended::Failed, 1..=1),
    ];
    // The listener is real, so the time is too, and a busy machine asks less often; all at once, since each takes seconds.
    let asked = rows.map(|(row, answers, attempt, timeout, how, times)| async move {
        let listener = Listener::start(answers).await;
        let settings = json!({ "url": listener.url });
        let step = perform("http", settings, Duration::from_secs(timeout));
        let step = Perform { attempt, ..step };
        let (ended, evidence) = made(&plan(&[]), Path::new("."), step).await;
        assert_eq!(ended, how, "{row}: {evidence}");
        let heard = listener.heard();
        assert!(times.contains(&heard.len()), "{row}: {} times", heard.len());
        let keys: std::collections::BTreeSet<_> =
            heard.iter().map(|request| request.headers["idempotency-key"].clone()).collect();
        assert_eq!(keys.len(), 1, "{row}: the key stays the same");
    });
    futures_util::future::join_all(asked).await;
}

#[tokio::test]
async fn a_secret_that_a_server_repeats_is_not_shown() {
    let listener = Listener::start(&[Answer::Repeat("x-token")]).await;
    let folder = Folder::new("repeat").with("token.txt", "hunter2");
    let settings =
        json!({ "url": listener.url, "headers": { "X-Token": { "file": "token.txt" } } });
    let done = made(&plan(&[]), &folder.0, perform("http", settings, LONG)).await;
    assert_eq!(done, (Ended::Failed, "status 403\n[hidden]".to_owned()));
}
