//! The systems that the demo launches against: real servers on loopback, in this process, that can be broken.

pub mod backups;
pub mod dns;
pub mod service;
pub mod site;

use std::net::{Ipv4Addr, SocketAddr};

use tokio::net::TcpListener;

/// A listener on a free port of loopback, with its address.
async fn listener() -> std::io::Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    Ok((listener, address))
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
