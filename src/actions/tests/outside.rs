//! `http` and `notify` against a listener on loopback that keeps what it is sent.

use std::collections::VecDeque;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State as Shared;
use axum::http::{HeaderMap, Method, StatusCode, Uri};

use super::*;

/// How the listener answers.
#[derive(Debug, Clone, Copy)]
enum Answer {
    Status(u16),
    /// It takes the request and says nothing.
    Nothing,
    /// It repeats a header.
    Repeat(&'static str),
}

#[derive(Debug, Clone)]
struct Heard {
    method: Method,
    path: String,
    headers: HeaderMap,
    body: String,
}

/// What the listener has yet to answer, and what it heard.
#[derive(Default)]
struct Book {
    answers: VecDeque<Answer>,
    heard: Vec<Heard>,
}

struct Listener {
    url: String,
    book: Arc<Mutex<Book>>,
    task: tokio::task::JoinHandle<()>,
}

impl Listener {
    /// Answers in this order, and 200 to everything after it.
    async fn start(answers: &[Answer]) -> Self {
        let book = Book { answers: answers.iter().copied().collect(), heard: Vec::new() };
        let book = Arc::new(Mutex::new(book));
        let app = Router::new().fallback(hear).with_state(Arc::clone(&book));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let task = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { url, book, task }
    }

    fn heard(&self) -> Vec<Heard> {
        self.book.lock().unwrap().heard.clone()
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn hear(
    Shared(book): Shared<Arc<Mutex<Book>>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> (StatusCode, String) {
    let answer = {
        let mut book = book.lock().unwrap();
        let body = String::from_utf8(body.to_vec()).unwrap();
        let heard = Heard { method, path: uri.to_string(), headers: headers.clone(), body };
        book.heard.push(heard);
        book.answers.pop_front().unwrap_or(Answer::Status(200))
    };
    match answer {
        Answer::Status(status) => {
            (StatusCode::from_u16(status).unwrap(), format!("this is {status}\nand more"))
        }
        Answer::Nothing => std::future::pending().await,
        Answer::Repeat(name) => (StatusCode::FORBIDDEN, headers[name].to_str().unwrap().to_owned()),
    }
}

/// An address where nobody listens.
async fn nobody() -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

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
            Answer::Status(_) | Answer::Repeat(_) => LONG,
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
async fn a_secret_that_a_server_repeats_is_not_shown() {
    let listener = Listener::start(&[Answer::Repeat("x-token")]).await;
    let folder = Folder::new("repeat").with("token.txt", "hunter2");
    let settings =
        json!({ "url": listener.url, "headers": { "X-Token": { "file": "token.txt" } } });
    let done = made(&plan(&[]), &folder.0, perform("http", settings, LONG)).await;
    assert_eq!(done, (Ended::Failed, "status 403\n[hidden]".to_owned()));
}

fn notify(to: &[&str], timeout: Duration) -> Perform {
    let message = "rolling ${launch} back to ${previous_version}: ${trigger.because}";
    perform("notify", json!({ "to": to, "message": message }), timeout)
}

#[tokio::test]
async fn a_message_reaches_every_channel_with_its_text() {
    let listener = Listener::start(&[]).await;
    let folder = Folder::new("message").with("url.txt", &format!("{}/hooks/secret", listener.url));
    let open = json!(format!("{}/hooks/open", listener.url));
    let plan = plan(&[("open", open), ("hidden", json!({ "file": "url.txt" }))]);
    let done = made(&plan, &folder.0, notify(&["open", "hidden"], LONG)).await;
    assert_eq!(done, (Ended::Succeeded, "open: delivered; hidden: delivered".to_owned()));
    let mut paths = Vec::new();
    for message in listener.heard() {
        let body: Json = serde_json::from_str(&message.body).unwrap();
        let text = "rolling shop back to 2.3: error rate 9% > 5%, ${version}";
        assert_eq!((body["text"].as_str(), body["version"].as_str()), (Some(text), Some("2.4")));
        assert_eq!(message.headers["content-type"], "application/json");
        paths.push(message.path);
    }
    paths.sort();
    assert_eq!(paths, ["/hooks/open", "/hooks/secret"]);
}

#[tokio::test]
async fn a_message_is_sent_again_where_that_can_help() {
    use Answer::{Nothing, Status};
    let rows: [(&str, &[Answer], usize, &str); 5] = [
        ("a channel that recovers", &[Status(503), Status(429)], 3, "room: delivered"),
        (
            "a channel that is broken",
            &[Status(500), Status(500), Status(502)],
            3,
            "room: not delivered in 3 tries: status 502",
        ),
        ("a channel that refuses", &[Status(404)], 1, "room: not delivered: status 404"),
        ("no answer, then one", &[Nothing], 2, "room: delivered"),
        (
            "no answer at all",
            &[Nothing, Nothing, Nothing],
            3,
            "room: not delivered in 3 tries: no answer in time",
        ),
    ];
    for (row, answers, tries, says) in rows {
        let listener = Listener::start(answers).await;
        let plan = plan(&[("room", json!(listener.url))]);
        let (timeout, began) = (Duration::from_secs(3), Instant::now());
        let (how, evidence) = made(&plan, Path::new("."), notify(&["room"], timeout)).await;
        assert_eq!(evidence, says, "{row}");
        assert_eq!(how == Ended::Succeeded, says.ends_with(": delivered"), "{row}");
        assert_eq!(listener.heard().len(), tries, "{row}");
        assert!(began.elapsed() < timeout + Duration::from_secs(1), "{row}: {:?}", began.elapsed());
    }
}

#[tokio::test]
async fn a_dead_channel_neither_delays_nor_hides_the_others() {
    let (silent, live) = (Listener::start(&[Answer::Nothing; 3]).await, Listener::start(&[]).await);
    let gone = nobody().await + "/hooks/secret";
    let plan =
        plan(&[("silent", json!(silent.url)), ("gone", json!(gone)), ("live", json!(live.url))]);
    let perform = notify(&["silent", "gone", "live"], Duration::from_secs(3));
    let task = tokio::spawn(async move { made(&plan, Path::new("."), perform).await });
    let deadline = Instant::now() + Duration::from_secs(2);
    while live.heard().is_empty() {
        assert!(Instant::now() < deadline, "it waits for the silent one");
        tokio::task::yield_now().await;
    }
    let (how, evidence) = task.await.unwrap();
    assert_eq!(how, Ended::Failed);
    assert!(
        evidence.starts_with("silent: not delivered in 3 tries: no answer in time"),
        "{evidence}"
    );
    assert!(evidence.contains("; gone: not delivered in 3 tries: "), "{evidence}");
    assert!(evidence.ends_with("; live: delivered"), "{evidence}");
    assert!(!evidence.contains("hooks"), "an address is a secret: {evidence}");
}
