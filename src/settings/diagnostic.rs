//! Problems with their place in a file, as people read them.

use std::collections::BTreeSet;
use std::fmt;

use launchgate_core::problem::Problem;

use super::document::{Document, Flaw, Place};
use super::secrets;

/// How many columns of a line are shown.
const MAX_LINE: usize = 160;

/// One problem at its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// Where.
    pub place: Place,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// Whether the line holds a secret and is not shown.
    pub secret: bool,
}

/// Everything that is wrong with a file, in the order of the file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Diagnostics {
    file: String,
    lines: Vec<String>,
    list: Vec<Diagnostic>,
}

impl Diagnostics {
    /// The problems of a document that could be parsed.
    pub fn of_problems(
        file: &str,
        text: &str,
        document: &Document,
        problems: impl IntoIterator<Item = (Problem, bool)>,
    ) -> Self {
        let list = problems.into_iter().map(|(problem, secret)| Diagnostic {
            place: document.locate(&problem.path, problem.at_key, problem.offset),
            message: problem.message,
            hint: problem.hint,
            secret,
        });
        Self::new(file, text, list.collect())
    }

    /// The flaws of a text that is no document.
    pub fn of_flaws(file: &str, text: &str, flaws: Vec<Flaw>) -> Self {
        let list = flaws.into_iter().map(|flaw| Diagnostic {
            place: flaw.place,
            message: flaw.message,
            hint: flaw.hint,
            secret: false,
        });
        Self::new(file, text, list.collect())
    }

    /// One problem with a file that could not be read as text.
    pub(super) fn of_file(file: &str, line: usize, message: impl Into<String>) -> Self {
        let place = Place { line, column: 1 };
        let whole = Diagnostic { place, message: message.into(), hint: None, secret: false };
        Self::new(file, "", vec![whole])
    }

    fn new(file: &str, text: &str, mut list: Vec<Diagnostic>) -> Self {
        list.sort_by_key(|d| d.place);
        list.dedup();
        let lines = text.lines().map(str::to_owned).collect();
        Self { file: file.to_owned(), lines, list }
    }

    /// The problems, in the order of the file.
    pub fn list(&self) -> &[Diagnostic] {
        &self.list
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let secret: BTreeSet<usize> =
            self.list.iter().filter(|d| d.secret).map(|d| d.place.line).collect();
        for diagnostic in &self.list {
            let Place { line, column } = diagnostic.place;
            writeln!(f, "{}:{line}:{column}: error: {}", self.file, diagnostic.message)?;
            let gutter = line.to_string().len();
            let text = self.lines.get(line - 1);
            if secret.contains(&line) || text.is_some_and(|text| secrets::in_line(text)) {
                writeln!(f, "{:gutter$} |\n{line} | (not shown: it holds a secret)", "")?;
            } else if let Some(text) = text {
                let shown: String = text.chars().take(MAX_LINE).map(tame).collect();
                writeln!(f, "{:gutter$} |\n{line} | {shown}", "")?;
                if column <= MAX_LINE {
                    writeln!(f, "{:gutter$} | {:>column$}", "", '^')?;
                }
            }
            if let Some(hint) = &diagnostic.hint {
                writeln!(f, "{:gutter$} = hint: {hint}", "")?;
            }
        }
        let problems = if self.list.len() == 1 { "problem" } else { "problems" };
        write!(f, "{}: {} {problems}", self.file, self.list.len())
    }
}

/// A character that cannot upset a terminal.
fn tame(c: char) -> char {
    if c.is_control() { ' ' } else { c }
}
