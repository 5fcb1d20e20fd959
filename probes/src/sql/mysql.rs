//! A question to MySQL or MariaDB, in a transaction, and a session, that only reads.

use std::path::Path;

use launchgate_core::observation::{Cause, Failure};
use mysql_async::prelude::Queryable as _;
use mysql_async::{Error, Row};
use tokio::time::Instant;

use super::verdict::{Answer, MAX_ROWS};
use crate::Context;
use crate::mysql::{Access, connect, failure, text};
use crate::secret::TextOrCredential;

const SUBJECT: &str = "the database";
/// "Cannot execute statement in a READ ONLY transaction".
const READ_ONLY: u16 = 1792;

pub(super) async fn ask(
    url: &TextOrCredential,
    ca_file: Option<&Path>,
    query: &str,
    cx: &Context,
    end: Instant,
) -> Result<Answer, Failure> {
    let mut server = connect(SUBJECT, url, &Access::new(ca_file, cx, end)).await?;
    // The server gives up before we do, so that nothing goes on there.
    let left = end.saturating_duration_since(Instant::now()).mul_f64(0.9);
    let limit = if server.is_mariadb {
        format!("set session max_statement_time = {:.3}", left.as_secs_f64().max(0.001))
    } else {
        format!("set session max_execution_time = {}", left.as_millis().max(1))
    };
    // What ends a transaction by itself begins none that writes.
    for sql in [limit.as_str(), "set session transaction read only", "start transaction read only"]
    {
        server.conn.query_drop(sql).await.map_err(|e| told(&e))?;
    }
    // A prepared statement is one statement: nothing can follow the question.
    let mut result = server.conn.exec_iter(query, ()).await.map_err(|e| told(&e))?;
    let columns = result.columns_ref().iter().map(|c| c.name_str().into_owned()).collect();
    let mut answer = Answer { columns, ..Answer::default() };
    while let Some(row) = result.next().await.map_err(|e| told(&e))? {
        answer.rows += 1;
        if answer.first.is_none() {
            answer.first = Some(texts(&row));
        }
        if answer.rows > MAX_ROWS {
            break;
        }
    }
    // The connection ends here, and the transaction with it.
    Ok(answer)
}

fn texts(row: &Row) -> Vec<Option<String>> {
    (0..row.len()).map(|i| row.as_ref(i).and_then(text)).collect()
}

fn told(error: &Error) -> Failure {
    let failure = failure(SUBJECT, error);
    match error {
        Error::Server(e) if e.code == READ_ONLY => Failure { cause: Cause::ProbeError, ..failure },
        _ => failure,
    }
}
