//! A question to PostgreSQL: by a cursor, which takes nothing but a question, in a transaction that only reads.

use std::path::Path;

use launchgate_core::observation::{Cause, Failure};
use tokio::time::Instant;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Error, SimpleQueryMessage};

use super::verdict::{Answer, MAX_ROWS};
use crate::Context;
use crate::postgres::{Access, connect, failure};
use crate::secret::TextOrCredential;

const SUBJECT: &str = "the database";

pub(super) async fn ask(
    url: &TextOrCredential,
    ca_file: Option<&Path>,
    query: &str,
    cx: &Context,
    end: Instant,
) -> Result<Answer, Failure> {
    let access = Access::new(ca_file, cx, end).await?;
    let client = connect(SUBJECT, url, &access).await?;
    // The server gives up before we do, so that nothing goes on there.
    let left = end.saturating_duration_since(Instant::now()).mul_f64(0.9).as_millis().max(1);
    client
        .batch_execute(&format!("begin read only; set local statement_timeout = {left}"))
        .await
        .map_err(|e| told(&e))?;
    // A prepared statement is one statement: nothing can follow the question.
    let cursor = client
        .prepare(&format!("declare launchgate no scroll cursor for {query}"))
        .await
        .map_err(|e| told(&e))?;
    client.execute(&cursor, &[]).await.map_err(|e| told(&e))?;
    let fetch = format!("fetch forward {} from launchgate", MAX_ROWS + 1);
    let came = client.simple_query(&fetch).await.map_err(|e| told(&e))?;
    let mut answer = Answer::default();
    for message in &came {
        match message {
            SimpleQueryMessage::RowDescription(columns) => {
                answer.columns = columns.iter().map(|c| c.name().to_owned()).collect();
            }
            SimpleQueryMessage::Row(row) => {
                answer.rows += 1;
                if answer.first.is_none() {
                    let texts = (0..row.len()).map(|i| row.get(i).map(str::to_owned));
                    answer.first = Some(texts.collect());
                }
            }
            _ => {}
        }
    }
    client.batch_execute("rollback").await.map_err(|e| told(&e))?;
    Ok(answer)
}

fn told(error: &Error) -> Failure {
    let failure = failure(SUBJECT, error);
    match error.code() {
        Some(code) if *code == SqlState::QUERY_CANCELED => {
            Failure { cause: Cause::Timeout, ..failure }
        }
        Some(code) if *code == SqlState::READ_ONLY_SQL_TRANSACTION => {
            Failure { cause: Cause::ProbeError, ..failure }
        }
        _ => failure,
    }
}
