//! The command line.

pub mod args;
mod audit;
mod baseline;
mod client;
mod exit;
pub mod init;
mod manual;
mod offline;
pub mod online;
pub mod people;
mod probe;
mod refresh;
mod rehearse;
mod replay;
mod runs;
mod serve;
mod snapshot;
mod terminal;
mod tls;
mod watch;

use std::process::ExitCode;

use clap::{CommandFactory as _, Parser as _};

use self::args::{AuditCommand, BaselineCommand, Cli, Command, SnapshotCommand};
use self::exit::{Exit, Failed};
use self::terminal::Terminal;
use crate::demo::{self, Pace};

/// Runs the command line that the process was given.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let exit = if error.use_stderr() { Exit::Usage } else { Exit::Success };
            // The only failure is that nobody reads it.
            drop(error.print());
            return exit.into();
        }
    };
    // Processes that outlive a daemon have a beginning of their own.
    match &cli.command {
        Command::Shim { folder } => return crate::actions::shim(folder),
        Command::Courier { file } => return crate::postman::courier(file),
        _ => {}
    }
    let terminal = Terminal::new(cli.color);
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            terminal.complain(&format!("error: no runtime can be had: {error}\n"));
            return Exit::Internal.into();
        }
    };
    let result = runtime.block_on(run(cli.command, terminal));
    // What a look left behind in a blocking call is not waited for.
    runtime.shutdown_background();
    match result {
        Ok(exit) => exit.into(),
        Err(failed) => {
            terminal.complain(&problem(&failed));
            failed.exit.into()
        }
    }
}

/// A failure as it is printed; problems with their place stand as they are.
fn problem(failed: &Failed) -> String {
    if failed.message.contains(": error: ") {
        format!("{}\n", failed.message)
    } else {
        format!("error: {}\n", failed.message)
    }
}

async fn run(command: Command, terminal: Terminal) -> Result<Exit, Failed> {
    match command {
        Command::Init(args) => init::init(*args, terminal),
        Command::Serve(args) => serve::serve(args, terminal).await,
        Command::Check(args) => offline::check(args, terminal).await,
        Command::Validate { files } => offline::validate(&files, terminal),
        Command::Probe(args) => probe::probe(args, terminal).await,
        Command::Audit { command: AuditCommand::Export { after, daemon } } => {
            audit::export(after, &daemon).await
        }
        Command::Audit { command: AuditCommand::Verify(args) } => audit::verify(&args, terminal),
        Command::Replay(args) => replay::run(*args, terminal).await,
        Command::Snapshot { command: SnapshotCommand::Dns(args) } => {
            snapshot::dns(args, terminal).await
        }
        Command::Schema { format } => Ok(offline::print_schema(format, terminal)),
        Command::Baseline { command: BaselineCommand::Capture(args) } => {
            baseline::capture(*args, terminal).await
        }
        Command::Report(args) => online::report(args, terminal).await,
        Command::Watch(args) => watch::watch(args, terminal).await,
        Command::Sign(args) => people::sign(args, terminal).await,
        Command::Waive(args) => people::waive(args, terminal).await,
        Command::Decide(args) => people::decide(args, terminal).await,
        Command::Milestone { milestone, daemon } => {
            online::milestone(milestone, &daemon, terminal).await
        }
        Command::Trigger { command } => online::trigger(command, terminal).await,
        Command::Run { rehearse: Some(procedure), daemon, .. } => {
            rehearse::rehearse(&procedure, &daemon, terminal).await
        }
        Command::Run { command: Some(command), .. } => runs::run(command, terminal).await,
        Command::Run { rehearse: None, command: None, .. } => Err(Failed::usage(
            "say what to do: `launchgate run status`, or `--rehearse`".to_owned(),
        )),
        Command::Demo { fast, listen } => {
            let pace = if fast { Pace::FAST } else { Pace::CALM };
            let say = |text: &str| terminal.print(&format!("{text}\n\n"));
            demo::run(listen, pace, say).await.map_err(|e| Failed::internal(e.to_string()))?;
            Ok(Exit::Success)
        }
        // They were taken care of before there was a runtime.
        Command::Shim { .. } | Command::Courier { .. } => Ok(Exit::Internal),
        Command::Completions { shell } => {
            let mut text = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "launchgate", &mut text);
            terminal.print(&String::from_utf8_lossy(&text));
            Ok(Exit::Success)
        }
        Command::Man => {
            terminal.print(&manual::page());
            Ok(Exit::Success)
        }
    }
}
