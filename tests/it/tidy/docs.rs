//! What the docs say is so: their links lead somewhere, the files that they name are there, the commands exist with the
//! flags that they show, and their examples compile.

use std::collections::BTreeMap;
use std::path::Path;

use clap::CommandFactory as _;
use launchgate::cli::args::Cli;
use launchgate::settings::{daemon, launch};
use launchgate_probes::builtin;

use super::{files, root};

/// The docs by name.
fn docs() -> Vec<(String, String)> {
    let mut docs = files("docs", "md");
    docs.extend(files("deploy", "md"));
    for name in ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"] {
        docs.push((name.to_owned(), read(name)));
    }
    docs
}

fn read(name: &str) -> String {
    std::fs::read_to_string(root().join(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
}

/// The blocks of code in a language.
fn blocks<'t>(text: &'t str, language: &str) -> Vec<&'t str> {
    let opening = format!("```{language}\n");
    text.split(opening.as_str()).skip(1).filter_map(|rest| rest.split("```").next()).collect()
}

/// What stands between backticks within a line.
fn spans(text: &str) -> impl Iterator<Item = &str> {
    let prose = text.split("```").step_by(2);
    prose.flat_map(|part| part.lines().flat_map(|line| line.split('`').skip(1).step_by(2)))
}

#[test]
fn links_lead_somewhere() {
    let mut dead = Vec::new();
    for (name, text) in docs() {
        let folder = root().join(&name).parent().unwrap().to_owned();
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let target = link.split('#').next().unwrap_or_default();
            if !target.is_empty() && !target.contains("://") && !folder.join(target).exists() {
                dead.push(format!("{name}: {link}"));
            }
        }
    }
    assert!(dead.is_empty(), "{dead:#?}");
}

#[test]
fn files_that_are_named_are_there() {
    let ours = ["core/", "probes/", "src/", "config/", "deploy/", "docs/", "tests/"];
    let mut missing = Vec::new();
    for (name, text) in docs() {
        for span in spans(&text).filter(|span| ours.iter().any(|top| span.starts_with(top))) {
            let path = span.split([' ', ':']).next().unwrap_or_default();
            // A word in capitals stands for something.
            let general = path.split(['/', '.']).any(|part| part.chars().all(char::is_uppercase));
            for path in alternatives(path).iter().filter(|_| !general) {
                if !root().join(path).exists() {
                    missing.push(format!("{name}: {path}"));
                }
            }
        }
    }
    assert!(missing.is_empty(), "{missing:#?}");
}

/// `a/{b,c}.rs` as `a/b.rs` and `a/c.rs`.
fn alternatives(path: &str) -> Vec<String> {
    let Some((before, rest)) = path.split_once('{') else { return vec![path.to_owned()] };
    let (within, after) = rest.split_once('}').unwrap_or((rest, ""));
    within.split(',').map(|one| format!("{before}{one}{after}")).collect()
}

#[test]
fn commands_exist_with_the_flags_that_are_shown() {
    let mut wrong = Vec::new();
    let mut seen = BTreeMap::new();
    let unit = read("deploy/launchgate.service").replace("ExecStart=", "```\n");
    let unit = ("deploy/launchgate.service".to_owned(), unit);
    for (name, text) in docs().into_iter().chain([unit]) {
        let code = text.split("```").skip(1).step_by(2).flat_map(typed);
        let lines = code.filter_map(|line| line.strip_prefix("launchgate "));
        let inline = spans(&text).filter_map(|span| span.strip_prefix("launchgate "));
        for words in lines.chain(inline) {
            match understood(words) {
                Ok(command) => *seen.entry(command).or_insert(0) += 1,
                Err(why) => wrong.push(format!("{name}: launchgate {words}: {why}")),
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(seen.len() > 5, "the docs show commands: {seen:?}");
}

/// The lines of a block, after its language, that somebody types: in a `console` those after a `$`.
fn typed(block: &str) -> impl Iterator<Item = &str> {
    let console = block.starts_with("console\n");
    block.lines().filter_map(move |line| if console { line.strip_prefix("$ ") } else { Some(line) })
}

/// The subcommand that these words name.
fn understood(words: &str) -> Result<String, String> {
    let mut command = Cli::command();
    command.build();
    let mut at = &command;
    let mut words = words.split_whitespace();
    while let Some(word) = words.next() {
        if let Some(next) = at.find_subcommand(word) {
            at = next;
        } else if let Some(flag) = word.strip_prefix("--") {
            let flag = flag.trim_end_matches(|c: char| !c.is_alphanumeric());
            let flag = flag.split('=').next().unwrap_or_default();
            let Some(known) = at.get_arguments().find(|arg| arg.get_long() == Some(flag)) else {
                return Err(format!("`{}` has no --{flag}", at.get_name()));
            };
            if known.get_action().takes_values() && !word.contains('=') {
                words.next();
            }
        } else if at.has_subcommands() {
            return Err(format!("`{}` has no subcommand `{word}`", at.get_name()));
        }
    }
    Ok(at.get_name().to_owned())
}

#[test]
fn every_command_stands_in_the_readme() {
    let readme = read("README.md");
    let command = Cli::command();
    let told = |name: &str| readme.contains(&format!("`launchgate {name}"));
    let untold: Vec<&str> =
        command.get_subcommands().map(clap::Command::get_name).filter(|name| !told(name)).collect();
    assert!(untold.is_empty(), "{untold:?}");
}

#[test]
fn the_launch_file_in_the_readme_compiles() {
    let readme = read("README.md");
    let blocks = blocks(&readme, "yaml");
    assert!(!blocks.is_empty());
    for block in blocks {
        if let Err(problems) = launch::compile_text("README.md", block, root(), &builtin()) {
            panic!("{problems}");
        }
    }
}

#[test]
fn the_settings_in_deploy_are_taken() {
    let settings = daemon::load(Some(&root().join("deploy/launchgate.yaml")), []);
    let settings = settings.unwrap_or_else(|problems| panic!("{problems}"));
    assert!(settings.web.listen.ip().is_loopback() && !settings.web.dev);
}

#[test]
fn the_states_of_the_runbook_add_up() {
    let text = read("docs/runbook-coverage.md");
    let states = text.lines().filter_map(|line| line.split('|').nth(3)).map(str::trim);
    let mut count: BTreeMap<&str, usize> = BTreeMap::new();
    for state in states.filter(|state| !state.starts_with("---") && *state != "state") {
        *count.entry(state).or_default() += 1;
    }
    let of = |state: &str| count.get(state).copied().unwrap_or_default();
    let states = ["works", "partly", "planned"];
    assert_eq!(states.map(of).iter().sum::<usize>(), count.values().sum::<usize>(), "{count:?}");
    let sum = format!(
        "{} rows work, {} partly, {} are planned.",
        of("works"),
        of("partly"),
        of("planned")
    );
    assert!(text.contains(&sum), "it should say: {sum}");
}

#[test]
fn the_probe_of_the_how_to_is_the_one_that_is_tested() {
    let page = read("docs/how-to-add-a-probe.md");
    let source = read("tests/it/tidy/port.rs");
    let shown = source.split("up to the tests.\n").nth(1).unwrap();
    let shown = shown.split("\nmod tests {").next().unwrap();
    // In the probes' own crate it is public, and names its neighbours.
    let shown = shown.replace("pub(crate) ", "pub ").replace("launchgate_probes::", "crate::");
    let written: String = blocks(&page, "rust").concat();
    let lines = |text: &str| -> Vec<String> {
        text.lines().filter(|line| !line.trim().is_empty()).map(str::to_owned).collect()
    };
    assert_eq!(lines(&written), lines(&shown), "the page and tests/it/tidy/port.rs differ");
}

#[test]
fn every_decision_is_numbered_once() {
    let names: Vec<String> = files("docs/adr", "md").into_iter().map(|(name, _)| name).collect();
    for (i, name) in names.iter().enumerate() {
        let file = Path::new(name).file_name().unwrap().to_string_lossy().into_owned();
        assert!(file.starts_with(&format!("{:04}-", i + 1)), "{name}");
        assert!(read(name).starts_with(&format!("# {}. ", i + 1)), "{name}");
    }
}
