//! A YAML document with the place of every key and value. JSON is read too, being YAML.
//!
//! Anchors and aliases are refused, so that a small file stays a small document; duplicate keys are problems, all of
//! them, since the one that loses is the one that somebody changed last.

use std::collections::HashSet;

pub use launchgate_core::problem::{Flaw, Place};
use launchgate_core::problem::{Key, KeyPath};
use saphyr::Scalar;
use saphyr_parser::{Event, Parser, ScalarStyle, Span, SpannedEventReceiver};
use serde_json::{Map, Number, Value};

/// How deep a document may be nested.
const MAX_DEPTH: usize = 64;

/// A parsed document.
#[derive(Debug)]
pub struct Document {
    root: Node,
}

#[derive(Debug)]
struct Node {
    place: Place,
    /// Columns between the place and the first character of a scalar's text: 1 for the opening quote.
    inset: usize,
    content: Content,
}

#[derive(Debug)]
enum Content {
    Scalar(Value),
    List(Vec<Node>),
    Map(Vec<(String, Place, Node)>),
}

impl Document {
    /// Reads the first document of a text.
    ///
    /// # Errors
    /// Every duplicate key, alias and odd value, or where the text stops being YAML.
    pub fn parse(text: &str) -> Result<Self, Vec<Flaw>> {
        let mut builder = Builder::default();
        let parsed = Parser::new_from_str(text).load(&mut builder, true);
        if let Err(error) = parsed {
            let marker = error.marker();
            builder.flaws.push(Flaw {
                place: Place { line: marker.line(), column: marker.col() + 1 },
                message: format!("this is no YAML: {}", error.info()),
                hint: None,
            });
        }
        match builder.root {
            Some(root) if builder.flaws.is_empty() => Ok(Self { root }),
            None if builder.flaws.is_empty() => Err(vec![Flaw {
                place: Place { line: 1, column: 1 },
                message: "the file is empty".to_owned(),
                hint: None,
            }]),
            _ => Err(builder.flaws),
        }
    }

    /// The document as JSON.
    pub fn value(&self) -> Value {
        self.root.value()
    }

    /// Where a path leads, or as near to it as there is something. `at_key` asks for the last key rather than its value.
    pub fn locate(&self, path: &KeyPath, at_key: bool, offset: Option<usize>) -> Place {
        let mut node = &self.root;
        let mut key_place = self.root.place;
        for key in &path.0 {
            let next = match (key, &node.content) {
                (Key::Entry(name), Content::Map(entries)) => entries
                    .iter()
                    .find(|(key, ..)| key == name)
                    .map(|(_, place, below)| (*place, below)),
                (Key::Index(index), Content::List(items)) => {
                    items.get(*index).map(|item| (item.place, item))
                }
                _ => None,
            };
            let Some((place, below)) = next else {
                // What is missing is shown at the key of the mapping that lacks it.
                return key_place;
            };
            (key_place, node) = (place, below);
        }
        if at_key {
            return key_place;
        }
        match offset {
            Some(offset) => Place { column: node.place.column + node.inset + offset, ..node.place },
            None => node.place,
        }
    }
}

/// Reads one YAML value, such as a setting on the command line.
///
/// # Errors
/// The first flaw.
pub fn value(text: &str) -> Result<Value, Flaw> {
    if text.trim().is_empty() {
        return Ok(Value::String(String::new()));
    }
    match Document::parse(text) {
        Ok(document) => Ok(document.value()),
        Err(mut flaws) => Err(flaws.swap_remove(0)),
    }
}

impl Node {
    fn value(&self) -> Value {
        match &self.content {
            Content::Scalar(value) => value.clone(),
            Content::List(items) => Value::Array(items.iter().map(Self::value).collect()),
            Content::Map(entries) => Value::Object(
                entries
                    .iter()
                    .map(|(key, _, node)| (key.clone(), node.value()))
                    .collect::<Map<_, _>>(),
            ),
        }
    }
}

#[derive(Default)]
struct Builder {
    stack: Vec<Open>,
    root: Option<Node>,
    flaws: Vec<Flaw>,
    documents: usize,
    /// How many levels lie below the deepest allowed one.
    too_deep: usize,
}

/// A collection whose end has not come yet.
struct Open {
    node: Node,
    /// The key that waits for its value.
    key: Option<(String, Place)>,
    seen: HashSet<String>,
}

impl<'input> SpannedEventReceiver<'input> for Builder {
    fn on_event(&mut self, event: Event<'input>, span: Span) {
        let place = Place { line: span.start.line(), column: span.start.col() + 1 };
        match event {
            Event::DocumentStart(_) => {
                self.documents += 1;
                if self.documents == 2 {
                    self.flaw(place, "a second document begins here", "write one launch per file");
                }
            }
            Event::Alias(_) => {
                self.flaw(place, "anchors and aliases are not read", "use `vars:` and `${name}`");
                self.add(Node { place, inset: 0, content: Content::Scalar(Value::Null) });
            }
            Event::Scalar(text, style, _, tag) => {
                let plain = style == ScalarStyle::Plain;
                let block = matches!(style, ScalarStyle::Literal | ScalarStyle::Folded);
                let scalar = Scalar::parse_from_cow_and_metadata(text, style, tag.as_ref());
                let content = Content::Scalar(self.scalar(scalar, place));
                self.add(Node { place, inset: usize::from(!plain && !block), content });
            }
            Event::SequenceStart(..) => self.open(place, Content::List(Vec::new())),
            Event::MappingStart(..) => self.open(place, Content::Map(Vec::new())),
            Event::SequenceEnd | Event::MappingEnd => self.close(),
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
        }
    }
}

impl Builder {
    fn flaw(&mut self, place: Place, message: impl Into<String>, hint: &str) {
        let hint = (!hint.is_empty()).then(|| hint.to_owned());
        self.flaws.push(Flaw { place, message: message.into(), hint });
    }

    fn scalar(&mut self, scalar: Option<Scalar<'_>>, place: Place) -> Value {
        match scalar {
            Some(Scalar::Null) => Value::Null,
            Some(Scalar::Boolean(flag)) => Value::Bool(flag),
            Some(Scalar::Integer(number)) => Value::Number(number.into()),
            Some(Scalar::FloatingPoint(number)) => {
                let number = Number::from_f64(number.into_inner());
                if number.is_none() {
                    self.flaw(place, "not a number", "write a finite number, or a quoted text");
                }
                number.map_or(Value::Null, Value::Number)
            }
            Some(Scalar::String(text)) => Value::String(text.into_owned()),
            None => {
                self.flaw(place, "this value does not fit its tag", "leave the tag out");
                Value::Null
            }
        }
    }

    fn open(&mut self, place: Place, content: Content) {
        if self.stack.len() >= MAX_DEPTH {
            if self.too_deep == 0 {
                self.flaw(place, format!("nested more than {MAX_DEPTH} levels deep"), "");
            }
            self.too_deep += 1;
            return;
        }
        let node = Node { place, inset: 0, content };
        self.stack.push(Open { node, key: None, seen: HashSet::new() });
    }

    fn close(&mut self) {
        if self.too_deep > 0 {
            self.too_deep -= 1;
            return;
        }
        if let Some(open) = self.stack.pop() {
            self.add(open.node);
        }
    }

    /// Puts a finished node where it belongs: as a key, a value or an element of what is open.
    fn add(&mut self, node: Node) {
        if self.too_deep > 0 {
            return;
        }
        let Some(open) = self.stack.last_mut() else {
            self.root.get_or_insert(node);
            return;
        };
        match &mut open.node.content {
            Content::List(items) => items.push(node),
            Content::Map(entries) => {
                if let Some((key, place)) = open.key.take() {
                    entries.push((key, place, node));
                } else {
                    let place = node.place;
                    let key = match node.content {
                        Content::Scalar(Value::String(text)) => text,
                        Content::Scalar(value) => value.to_string(),
                        Content::List(_) | Content::Map(_) => String::new(),
                    };
                    if !open.seen.insert(key.clone()) {
                        let message = format!("the key `{key}` stands here for the second time");
                        let hint = Some("one of them would silently win: keep one".to_owned());
                        self.flaws.push(Flaw { place, message, hint });
                    }
                    open.key = Some((key, place));
                }
            }
            Content::Scalar(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> KeyPath {
        text.split('.').fold(KeyPath::root(), |path, part| match part.parse() {
            Ok(index) => path.index(index),
            Err(_) => path.entry(part),
        })
    }

    #[test]
    fn every_key_and_value_has_its_place() {
        let text = "a:\n  b: [1, \"zwei\", drei]\n  ü: {c: true}\n";
        let document = Document::parse(text).unwrap();
        assert_eq!(document.value().to_string(), r#"{"a":{"b":[1,"zwei","drei"],"ü":{"c":true}}}"#);
        let rows = [
            ("a value", "a.b.0", false, None, (2, 7)),
            ("inside a quoted text", "a.b.1", false, Some(2), (2, 13)),
            ("inside a plain text", "a.b.2", false, Some(1), (2, 19)),
            ("a key", "a.ü", true, None, (3, 3)),
            ("columns count characters", "a.ü.c", false, None, (3, 10)),
            ("what is missing is shown at its mapping", "a.nope", false, None, (1, 1)),
        ];
        for (row, at, key, offset, (line, column)) in rows {
            assert_eq!(document.locate(&path(at), key, offset), Place { line, column }, "{row}");
        }
    }

    #[test]
    fn what_is_odd_is_told_with_its_place() {
        let deep = "[".repeat(100) + &"]".repeat(100);
        let rows = [
            (
                "a: 1\nb: 2\na: 3\nb: 4",
                "3:1 the key `a` stands here for the second time; 4:1 the key `b` stands here for the second time",
            ),
            ("a: &x 1\nb: *x", "2:4 anchors and aliases are not read"),
            ("a: [1,\nb: 2", "2:1 this is no YAML: invalid indentation in flow construct"),
            ("", "1:1 the file is empty"),
            ("a: .nan", "1:4 not a number"),
            ("--- 1\n--- 2", "2:1 a second document begins here"),
            (deep.as_str(), "1:65 nested more than 64 levels deep"),
        ];
        for (text, flaws) in rows {
            let found = Document::parse(text).unwrap_err();
            let told: Vec<String> =
                found.iter().map(|f| format!("{}:{} {f}", f.place.line, f.place.column)).collect();
            assert_eq!(told.join("; "), flaws, "{text}");
        }
    }
}
