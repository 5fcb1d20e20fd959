//! `watch`: a launch as it goes. On a terminal a board that stays up to date, elsewhere a line for each change.

mod line;
mod screen;
mod view;

use std::io::IsTerminal as _;
use std::time::{Duration, Instant};

use clap::Args;
use launchgate_core::name::Name;
use serde_json::Value;
use tokio::sync::mpsc::{self, Receiver, Sender};

use super::args::Daemon;
use super::client::Client;
use super::exit::{Exit, Failed};
use super::online::{self, Report};
use super::terminal::Terminal;
use crate::render::Format;
use screen::{Key, Screen};
use view::View;

/// Without an event for so long, the daemon counts as lost: it says that it lives every 15 seconds.
const SILENCE: Duration = Duration::from_secs(20);
/// Before a lost daemon is asked again.
const AGAIN: Duration = Duration::from_secs(1);

/// `watch`.
#[derive(Debug, Args)]
pub struct Watch {
    /// Print the report once, and take the exit code from its verdict.
    #[arg(long)]
    pub once: bool,
    /// The daemon.
    #[command(flatten)]
    pub daemon: Daemon,
}

/// What was heard of the daemon.
enum News {
    /// A newer report: as a text, and as what it says.
    Report(String, Box<Value>),
    /// It is lost, and why.
    Lost(String),
}

pub(super) async fn watch(args: Watch, terminal: Terminal) -> Result<Exit, Failed> {
    if args.once {
        let report = Report::once(Format::Text, args.daemon);
        return online::report(report, terminal).await;
    }
    let client = Client::new(&args.daemon)?;
    // A daemon that is not there at first is a mistake in the command, more likely than a loss.
    let launch = client.launch().await?;
    let (tell, news) = mpsc::channel(4);
    let follow = follow(&client, &launch, terminal.colour, &tell);
    if std::io::stdout().is_terminal() && std::io::stdin().is_terminal() {
        let screen = Screen::open().map_err(|e| Failed::internal(format!("the terminal: {e}")))?;
        tokio::select! {
            shown = show(screen, news) => shown,
            () = follow => Ok(Exit::Success),
        }
    } else {
        tokio::select! {
            () = print(news, terminal) => Ok(Exit::Success),
            () = follow => Ok(Exit::Success),
        }
    }
}

/// Follows the launch, over every loss.
async fn follow(client: &Client, launch: &Name, colour: bool, tell: &Sender<News>) {
    let events = format!("/api/v1/launches/{launch}/events");
    loop {
        let heard = client.follow(&events, SILENCE, async |event| {
            if event == "report" {
                let news = ask(client, launch, colour)
                    .await
                    .unwrap_or_else(|lost| News::Lost(lost.message));
                drop(tell.send(news).await);
            }
        });
        if let Err(lost) = heard.await
            && tell.send(News::Lost(lost.message)).await.is_err()
        {
            return;
        }
        tokio::time::sleep(AGAIN).await;
    }
}

async fn ask(client: &Client, launch: &Name, colour: bool) -> Result<News, Failed> {
    let path = format!("/api/v1/launches/{launch}/report?format=");
    let colour = if colour { "&color=always" } else { "" };
    let report = client.get(&format!("{path}json")).await?;
    let text = client.text(&format!("{path}text{colour}")).await?;
    Ok(News::Report(text, Box::new(report)))
}

/// A line for each change, with its time.
async fn print(mut news: Receiver<News>, terminal: Terminal) {
    let mut last = String::new();
    while let Some(news) = news.recv().await {
        let (at, line) = match news {
            News::Report(_, report) => line::of(&report),
            News::Lost(why) => {
                (format!("{:.0}", jiff::Timestamp::now()), format!("? LOST: {}", line::first(&why)))
            }
        };
        if line != last {
            terminal.print(&format!("{at}  {line}\n"));
            last = line;
        }
    }
}

/// The board, until somebody has seen enough.
async fn show(mut screen: Screen, mut news: Receiver<News>) -> Result<Exit, Failed> {
    let mut view = View::default();
    let mut lost: Option<(Instant, String)> = None;
    let mut tick = tokio::time::interval(Duration::from_secs(1));
    loop {
        view.lost = lost
            .as_ref()
            .map(|(since, why)| (since.elapsed().as_secs(), line::first(why).to_owned()));
        screen
            .draw(|width, height| view.frame(width, height))
            .map_err(|e| Failed::internal(format!("the terminal: {e}")))?;
        tokio::select! {
            _ = tick.tick() => {}
            key = screen.key() => match key {
                Some(Key::Quit) | None => return Ok(Exit::Success),
                Some(Key::Scroll(scroll)) => view.scroll(scroll, screen.height()),
                Some(Key::Redraw) => screen.forget(),
            },
            heard = news.recv() => match heard {
                None => return Ok(Exit::Success),
                Some(News::Report(text, _)) => {
                    lost = None;
                    view.take(&text);
                }
                Some(News::Lost(why)) => {
                    let since = lost.take().map_or_else(Instant::now, |(since, _)| since);
                    lost = Some((since, why));
                }
            },
        }
    }
}
