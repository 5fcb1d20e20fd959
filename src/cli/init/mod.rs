//! `init`: a launch file to start from, made of the examples. It asks on a terminal, and takes options everywhere. What
//! `validate` would refuse is never written.

mod answers;
mod template;

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use launchgate_probes::builtin;

use self::answers::Clerk;
use super::exit::{Exit, Failed};
use super::terminal::Terminal;
use crate::clock::{Clock as _, SystemClock};
use crate::settings::launch::compile_text;

/// `init`.
#[derive(Debug, Args)]
#[command(
    after_help = "On a terminal it asks for what is not given. Exit codes: 0 written, 3 nothing was written: \
                        something is missing or wrong, or the file is there already."
)]
pub struct Init {
    /// The launch's title, for people.
    #[arg(long, value_name = "TEXT")]
    pub title: Option<String>,
    /// The launch's name: lower case, digits and dashes; made of the title if not given.
    #[arg(long)]
    pub name: Option<String>,
    /// The domain that is launched, such as `shop.example`.
    #[arg(long)]
    pub domain: Option<String>,
    /// When it goes live: `2026-12-01T09:00`, by the clocks of --zone, or `2026-12-01T09:00[Europe/London]`.
    #[arg(long, value_name = "TIME")]
    pub go_live: Option<String>,
    /// The time zone, such as `Europe/London`.
    #[arg(long)]
    pub zone: Option<String>,
    /// Who is incident commander; several stand in for each other, in this order.
    #[arg(long = "commander", value_name = "PERSON", value_delimiter = ',')]
    pub commanders: Vec<String>,
    /// The version that is launched.
    #[arg(long, value_name = "VERSION")]
    pub version_number: Option<String>,
    /// The version to go back to.
    #[arg(long, value_name = "VERSION")]
    pub previous_version: Option<String>,
    /// A Prometheus, for error rates: its address without `/api/v1`.
    #[arg(long, value_name = "URL")]
    pub prometheus: Option<String>,
    /// A PostgreSQL: its address without a password, or `env:NAME` for a variable that holds it.
    #[arg(long, value_name = "URL")]
    pub postgres: Option<String>,
    /// The file to write.
    #[arg(long, short, value_name = "FILE", default_value = "launch.yaml")]
    pub output: PathBuf,
    /// Write over a file that is there already.
    #[arg(long)]
    pub force: bool,
    /// How much to begin with.
    #[arg(long, value_enum, default_value_t = Template::Quickstart)]
    pub template: Template,
}

/// What the file is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Template {
    /// A screenful: a check, a sign-off, a trigger.
    Quickstart,
    /// A whole go-live, from T-7 to T+7, with the launch day and the way back.
    GoLive,
}

pub(super) fn init(args: Init, terminal: Terminal) -> Result<Exit, Failed> {
    if !args.force && args.output.exists() {
        return Err(there_already(&args.output));
    }
    let asks = std::io::stdin().is_terminal() && std::io::stderr().is_terminal();
    let (output, force, template) = (args.output.clone(), args.force, args.template);
    let now = SystemClock::new().now().wall;
    let answers = Clerk::new(asks, terminal, std::io::stdin().lock()).answers(args, now)?;
    let text = template::filled(template, &output, &answers)?;
    let file = output.display().to_string();
    let compiled = compile_text(&file, &text, ".".into(), &builtin())
        .map_err(|problems| Failed::usage(format!("nothing was written:\n{problems}")))?;
    write(&output, &text, force)?;
    let plan = &compiled.plan;
    terminal.print(&format!(
        "{file}: {} checklists, {} checks, {} triggers, {} procedures\n\
         now look once at everything: launchgate check {file}\n",
        plan.checklists.len(),
        plan.checks().count(),
        plan.triggers.len(),
        plan.procedures.len(),
    ));
    Ok(Exit::Success)
}

fn there_already(path: &Path) -> Failed {
    let path = path.display();
    Failed::usage(format!(
        "{path} is there already: --force writes over it, --output names another"
    ))
}

/// Writes the whole file, or nothing.
fn write(path: &Path, text: &str, force: bool) -> Result<(), Failed> {
    let told = |e: std::io::Error| match e.kind() {
        ErrorKind::AlreadyExists => there_already(path),
        _ => Failed::usage(format!("{}: {e}", path.display())),
    };
    if !force {
        let mut file = OpenOptions::new().write(true).create_new(true).open(path).map_err(told)?;
        return file.write_all(text.as_bytes()).map_err(told);
    }
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    fs::write(&beside, text).and_then(|()| fs::rename(&beside, path)).map_err(told)
}
