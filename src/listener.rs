//! A listener on loopback for tests: it answers as it is told and keeps what it is sent.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State as Shared;
use axum::http::{HeaderMap, Method, StatusCode, Uri};

/// How the listener answers.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Answer {
    Status(u16),
    /// It takes the request and says nothing.
    Nothing,
    /// It answers 200 after so long.
    Late(Duration),
    /// It repeats a header.
    Repeat(&'static str),
}

#[derive(Debug, Clone)]
pub(crate) struct Heard {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

/// What the listener has yet to answer, and what it heard.
#[derive(Default)]
pub(crate) struct Book {
    answers: VecDeque<Answer>,
    heard: Vec<Heard>,
}

pub(crate) struct Listener {
    pub(crate) url: String,
    book: Arc<Mutex<Book>>,
    task: tokio::task::JoinHandle<()>,
}

impl Listener {
    /// Answers in this order, and 200 to everything after it.
    pub(crate) async fn start(answers: &[Answer]) -> Self {
        let book = Book { answers: answers.iter().copied().collect(), heard: Vec::new() };
        let book = Arc::new(Mutex::new(book));
        let app = Router::new().fallback(hear).with_state(Arc::clone(&book));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let task = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { url, book, task }
    }

    pub(crate) fn heard(&self) -> Vec<Heard> {
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
        Answer::Late(after) => {
            tokio::time::sleep(after).await;
            (StatusCode::OK, String::new())
        }
        Answer::Repeat(name) => (StatusCode::FORBIDDEN, headers[name].to_str().unwrap().to_owned()),
    }
}

/// An address where nobody listens.
pub(crate) async fn nobody() -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}
