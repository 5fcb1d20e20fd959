//! What is heard of launches: a stream of events for each, and one question for each newer report.

use std::time::Duration;

use futures_util::future::join_all;
use launchgate_core::name::Name;
use tokio::sync::Notify;
use tokio::sync::mpsc::Sender;

use crate::cli::client::Client;
use crate::cli::exit::Failed;

/// Without an event for so long, the daemon counts as lost: it says that it lives every 15 seconds.
const SILENCE: Duration = Duration::from_secs(20);
/// Before a lost daemon is asked again.
const AGAIN: Duration = Duration::from_secs(1);

/// Something that was heard of a launch.
pub(super) struct Heard {
    pub(super) launch: Name,
    pub(super) news: News,
}

/// What was heard.
pub(super) enum News {
    /// A newer report, as JSON.
    Report(String),
    /// The report that was told last still holds.
    Same,
    /// How the launch stands is not known any more, and why.
    Lost(String),
}

/// Follows launches, over every loss, until nobody wants to hear of them.
pub(super) async fn all(client: &Client, launches: &[Name], tell: &Sender<Heard>) {
    join_all(launches.iter().map(|launch| one(client, launch, tell))).await;
}

/// Listens and asks side by side: a reader who is slow to take a report keeps nobody from noticing a loss, and what is
/// published meanwhile is one question.
async fn one(client: &Client, launch: &Name, tell: &Sender<Heard>) {
    let newer = Notify::new();
    let hear = async |news| tell.send(Heard { launch: launch.clone(), news }).await.is_ok();
    let listen = async {
        let events = format!("/api/v1/launches/{launch}/events");
        loop {
            let heard = client.follow(&events, SILENCE, async |event| {
                if event == "report" {
                    newer.notify_one();
                }
            });
            if let Err(lost) = heard.await
                && !hear(News::Lost(lost.message)).await
            {
                return;
            }
            tokio::time::sleep(AGAIN).await;
        }
    };
    let ask = async {
        let mut tag = None;
        loop {
            newer.notified().await;
            let news = match ask(client, launch, &mut tag).await {
                Ok(news) => news,
                Err(lost) => {
                    newer.notify_one();
                    News::Lost(lost.message)
                }
            };
            let is_lost = matches!(news, News::Lost(_));
            if !hear(news).await {
                return;
            }
            if is_lost {
                tokio::time::sleep(AGAIN).await;
            }
        }
    };
    tokio::select! {
        () = listen => {}
        () = ask => {}
    }
}

async fn ask(
    client: &Client,
    launch: &Name,
    tag: &mut Option<reqwest::header::HeaderValue>,
) -> Result<News, Failed> {
    let path = format!("/api/v1/launches/{launch}/report?format=json");
    Ok(client.newer(&path, tag).await?.map_or(News::Same, News::Report))
}
