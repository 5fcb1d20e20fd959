//! What can go wrong between an SQLite file and the records in it, on the way to a [`StoreError`].

use std::path::Path;

use launchgate_core::audit::Broken;
use rusqlite::ErrorCode;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::StoreError;

/// What went wrong; whoever knows the file tells it by [`Trouble::told`].
pub(super) enum Trouble {
    /// SQLite says so.
    Sqlite(rusqlite::Error),
    /// What is kept makes no sense.
    Odd(String),
    /// The audit log was tampered with.
    Tampered(Broken),
    /// The store's error, as it is.
    Store(StoreError),
}

impl Trouble {
    pub(super) fn odd(error: &dyn std::fmt::Display) -> Self {
        Self::Odd(format!("a record cannot be read: {error}"))
    }

    /// The error of the store in this file.
    pub(super) fn told(self, path: &Path) -> StoreError {
        let shown = path.display();
        match self {
            Self::Sqlite(
                error @ (rusqlite::Error::FromSqlConversionFailure(..)
                | rusqlite::Error::InvalidColumnType(..)
                | rusqlite::Error::IntegralValueOutOfRange(..)),
            ) => StoreError::Unreadable(format!("{shown}: {error}")),
            Self::Sqlite(error) => {
                let message = format!("{shown}: {error}");
                match error.sqlite_error_code() {
                    Some(ErrorCode::ConstraintViolation) => StoreError::Conflict(error.to_string()),
                    Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                        StoreError::Unreadable(message)
                    }
                    _ => StoreError::Unavailable(message),
                }
            }
            Self::Odd(message) => StoreError::Unreadable(format!("{shown}: {message}")),
            Self::Tampered(broken) => StoreError::Unreadable(format!(
                "{shown}: the audit log does not hold: {broken}. Something else than launchgate changed it, or the key \
                 is another: keep a copy, and see what `launchgate audit verify --store` says"
            )),
            Self::Store(error) => error,
        }
    }
}

impl From<rusqlite::Error> for Trouble {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl From<Broken> for Trouble {
    fn from(broken: Broken) -> Self {
        Self::Tampered(broken)
    }
}

impl From<StoreError> for Trouble {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// A record's part as JSON.
pub(super) fn text(value: &impl Serialize) -> Result<String, Trouble> {
    serde_json::to_string(value).map_err(|e| Trouble::odd(&e))
}

/// A record's part from JSON.
pub(super) fn json<T: DeserializeOwned>(text: &str) -> Result<T, Trouble> {
    serde_json::from_str(text).map_err(|e| Trouble::odd(&e))
}
