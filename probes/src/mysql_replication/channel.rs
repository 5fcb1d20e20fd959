//! A channel of a replica, as `SHOW REPLICA STATUS` tells it, under the names of MySQL, of older MySQL and of MariaDB.

use crate::mysql::Named;

/// One channel: from one source.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Channel {
    /// Its name; empty for the only one.
    pub(super) name: String,
    /// Whether the thread that receives runs: `Yes`, `No`, `Connecting`, `Preparing`.
    pub(super) receives: String,
    /// Whether the thread that applies runs.
    pub(super) applies: String,
    /// The last errors of both; 0 for none.
    pub(super) errors: [u64; 2],
    /// `Seconds_Behind_Source`; none for NULL.
    pub(super) behind: Option<f64>,
    pub(super) source_id: Option<u64>,
    pub(super) source_uuid: Option<String>,
    /// How many seconds late on purpose it applies.
    pub(super) delay: f64,
}

impl Channel {
    /// Whether both threads run and neither reports an error.
    pub(super) fn runs(&self) -> bool {
        let is_yes = |text: &str| text.eq_ignore_ascii_case("yes");
        is_yes(&self.receives) && is_yes(&self.applies) && self.errors == [0, 0]
    }
}

/// Reads a row, whose names are in lower case.
///
/// # Errors
/// What cannot be found under any of its names, or is not what it should be.
pub(super) fn parse(row: &Named) -> Result<Channel, String> {
    let find = |names: &[&str]| names.iter().find_map(|name| row.get(*name));
    let text = |names: &[&str]| find(names).cloned().flatten();
    let need =
        |names: &[&str]| text(names).ok_or_else(|| format!("it does not tell `{}`", names[0]));
    let number = |names: &[&str]| {
        let text = need(names)?;
        text.parse::<u64>().map_err(|_| format!("`{}` is `{text}`, which is no number", names[0]))
    };
    let behind = find(&["seconds_behind_source", "seconds_behind_master"])
        .ok_or("it does not tell `seconds_behind_source`")?;
    let behind = match behind {
        None => None,
        Some(text) => {
            let seconds = text.parse::<f64>().ok().filter(|s| s.is_finite());
            Some(seconds.ok_or_else(|| format!("`seconds_behind_source` is `{text}`"))?)
        }
    };
    let delay = text(&["sql_delay"]).and_then(|text| text.parse::<u32>().ok()).unwrap_or(0);
    Ok(Channel {
        name: text(&["channel_name", "connection_name"]).unwrap_or_default(),
        receives: need(&["replica_io_running", "slave_io_running"])?,
        applies: need(&["replica_sql_running", "slave_sql_running"])?,
        errors: [number(&["last_io_errno"])?, number(&["last_sql_errno"])?],
        behind,
        source_id: text(&["source_server_id", "master_server_id"]).and_then(|t| t.parse().ok()),
        source_uuid: text(&["source_uuid", "master_uuid"]).filter(|uuid| !uuid.is_empty()),
        delay: f64::from(delay),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(pairs: &[(&str, &str)]) -> Named {
        let value = |v: &str| (v != "NULL").then(|| v.to_owned());
        pairs.iter().map(|(k, v)| (k.to_ascii_lowercase(), value(v))).collect()
    }

    #[test]
    fn every_spelling_is_read_and_nothing_is_made_up() {
        let mysql = [
            ("Replica_IO_Running", "Yes"),
            ("Replica_SQL_Running", "Yes"),
            ("Last_IO_Errno", "0"),
            ("Last_SQL_Errno", "0"),
            ("Seconds_Behind_Source", "0"),
            ("Source_Server_Id", "1"),
            ("Source_UUID", "3e11fa47-71ca-11e1-9e33-c80aa9429562"),
            ("Channel_Name", "eu"),
            ("SQL_Delay", "0"),
        ];
        let mariadb = [
            ("Connection_name", ""),
            ("Slave_IO_Running", "Connecting"),
            ("Slave_SQL_Running", "Yes"),
            ("Last_IO_Errno", "2003"),
            ("Last_SQL_Errno", "0"),
            ("Seconds_Behind_Master", "NULL"),
            ("Master_Server_Id", "1"),
            ("SQL_Delay", "30"),
        ];
        let rows: [(&str, Named, Result<&str, &str>); 5] = [
            ("of MySQL", row(&mysql), Ok("eu true Some(0.0) Some(1) 0")),
            ("of MariaDB", row(&mariadb), Ok(" false None Some(1) 30")),
            ("no column of lag", row(&mysql[..4]), Err("`seconds_behind_source`")),
            ("of no replica", row(&[("Seconds_Behind_Master", "0")]), Err("`replica_io_running`")),
            (
                "garbage",
                row(&[("Seconds_Behind_Master", "soon")]),
                Err("`seconds_behind_source` is `soon`"),
            ),
        ];
        for (name, row, expected) in rows {
            match (parse(&row), expected) {
                (Ok(c), Ok(expected)) => {
                    let got = format!(
                        "{} {} {:?} {:?} {}",
                        c.name,
                        c.runs(),
                        c.behind,
                        c.source_id,
                        c.delay
                    );
                    assert_eq!(got, expected, "{name}");
                }
                (Err(why), Err(expected)) => assert!(why.contains(expected), "{name}: {why}"),
                (got, _) => panic!("{name}: {got:?}"),
            }
        }
    }
}
