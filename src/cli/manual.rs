//! The manual page: one page that holds every command with its options, made from the texts of the command line.
//!
//! It adds what the command line has no place for: exit status, environment, files. What hides from the help hides here.

use clap::{Arg, Args as _, Command, CommandFactory as _};
use roff::{Inline, Roff, bold, italic, roman};

use super::args::{Cli, Daemon};

const DESCRIPTION: &str = "launchgate looks at the real systems of a production launch, judges every line of the go-live \
    checklists, gives each checklist a verdict (GO, HOLD, NO-GO), and rolls back when a limit has been broken for as long as \
    the launch file says. `launchgate serve` is the daemon; the other commands ask it, or need none.";
/// The options that many commands share; they are told once.
const SHARED: &str = "DAEMON OPTIONS";
/// Variables that are no option's, and what they do.
const VARIABLES: [(&str, &str); 3] = [
    ("LAUNCHGATE_TOKEN", "The token for the daemon."),
    (
        "LAUNCHGATE__SECTION__KEY",
        "A setting of the daemon: `LAUNCHGATE__LOG__FILTER=debug` is `filter` under `log:`.",
    ),
    ("NO_COLOR", "Anything but empty: no colour, unless `--color always` says so."),
];
const EXITS: [(&str, &str); 6] = [
    ("0", "GO, or it was done."),
    ("1", "NO-GO. `audit verify`: the log does not hold."),
    ("2", "HOLD."),
    ("3", "The command, a launch file or a setting is wrong, or an order was refused."),
    ("4", "The daemon cannot be reached."),
    ("5", "launchgate itself failed."),
];
const FILES: [(&str, &str); 6] = [
    ("/etc/launchgate/launchgate.yaml", "The settings of the daemon that runs as a service."),
    ("/etc/launchgate/launches", "Its launch files, with their scripts."),
    ("/var/lib/launchgate/launchgate.db", "Its store, one SQLite file; back it up."),
    (
        "/var/lib/launchgate/launchgate.db.key",
        "The key that signs the audit log. Back it up with the store.",
    ),
    (
        "/var/lib/launchgate/launchgate.db.runs",
        "What scripts of a run leave behind, for a daemon that comes back.",
    ),
    (
        "/var/lib/launchgate/launchgate.db.post",
        "What came of the latest messages, so that none is sent twice.",
    ),
];

/// The page, in roff.
pub(super) fn page() -> String {
    let mut cli = Cli::command();
    cli.build();
    // The library drops an argument that is empty, and the date is: it is the version's, which stands beside it.
    let title =
        concat!(r#".TH LAUNCHGATE 1 "" "launchgate "#, env!("CARGO_PKG_VERSION"), r#"" """#);
    format!("{title}\n{}", body(&cli).render())
}

fn body(cli: &Command) -> Roff {
    let mut page = Roff::new();
    page.control("SH", ["NAME"]);
    page.text([roman(format!(
        "launchgate - {}",
        env!("CARGO_PKG_DESCRIPTION").trim_end_matches('.')
    ))]);
    page.control("SH", ["SYNOPSIS"]);
    page.text([bold("launchgate"), roman(" "), italic("COMMAND"), roman(" [options]")]);
    page.control("SH", ["DESCRIPTION"]);
    paragraph(&mut page, DESCRIPTION);
    page.control("SH", ["OPTIONS"]);
    for option in cli.get_arguments() {
        argument(&mut page, option);
    }
    page.control("SH", ["COMMANDS"]);
    for command in visible(cli) {
        tell(&mut page, command, &format!("launchgate {}", command.get_name()));
    }
    page.control("SH", [SHARED]);
    page.text([roman("What every command takes that asks the daemon.")]);
    for option in daemon_options().get_arguments() {
        argument(&mut page, option);
    }
    section(&mut page, "EXIT STATUS", EXITS);
    page.control("SH", ["ENVIRONMENT"]);
    let shared = daemon_options();
    let own = visible(cli).flat_map(Command::get_arguments).filter(|option| !is_shared(option));
    for option in shared.get_arguments().chain(own) {
        if let (Some(name), Some(long)) = (option.get_env(), option.get_long()) {
            entry(&mut page, [bold(name.to_string_lossy())], &format!("In place of `--{long}`."));
        }
    }
    for (name, meaning) in VARIABLES {
        entry(&mut page, [bold(name)], meaning);
    }
    section(&mut page, "FILES", FILES);
    page.control("SH", ["SEE ALSO"]);
    page.text([roman(concat!("The guide: ", env!("CARGO_PKG_REPOSITORY"), "/tree/main/docs"))]);
    page
}

/// The options of [`Daemon`], as a command of their own.
fn daemon_options() -> Command {
    Daemon::augment_args(Command::new("daemon"))
}

fn is_shared(option: &Arg) -> bool {
    daemon_options().get_arguments().any(|shared| shared.get_id() == option.get_id())
}

fn visible(command: &Command) -> impl Iterator<Item = &Command> {
    command.get_subcommands().filter(|c| !c.is_hide_set() && c.get_name() != "help")
}

/// Tells a command, and then the ones below it.
fn tell(page: &mut Roff, command: &Command, name: &str) {
    let own: Vec<&Arg> = command
        .get_arguments()
        .filter(|a| !a.is_global_set() && !matches!(a.get_id().as_str(), "help" | "version"))
        .collect();
    if !own.is_empty() || !command.has_subcommands() {
        page.control("SS", [name]);
        let usage = command.clone().render_usage().to_string();
        page.text([bold(usage.trim_start_matches("Usage: ").lines().next().unwrap_or_default())]);
        page.control("PP", []);
        paragraph(page, &sentence(command.get_about()));
        let (shared, own): (Vec<&Arg>, Vec<&Arg>) = own.into_iter().partition(|a| is_shared(a));
        for one in own {
            argument(page, one);
        }
        if !shared.is_empty() {
            page.control("PP", []);
            page.text([roman("It asks the daemon: see "), bold(SHARED), roman(".")]);
        }
        if let Some(after) = command.get_after_help() {
            page.control("PP", []);
            paragraph(page, &after.to_string());
        }
    }
    for below in visible(command) {
        tell(page, below, &format!("{name} {}", below.get_name()));
    }
}

/// One argument: how it is written, what it does, what it takes.
fn argument(page: &mut Roff, argument: &Arg) {
    let mut written = Vec::new();
    if let Some(short) = argument.get_short() {
        written.extend([bold(format!("-{short}")), roman(", ")]);
    }
    if let Some(long) = argument.get_long() {
        written.push(bold(format!("--{long}")));
    }
    if argument.get_action().takes_values() {
        if !written.is_empty() {
            written.push(roman(" "));
        }
        let names = argument.get_value_names().unwrap_or_default();
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        written.push(italic(names.join(" ")));
    }
    let mut meaning = sentence(argument.get_help());
    let values: Vec<String> =
        argument.get_possible_values().iter().map(|v| format!("`{}`", v.get_name())).collect();
    if argument.get_action().takes_values() && !values.is_empty() {
        meaning += &format!(" One of {}.", values.join(", "));
    }
    let defaults: Vec<String> = argument
        .get_default_values()
        .iter()
        .map(|v| format!("`{}`", v.to_string_lossy()))
        .collect();
    if argument.get_action().takes_values() && !defaults.is_empty() {
        meaning += &format!(" {} if not given.", defaults.join(", "));
    }
    entry(page, written, &meaning);
}

/// A text with the full stop that the help leaves out.
fn sentence(text: Option<&impl ToString>) -> String {
    let mut text = text.map(ToString::to_string).unwrap_or_default();
    if !text.is_empty() && !text.ends_with(['.', '?']) {
        text.push('.');
    }
    text
}

fn section<const N: usize>(page: &mut Roff, title: &str, entries: [(&str, &str); N]) {
    page.control("SH", [title]);
    for (name, meaning) in entries {
        entry(page, [bold(name)], meaning);
    }
}

fn entry(page: &mut Roff, name: impl Into<Vec<Inline>>, meaning: &str) {
    page.control("TP", []);
    page.text(name);
    paragraph(page, meaning);
}

/// A text in which code stands between backticks.
fn paragraph(page: &mut Roff, text: &str) {
    let parts: Vec<Inline> = text
        .split('`')
        .enumerate()
        .filter(|(_, part)| !part.is_empty())
        .map(|(i, part)| if i % 2 == 0 { roman(part) } else { bold(part) })
        .collect();
    if !parts.is_empty() {
        page.text(parts);
    }
}
