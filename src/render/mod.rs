//! The report in the forms that people and machines read. A renderer prints what the report says; it counts no failures
//! and judges nothing.

#[cfg(test)]
mod announced;
pub mod html;
mod json;
mod junit;
mod markdown;
#[cfg(test)]
pub(crate) mod sample;
#[cfg(test)]
mod tests;
mod text;
pub(crate) mod timeline;
pub mod words;

use std::str::FromStr;

use clap::ValueEnum;
use launchgate_core::report::Report;

/// A form of the report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For a terminal.
    Text,
    /// For programs.
    Json,
    /// For chats and tickets.
    Markdown,
    /// The board as a page of its own, without a script.
    Html,
    /// For CI systems: a checklist is a suite, a check a case.
    Junit,
}

impl Format {
    /// The name on the command line and in queries.
    pub fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Json => "json",
            Self::Markdown => "markdown",
            Self::Html => "html",
            Self::Junit => "junit",
        }
    }

    /// The media type.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Text => "text/plain; charset=utf-8",
            Self::Json => "application/json",
            Self::Markdown => "text/markdown; charset=utf-8",
            Self::Html => "text/html; charset=utf-8",
            Self::Junit => "application/xml",
        }
    }
}

/// A text that names no form.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no format: there are text, json, markdown, html and junit")]
pub struct FormatError(pub String);

impl FromStr for Format {
    type Err = FormatError;
    fn from_str(text: &str) -> Result<Self, FormatError> {
        let named = Self::value_variants().iter().find(|format| format.name() == text);
        named.copied().ok_or_else(|| FormatError(words::tame(text)))
    }
}

/// How to render.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// Whether a terminal's colours may be used.
    pub colour: bool,
}

/// The report in a form.
pub fn render(report: &Report, format: Format, options: Options) -> String {
    match format {
        Format::Text => text::render(report, options),
        Format::Json => json::render(report),
        Format::Markdown => markdown::render(report),
        Format::Html => html::document(report).into_string(),
        Format::Junit => junit::render(report),
    }
}
