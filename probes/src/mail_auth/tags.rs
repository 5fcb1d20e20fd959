//! Lists of `tag=value` between semicolons, as DKIM keys, DMARC policies and others are written (RFC 6376, section 3.2).

/// The tags of a text, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tags {
    list: Vec<(String, String)>,
    /// What is no tag, if there is such a thing.
    pub(super) slip: Option<String>,
}

impl Tags {
    /// Reads a text; what is no tag is passed over, and kept as the slip.
    pub(super) fn read(text: &[u8]) -> Self {
        let text = String::from_utf8_lossy(text);
        let (mut list, mut slip): (Vec<(String, String)>, _) = (Vec::new(), None);
        for part in text.split(';').map(str::trim).filter(|part| !part.is_empty()) {
            match part.split_once('=') {
                Some((name, value)) if is_name(name.trim_end()) => {
                    let name = name.trim_end();
                    if list.iter().any(|(known, _)| known == name) {
                        slip.get_or_insert_with(|| format!("`{name}` stands twice"));
                    } else {
                        list.push((name.to_owned(), value.trim_start().to_owned()));
                    }
                }
                _ => {
                    let shown: String = part.chars().take(40).collect();
                    slip.get_or_insert_with(|| format!("`{shown}` is no tag"));
                }
            }
        }
        Self { list, slip }
    }

    /// The value of a tag.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.list.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The first tag.
    pub(super) fn first(&self) -> Option<(&str, &str)> {
        self.list.first().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

fn is_name(text: &str) -> bool {
    let mut bytes = text.bytes();
    bytes.next().is_some_and(|b| b.is_ascii_alphabetic())
        && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_read_with_their_slips() {
        let rows = [
            ("plain", "v=DKIM1; p=abc", Some("abc"), false),
            ("blanks", " v = DKIM1 ;\tp =\t abc ; ", Some("abc"), false),
            ("an equals sign in a value", "p=abc==", Some("abc=="), false),
            ("an empty value", "p=", Some(""), false),
            ("no tag", "v=DKIM1; nonsense; p=abc", Some("abc"), true),
            ("twice", "p=abc; p=def", Some("abc"), true),
            ("no name", "=x; p=abc", Some("abc"), true),
            ("capitals are another tag", "P=abc", None, false),
            ("nothing", "", None, false),
        ];
        for (row, text, p, slipped) in rows {
            let tags = Tags::read(text.as_bytes());
            assert_eq!((tags.get("p"), tags.slip.is_some()), (p, slipped), "{row}");
        }
    }
}
