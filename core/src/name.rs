//! Names: what people write in a launch file to say which launch, checklist, check, role or step they mean.
//!
//! A [`Name`] is checked once, where it enters, and is cheap to clone. It is not for titles or free text.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The longest name that is taken, in bytes.
pub const MAX_NAME_LEN: usize = 64;

/// An identifier: a letter or digit, then letters, digits, `-` and `_`, 64 bytes at most.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(Arc<str>);

/// Why a text is no [`Name`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// The text is empty.
    #[error("a name cannot be empty")]
    Empty,
    /// The text is longer than [`MAX_NAME_LEN`] bytes.
    #[error("the name has {0} bytes, the most is {MAX_NAME_LEN}")]
    TooLong(usize),
    /// A character that names do not have.
    #[error(
        "the name `{name}` holds `{found}`: names are letters, digits, `-` and `_`, and begin with a letter or digit"
    )]
    Character {
        /// The text as given.
        name: String,
        /// The first character that does not fit.
        found: char,
    },
}

impl Name {
    /// Reads a name.
    pub fn try_new(text: &str) -> Result<Self, NameError> {
        if text.is_empty() {
            return Err(NameError::Empty);
        }
        if text.len() > MAX_NAME_LEN {
            return Err(NameError::TooLong(text.len()));
        }
        let fits =
            |(i, c): (usize, char)| c.is_ascii_alphanumeric() || (i > 0 && (c == '-' || c == '_'));
        match text.char_indices().find(|&at| !fits(at)) {
            Some((_, found)) => Err(NameError::Character { name: text.to_owned(), found }),
            None => Ok(Self(Arc::from(text))),
        }
    }

    /// Makes a name of a literal that is known to be one.
    ///
    /// # Panics
    /// If the literal is no name; for names written in our own source only.
    pub fn of(literal: &'static str) -> Self {
        Self::try_new(literal).expect("a name literal in our own source is a valid name")
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Name {
    type Err = NameError;
    fn from_str(text: &str) -> Result<Self, NameError> {
        Self::try_new(text)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

impl std::borrow::Borrow<str> for Name {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl Serialize for Name {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(d)?;
        Self::try_new(&text).map_err(serde::de::Error::custom)
    }
}

/// The full name of a check: `checklist/check`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CheckPath {
    /// The checklist that holds the check.
    pub checklist: Name,
    /// The check within it.
    pub check: Name,
}

impl CheckPath {
    /// Puts a path together.
    pub fn new(checklist: Name, check: Name) -> Self {
        Self { checklist, check }
    }
}

impl fmt::Display for CheckPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.checklist, self.check)
    }
}

impl FromStr for CheckPath {
    type Err = NameError;
    fn from_str(text: &str) -> Result<Self, NameError> {
        let (checklist, check) = text
            .split_once('/')
            .ok_or_else(|| NameError::Character { name: text.to_owned(), found: ' ' })?;
        Ok(Self::new(checklist.parse()?, check.parse()?))
    }
}

impl Serialize for CheckPath {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for CheckPath {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(d)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_checked_where_they_enter() {
        let rows: [(&str, &str, bool); 8] = [
            ("plain", "apex", true),
            ("with dash and underscore", "p99-latency_ms", true),
            ("begins with a digit", "5xx", true),
            ("empty", "", false),
            ("begins with a dash", "-x", false),
            ("blank inside", "a b", false),
            ("slash", "a/b", false),
            ("beyond ASCII", "größe", false),
        ];
        for (row, text, ok) in rows {
            assert_eq!(Name::try_new(text).is_ok(), ok, "{row}");
        }
        assert_eq!(Name::try_new(&"x".repeat(65)), Err(NameError::TooLong(65)));
    }

    #[test]
    fn a_check_path_reads_back_as_it_was_written() {
        let path: CheckPath = "dns/apex".parse().unwrap();
        assert_eq!(path.to_string(), "dns/apex");
        assert!("apex".parse::<CheckPath>().is_err());
        assert!("a/b/c".parse::<CheckPath>().is_err());
    }
}
