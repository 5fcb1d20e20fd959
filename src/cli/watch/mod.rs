//! `watch`: launches as they go. On a terminal a board that stays up to date, elsewhere a line for each change.

mod board;
mod follow;
mod known;
mod line;
mod screen;

use std::collections::HashMap;
use std::io::IsTerminal as _;
use std::time::Duration;

use clap::Args;
use jiff::Timestamp;
use launchgate_core::gate::Verdict;
use launchgate_core::name::Name;
use tokio::sync::mpsc::{self, Receiver};

use super::args::Daemon;
use super::client::Client;
use super::exit::{Exit, Failed};
use super::online::{self, Report};
use super::terminal::Terminal;
use crate::render::Format;
use board::Board;
use follow::{Heard, News};
use screen::{Key, Next, Screen};

/// How many launches are followed at once; each takes one of the daemon's live streams.
const MOST: usize = 64;
/// How often the board's clocks are set.
const TICK: Duration = Duration::from_secs(1);

/// `watch`.
#[derive(Debug, Args)]
pub struct Watch {
    /// Print the report once, and take the exit code from its verdict; from the worst, if there are several launches.
    #[arg(long)]
    pub once: bool,
    /// The daemon.
    #[command(flatten)]
    pub daemon: Daemon,
}

pub(super) async fn watch(args: Watch, terminal: Terminal) -> Result<Exit, Failed> {
    let client = Client::new(&args.daemon)?;
    // A daemon that is not there at first is a mistake in the command, more likely than a loss.
    let launches = client.launches().await?;
    if args.once {
        return once(&client, &launches, args.daemon, terminal).await;
    }
    if launches.len() > MOST {
        let message = format!(
            "the daemon serves {} launches, and {MOST} can be watched at once: choose one by --launch",
            launches.len()
        );
        return Err(Failed::usage(message));
    }
    let (tell, news) = mpsc::channel(4);
    let follow = follow::all(&client, &launches, &tell);
    if std::io::stdout().is_terminal() && std::io::stdin().is_terminal() {
        let screen = Screen::open().map_err(|e| Failed::internal(format!("the terminal: {e}")))?;
        let board = Board::new(&launches, terminal.colour);
        tokio::select! {
            shown = show(screen, board, news) => shown,
            () = follow => Ok(Exit::Success),
        }
    } else {
        tokio::select! {
            () = print(news, launches.len() > 1, terminal) => Ok(Exit::Success),
            () = follow => Ok(Exit::Success),
        }
    }
}

/// Prints each launch's report, and exits by the worst verdict.
async fn once(
    client: &Client,
    launches: &[Name],
    daemon: Daemon,
    terminal: Terminal,
) -> Result<Exit, Failed> {
    let args = Report::once(Format::Text, daemon);
    let mut worst = Verdict::Go;
    for (index, launch) in launches.iter().enumerate() {
        if index > 0 {
            terminal.print("\n");
        }
        let report = online::told(client, launch, &args, terminal).await?;
        worst = worst.max(online::verdict(&report["verdict"])?);
    }
    Ok(Exit::Verdict(worst))
}

/// A line for each change, with its time, and with the launch's name where there are several.
async fn print(mut news: Receiver<Heard>, several: bool, terminal: Terminal) {
    let now = || format!("{:.0}", Timestamp::now());
    // What was known last of each launch, and what was printed of it.
    let mut lines: HashMap<Name, (String, String)> = HashMap::new();
    while let Some(Heard { launch, news }) = news.recv().await {
        let name = if several { format!("{launch}  ") } else { String::new() };
        let (known, printed) = lines.entry(launch).or_default();
        let (at, line) = match news {
            News::Report(report) => {
                let (at, line) = line::of(&serde_json::from_str(&report).unwrap_or_default());
                known.clone_from(&line);
                (at, line)
            }
            News::Same => (now(), known.clone()),
            News::Lost(why) => (now(), format!("? LOST: {}", line::first(&why))),
        };
        if *printed != line {
            terminal.print(&format!("{at}  {name}{line}\n"));
            *printed = line;
        }
    }
}

/// The board, until somebody has seen enough.
async fn show(
    mut screen: Screen,
    mut board: Board,
    mut news: Receiver<Heard>,
) -> Result<Exit, Failed> {
    let failed = |e: std::io::Error| Failed::internal(format!("the terminal: {e}"));
    let mut tick = tokio::time::interval(TICK);
    let mut newer = true;
    loop {
        // A slow terminal is given the newest there is when it is done with the last, and nothing in between.
        if newer && !screen.is_drawing() {
            let now = Timestamp::now();
            screen.draw(|area| board.frame(area, now)).map_err(failed)?;
            newer = false;
        }
        tokio::select! {
            _ = tick.tick() => newer = true,
            next = screen.next() => match next.map_err(failed)? {
                Next::Drawn => {}
                Next::Gone | Next::Wanted(Key::Quit) => break,
                Next::Wanted(Key::Redraw) => {
                    screen.forget();
                    newer = true;
                }
                Next::Wanted(Key::Press(press)) => {
                    board.press(press, screen.area(), Timestamp::now());
                    newer = true;
                }
            },
            heard = news.recv() => match heard {
                None => break,
                Some(heard) => {
                    board.take(heard, Timestamp::now());
                    newer = true;
                }
            },
        }
    }
    screen.close().await;
    Ok(Exit::Success)
}
