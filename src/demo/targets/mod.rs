//! The systems that the demo launches against: real servers on loopback, in this process, that can be broken.
//!
//! They are for being looked at, not for load: conversations are few, short, and end with their target.

pub mod backups;
pub mod dns;
mod pki;
pub mod service;
pub mod site;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// The most conversations that a listener holds at once; those who come later wait.
const MAX_CONVERSATIONS: usize = 64;
/// No conversation takes longer.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long a listener rests that cannot accept, for want of descriptors for example.
const REST: Duration = Duration::from_millis(50);

/// A listener on a free port of loopback, with its address.
async fn listener() -> io::Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}

/// Has a conversation with everybody who connects, for as long as it is polled. When it is dropped, they all end.
async fn serve<C, F>(listener: TcpListener, converse: C)
where
    C: Fn(TcpStream) -> F,
    F: Future<Output = io::Result<()>> + Send + 'static,
{
    let mut open = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept(), if open.len() < MAX_CONVERSATIONS => match accepted {
                Ok((stream, _)) => {
                    open.spawn(timeout(PATIENCE, converse(stream)));
                }
                Err(error) => {
                    tracing::debug!(%error, "a visitor could not be let in");
                    sleep(REST).await;
                }
            },
            Some(ended) = open.join_next() => match ended {
                Ok(Ok(Ok(()))) => {}
                Ok(Ok(Err(error))) => tracing::debug!(%error, "a visitor left"),
                Ok(Err(_)) => tracing::debug!("a visitor took too long"),
                Err(error) => tracing::error!(%error, "a conversation of the demo broke down"),
            },
        }
    }
}

/// Tasks that end when this is dropped.
#[derive(Debug, Default)]
struct Tasks(Vec<tokio::task::JoinHandle<()>>);

impl Tasks {
    fn run(&mut self, task: impl Future<Output = ()> + Send + 'static) {
        self.0.push(tokio::spawn(task));
    }
}

impl Drop for Tasks {
    fn drop(&mut self) {
        for task in &self.0 {
            task.abort();
        }
    }
}
