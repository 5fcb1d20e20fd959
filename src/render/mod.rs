//! The report in the forms that people and machines read. A renderer prints what the report says; it counts no failures
//! and judges nothing.

mod junit;
mod markdown;
#[cfg(test)]
mod tests;
mod text;
pub mod words;

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
    /// The page, without its live part.
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
        Format::Json => json(report),
        Format::Markdown => markdown::render(report),
        Format::Html => crate::web::page::document(report, None).into_string(),
        Format::Junit => junit::render(report),
    }
}

fn json(report: &Report) -> String {
    let mut text = serde_json::to_string_pretty(report).expect("a report has no map with odd keys");
    text.push('\n');
    text
}
