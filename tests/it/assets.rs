//! What is made from the binary and shipped beside it: the manual page, the completions, the reference of launch files.

use std::path::Path;
use std::process::Command;

use clap::CommandFactory as _;
use launchgate::cli::args::Cli;
use launchgate::settings::launch::reference;
use launchgate_probes::builtin;

use crate::rig::process::{TempDir, need, program};

fn printed(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_launchgate")).args(arguments).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", output.status);
    String::from_utf8(output.stdout).unwrap()
}

/// Everything that is shown of a command and those below it, under the name in full.
fn each(command: &clap::Command, name: &str, see: &mut impl FnMut(&str, &clap::Command)) {
    for below in command.get_subcommands().filter(|c| !c.is_hide_set() && c.get_name() != "help") {
        let name = format!("{name} {}", below.get_name());
        see(&name, below);
        each(below, &name, see);
    }
}

/// What stands in the page under a heading, up to the next one of its kind or a larger one.
fn under<'p>(page: &'p str, heading: &str) -> Option<&'p str> {
    let from = page.split(&format!("\n{heading}\n")).nth(1)?;
    from.split("\n.SS ").next()?.split("\n.SH ").next()
}

#[test]
fn the_manual_page_holds_every_command_with_its_options() {
    let page = printed(&["man"]);
    let shared = under(&page, ".SH \"DAEMON OPTIONS\"").unwrap();
    let (mut commands, mut missing) = (0, Vec::new());
    let mut cli = Cli::command();
    cli.build();
    each(&cli, "launchgate", &mut |name, command| {
        let own: Vec<&clap::Arg> = command
            .get_arguments()
            .filter(|a| !a.is_global_set() && !["help", "version"].contains(&a.get_id().as_str()))
            .collect();
        let Some(section) = under(&page, &format!(".SS \"{name}\"")) else {
            if !command.has_subcommands() {
                missing.push(name.to_owned());
            }
            return;
        };
        commands += 1;
        for argument in own {
            let written = match argument.get_long() {
                Some(long) => format!("\\fB\\-\\-{}\\fR", long.replace('-', "\\-")),
                None => {
                    format!(
                        "\\fI{}\\fR",
                        argument.get_value_names().unwrap()[0].replace('-', "\\-")
                    )
                }
            };
            let told = section.contains(&written)
                || section.contains("DAEMON OPTIONS") && shared.contains(&written);
            if !told {
                missing.push(format!("{name}: {written}"));
            }
        }
    });
    assert!(missing.is_empty(), "{missing:#?}");
    assert!(commands > 20, "{commands} commands");
    assert!(!page.contains("shim"), "what is hidden from the help is hidden here");
}

#[test]
fn the_manual_page_is_sound() {
    if !need("mandoc") {
        return;
    }
    let folder = TempDir::new("man");
    let page = folder.write("launchgate.1", &printed(&["man"]));
    let output =
        program("mandoc").args(["-T", "lint", "-W", "warning"]).arg(page).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    // It has no date: that would differ from build to build.
    let faults: Vec<&str> = said.lines().filter(|line| !line.contains("missing date")).collect();
    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn the_completions_know_every_command() {
    let mut names = Vec::new();
    each(&Cli::command(), "", &mut |_, command| names.push(command.get_name().to_owned()));
    for shell in ["bash", "zsh", "fish"] {
        let text = printed(&["completions", shell]);
        let unknown: Vec<&String> = names.iter().filter(|name| !text.contains(*name)).collect();
        assert!(unknown.is_empty(), "{shell}: {unknown:?}");
    }
    let folder = TempDir::new("completions");
    let script = folder.write("launchgate", &printed(&["completions", "bash"]));
    let sound = program("bash").arg("-n").arg(script).status().unwrap();
    assert!(sound.success(), "bash cannot read its completions");
}

#[test]
fn the_page_of_launch_files_is_the_one_that_is_printed() {
    let printed = printed(&["schema", "--format", "markdown"]);
    assert_eq!(printed, reference(&builtin()));
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/launch-file.md");
    if std::env::var_os("UPDATE_FIXTURES").is_some() {
        std::fs::write(&path, &printed).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(kept == printed, "docs/launch-file.md is old: UPDATE_FIXTURES=1 writes it anew");
}
