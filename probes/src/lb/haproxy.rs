//! HAProxy's statistics, as its page and its runtime socket give them in CSV.
//!
//! `UP` counts alone and only with a check that passed: `UP 1/3` is on its way down, `no check` says nothing, and a
//! server that has just started is called `UP` before anybody looked.

use std::collections::BTreeMap;
use std::time::Duration;

use launchgate_core::observation::{Cause, Failure};

use super::csv;
use super::pool::{Entry, State};

/// The columns without which it is no such table.
const NEEDED: [&str; 5] = ["pxname", "svname", "status", "weight", "check_status"];
/// How many backends are named in a message.
const NAMED: usize = 20;

/// Reads the servers of one backend.
///
/// # Errors
/// [`Cause::NoData`] for nothing at all, or no such backend; [`Cause::BadResponse`] for what is no such table.
pub(super) fn parse(body: &[u8], backend: &str) -> Result<Vec<Entry>, Failure> {
    let bad = |why: String| Failure::new(Cause::BadResponse, format!("the statistics: {why}"));
    if body.iter().all(u8::is_ascii_whitespace) {
        return Err(Failure::new(Cause::NoData, "the statistics are empty"));
    }
    let text = std::str::from_utf8(body).map_err(|e| bad(e.to_string()))?;
    let Some(text) = text.strip_prefix("# ") else {
        return Err(bad("they are not HAProxy's in CSV".to_owned()));
    };
    let mut rows = csv::rows(text).map_err(|e| bad(e.to_string()))?.into_iter();
    let header = rows.next().unwrap_or_default();
    let columns: BTreeMap<&str, usize> =
        header.iter().enumerate().map(|(i, name)| (name.as_str(), i)).collect();
    if let Some(lacking) = NEEDED.iter().find(|name| !columns.contains_key(*name)) {
        return Err(bad(format!("there is no column `{lacking}`")));
    }
    let (mut entries, mut backends, mut found) = (Vec::new(), Vec::new(), false);
    for row in rows {
        if row.len() != header.len() {
            return Err(bad("a row is not as long as the first".to_owned()));
        }
        let row = Row { columns: &columns, values: &row };
        match (row.get("svname"), row.get("pxname") == backend) {
            ("FRONTEND", _) => {}
            ("BACKEND", true) => found = true,
            ("BACKEND", false) => backends.push(row.get("pxname").to_owned()),
            (_, false) => {}
            // A listening socket of a frontend, where those are told.
            (_, true) if row.get("type") == "3" => {}
            (_, true) => entries.push(row.entry()),
        }
    }
    if found || !entries.is_empty() {
        return Ok(entries);
    }
    backends.truncate(NAMED);
    let message = format!("no backend is called `{backend}`; there are: {}", backends.join(", "));
    Err(Failure::new(Cause::NoData, message))
}

struct Row<'a> {
    columns: &'a BTreeMap<&'a str, usize>,
    values: &'a [String],
}

impl Row<'_> {
    /// A value; empty where there is no such column.
    fn get(&self, column: &str) -> &str {
        let place = self.columns.get(column);
        place.and_then(|i| self.values.get(*i)).map_or("", String::as_str)
    }

    fn entry(&self) -> Entry {
        let (state, why) = self.state();
        let mut says = self.get("status").to_owned();
        for more in [why, self.get("last_chk")] {
            if !more.is_empty() {
                says = format!("{says}; {more}");
            }
        }
        let since = self.get("lastchg").parse().ok().map(Duration::from_secs);
        Entry { name: self.get("svname").to_owned(), alias: None, state, says, since }
    }

    fn state(&self) -> (State, &'static str) {
        let status = self.get("status");
        // `DOWN 1/2`, `MAINT (via shop/web1)`, `DOWN (agent)`.
        let (word, more) = status.split_once(' ').unwrap_or((status, ""));
        match (word, more) {
            ("UP", "") if self.get("weight") == "0" => (State::Out, "its weight is 0"),
            ("UP", "") => self.checked(),
            ("UP", _) => (State::Changing, "on its way down"),
            ("DOWN", more) if more.contains('/') => (State::Changing, "on its way up"),
            ("DOWN", _) => (State::Down, ""),
            ("MAINT" | "DRAIN" | "NOLB", _) => (State::Out, ""),
            ("no", "check") => (State::Unchecked, "nobody checks it"),
            _ => (State::Unchecked, "a status that is not known here"),
        }
    }

    /// What a server that is `UP` is by its last check.
    fn checked(&self) -> (State, &'static str) {
        // A star says that the next check is under way.
        let check = self.get("check_status").trim_start_matches("* ");
        match check {
            "" if !self.get("tracked").is_empty() => (State::Healthy, "as the one it tracks"),
            "" if !self.get("agent_status").is_empty() => (State::Healthy, "by its agent"),
            "" | "INI" | "UNK" => (State::Unchecked, "not checked yet"),
            "SOCKERR" => (State::Unchecked, "the balancer could not check it"),
            check if check.ends_with("OK") => (State::Healthy, ""),
            _ => (State::Changing, "its last check failed"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str =
        "# pxname,svname,status,weight,lastchg,check_status,tracked,type,last_chk,agent_status,";

    fn one(status: &str, weight: &str, check: &str, tracked: &str, agent: &str) -> Entry {
        let row = format!("shop,web1,{status},{weight},90,{check},{tracked},2,\"a, b\",{agent},");
        let mut entries =
            parse(format!("{HEADER}\n{row}\n\n").as_bytes(), "shop").expect("a table");
        entries.pop().expect("a server")
    }

    #[test]
    fn up_counts_alone_and_with_a_check_that_passed() {
        use State::{Changing, Down, Healthy, Out, Unchecked};
        let rows = [
            ("up", ("UP", "1", "L7OK", "", ""), Healthy),
            ("up, while it is checked again", ("UP", "1", "* L4OK", "", ""), Healthy),
            ("as another one", ("UP", "1", "", "a/b", ""), Healthy),
            ("by an agent", ("UP", "1", "", "", "L7OK"), Healthy),
            ("just started", ("UP", "1", "INI", "", ""), Unchecked),
            ("up by nobody's word", ("UP", "1", "", "", ""), Unchecked),
            ("HAProxy's own fault", ("UP", "1", "SOCKERR", "", ""), Unchecked),
            ("up, the last check failed", ("UP", "1", "L7STS", "", ""), Changing),
            ("on its way down", ("UP 1/3", "1", "L4CON", "", ""), Changing),
            ("on its way up", ("DOWN 1/2", "1", "L7OK", "", ""), Changing),
            ("down", ("DOWN", "1", "L4CON", "", ""), Down),
            ("down by its agent", ("DOWN (agent)", "1", "L7OK", "", ""), Down),
            ("in maintenance", ("MAINT", "1", "", "", ""), Out),
            ("with another one", ("MAINT (via shop/web2)", "1", "", "", ""), Out),
            ("without an address", ("MAINT (resolution)", "1", "", "", ""), Out),
            ("drained", ("DRAIN", "0", "L7OK", "", ""), Out),
            ("no new sessions", ("NOLB 1/2", "1", "L7OKC", "", ""), Out),
            ("without a share", ("UP", "0", "L7OK", "", ""), Out),
            ("no check", ("no check", "1", "", "", ""), Unchecked),
            ("another word", ("FINE", "1", "L7OK", "", ""), Unchecked),
            ("none", ("", "1", "L7OK", "", ""), Unchecked),
        ];
        for (row, (status, weight, check, tracked, agent), state) in rows {
            let entry = one(status, weight, check, tracked, agent);
            assert_eq!(entry.state, state, "{row}: {}", entry.says);
            assert_eq!(entry.since, Some(Duration::from_secs(90)), "{row}");
            assert!(entry.says.ends_with("a, b"), "{row}: {}", entry.says);
        }
    }

    #[test]
    fn an_empty_backend_is_one_and_none_at_all_is_none() {
        let rows: [(&str, String, Result<usize, Cause>); 9] = [
            ("a backend without servers", format!("{HEADER}\nshop,BACKEND,UP,,,,,1,,,\n"), Ok(0)),
            (
                "another backend",
                format!("{HEADER}\nblog,BACKEND,UP,,,,,1,,,\n"),
                Err(Cause::NoData),
            ),
            ("a frontend", format!("{HEADER}\nshop,FRONTEND,OPEN,,,,,0,,,\n"), Err(Cause::NoData)),
            ("no rows", format!("{HEADER}\n"), Err(Cause::NoData)),
            ("nothing", "\n".to_owned(), Err(Cause::NoData)),
            ("a page", "<html>".to_owned(), Err(Cause::BadResponse)),
            ("an unknown command", "Unknown command\n".to_owned(), Err(Cause::BadResponse)),
            ("a table of something else", "# a,b\n1,2\n".to_owned(), Err(Cause::BadResponse)),
            ("broken off", format!("{HEADER}\nshop,web1,UP,1,9\n"), Err(Cause::BadResponse)),
        ];
        for (row, text, expected) in rows {
            let got = parse(text.as_bytes(), "shop").map(|e| e.len()).map_err(|f| f.cause);
            assert_eq!(got, expected, "{row}");
        }
    }
}
