//! What a process of ours is told by its standard input, so that it stands on no disk and on no command line.

use std::io::Read;

use serde::de::DeserializeOwned;

/// The longest order that is read, in bytes.
const MAX_ORDER: u64 = 4 << 20;

/// Reads an order to its end.
///
/// # Errors
/// What is wrong with it: it is cut short when whoever gives it dies. No value of it is repeated.
pub(crate) fn read<T: DeserializeOwned>(told: impl Read) -> Result<T, String> {
    let mut text = Vec::new();
    told.take(MAX_ORDER).read_to_end(&mut text).map_err(|e| e.to_string())?;
    serde_json::from_slice(&text).map_err(|e| {
        format!("not understood at byte {} of {} ({:?})", e.column(), text.len(), e.classify())
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn an_order_that_is_cut_short_is_none() {
        let text = json!({ "program": "sh", "environment": [["KEY", "hunter2"]] }).to_string();
        assert!(read::<Value>(text.as_bytes()).is_ok());
        for cut in [0, 1, text.len() / 2, text.len() - 1] {
            let Err(why) = read::<Value>(&text.as_bytes()[..cut]) else { panic!("cut at {cut}") };
            assert!(why.starts_with("not understood at byte") && !why.contains("hunter2"), "{why}");
        }
        let most = usize::try_from(MAX_ORDER).unwrap();
        let of = |length: usize| format!("\"{}\"", "a".repeat(length - 2));
        assert!(read::<Value>(of(most).as_bytes()).is_ok());
        assert!(read::<Value>(of(most + 1).as_bytes()).is_err(), "it is bounded");
    }
}
