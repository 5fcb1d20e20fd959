//! The `launchgate` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    launchgate::cli::main()
}
