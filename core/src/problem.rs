//! A problem in what a person wrote: where, what is wrong, and what to do about it.
//!
//! Problems are collected, never thrown one at a time. Turning a [`KeyPath`] into `file:line:column` is the business
//! of whoever read the file; nothing here knows files.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A step on the way from the top of a document to a value.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Key {
    /// An entry of a mapping.
    Entry(String),
    /// An element of a list.
    Index(usize),
}

/// The way from the top of a document to a value: `checklists.dns.checks.apex.expect[2]`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct KeyPath(pub Vec<Key>);

impl KeyPath {
    /// The top of the document.
    pub fn root() -> Self {
        Self::default()
    }

    /// This path, one entry further down.
    #[must_use]
    pub fn entry(&self, key: impl Into<String>) -> Self {
        let mut keys = self.0.clone();
        keys.push(Key::Entry(key.into()));
        Self(keys)
    }

    /// This path, one list element further down.
    #[must_use]
    pub fn index(&self, index: usize) -> Self {
        let mut keys = self.0.clone();
        keys.push(Key::Index(index));
        Self(keys)
    }

    /// This path, with `below` hung under it.
    #[must_use]
    pub fn join(&self, below: &KeyPath) -> Self {
        Self(self.0.iter().chain(&below.0).cloned().collect())
    }
}

impl fmt::Display for KeyPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, key) in self.0.iter().enumerate() {
            match key {
                Key::Entry(name) if i == 0 => f.write_str(name)?,
                Key::Entry(name) => write!(f, ".{name}")?,
                Key::Index(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}

/// Something wrong in what a person wrote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// Where in the document.
    pub path: KeyPath,
    /// How far into the text of that value, in characters, where that is known (a column of an expectation).
    pub offset: Option<usize>,
    /// Whether the key rather than its value is at fault.
    pub at_key: bool,
    /// What is wrong, as a lowercase fragment.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl Problem {
    /// A problem with the value at `path`.
    pub fn new(path: KeyPath, message: impl Into<String>) -> Self {
        Self { path, offset: None, at_key: false, message: message.into(), hint: None }
    }

    /// A problem with an entry of the mapping at the top, for settings that are read by themselves.
    pub fn at(entry: &str, message: impl Into<String>) -> Self {
        Self::new(KeyPath::root().entry(entry), message)
    }

    /// Adds what to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds a hint if there is one.
    #[must_use]
    pub fn hint_if(mut self, hint: Option<String>) -> Self {
        self.hint = hint.or(self.hint);
        self
    }

    /// Points into the text of the value, counted in characters.
    #[must_use]
    pub fn offset(mut self, offset: usize) -> Self {
        self.offset = Some(offset);
        self
    }

    /// Says that the key is at fault, not its value.
    #[must_use]
    pub fn at_key(mut self) -> Self {
        self.at_key = true;
        self
    }

    /// The same problem seen from further up the document.
    #[must_use]
    pub fn under(mut self, above: &KeyPath) -> Self {
        self.path = above.join(&self.path);
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.message)?;
        match &self.hint {
            Some(hint) => write!(f, " ({hint})"),
            None => Ok(()),
        }
    }
}

/// "did you mean `x`?" for the candidate nearest to `wrong`, if one is near enough to be a slip of the keyboard.
pub fn did_you_mean<'a>(wrong: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    known
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(wrong, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= 1.max(candidate.len().min(wrong.len()) / 3))
        .min()
        .map(|(_, candidate)| format!("did you mean `{candidate}`?"))
}

/// A place in a text: line and column, both counted from 1, in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The line.
    pub line: usize,
    /// The column.
    pub column: usize,
}

/// Something wrong with a text itself, before it is known what it means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flaw {
    /// Where.
    pub place: Place,
    /// What.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl Flaw {
    /// A flaw with what to do about it.
    pub fn new(place: Place, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { place, message: message.into(), hint: Some(hint.into()) }
    }
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_read_as_people_say_them() {
        let path = KeyPath::root().entry("checks").entry("apex").entry("expect").index(2);
        assert_eq!(path.to_string(), "checks.apex.expect[2]");
    }

    #[test]
    fn slips_are_recognised_and_other_words_are_not() {
        let rows = [
            ("transposed", "treshold", Some("did you mean `threshold`?")),
            ("one letter", "days_lft", Some("did you mean `days_left`?")),
            ("another word", "colour", None),
        ];
        for (row, wrong, hint) in rows {
            let got = did_you_mean(wrong, ["threshold", "days_left", "issuer"]);
            assert_eq!(got.as_deref(), hint, "{row}");
        }
    }
}
