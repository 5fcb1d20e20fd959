//! The messages in the store: those that wait, and those that ended.

use launchgate_core::message::{Delivery, Message, Outgoing};
use rusqlite::{Connection, Transaction, params};

use super::trouble::{Trouble, json, text};

/// How many that ended are kept: of announcements, and of the rest.
const KEPT: u32 = 1_000;

/// Keeps a message that waits.
pub(super) fn add(
    tx: &Transaction<'_>,
    launch: &str,
    at: i64,
    message: &Message,
) -> Result<(), Trouble> {
    tx.prepare_cached("INSERT INTO messages (launch, message, at, body) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![launch, message.id, at, text(message)?])?;
    Ok(())
}

/// Notes what became of a message, and lets the oldest that ended go.
pub(super) fn end(
    tx: &Transaction<'_>,
    launch: &str,
    id: &str,
    delivery: &Delivery,
) -> Result<(), Trouble> {
    tx.prepare_cached("UPDATE messages SET delivery = ?3 WHERE launch = ?1 AND message = ?2")?
        .execute(params![launch, id, text(delivery)?])?;
    // By announcements that ended it is known that they are not made again: they do not give way to others.
    for announced in [false, true] {
        tx.prepare_cached(
            "DELETE FROM messages WHERE id IN (SELECT id FROM messages WHERE launch = ?1 \
             AND delivery IS NOT NULL AND (message LIKE 'announcement/%') = ?3 \
             ORDER BY id DESC LIMIT -1 OFFSET ?2)",
        )?
        .execute(params![launch, KEPT, announced])?;
    }
    Ok(())
}

/// The messages of a launch, oldest first.
pub(super) fn read(connection: &Connection, launch: &str) -> Result<Vec<Outgoing>, Trouble> {
    let mut statement = connection
        .prepare_cached("SELECT body, delivery FROM messages WHERE launch = ?1 ORDER BY id")?;
    let mut rows = statement.query([launch])?;
    let mut messages = Vec::new();
    while let Some(row) = rows.next()? {
        let delivery = match row.get::<_, Option<String>>(1)? {
            Some(ended) => json(&ended)?,
            None => Delivery::Waiting,
        };
        messages.push(Outgoing { message: json(&row.get::<_, String>(0)?)?, delivery });
    }
    Ok(messages)
}
