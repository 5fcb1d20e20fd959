//! A way for a driver that only connects by itself to use a connection that we dialled: guarded, from the vantage's
//! address, noted in the trail, and bounded.
//!
//! It listens on loopback for one connection and carries it over. Who takes that one instead of the driver gets what
//! they could have dialled themselves, and the look fails.

use std::io;
use std::net::Ipv4Addr;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::bounded::Bounded;

/// A relay to a connection; both end with it.
#[derive(Debug)]
pub(super) struct Relay {
    port: u16,
    carrier: JoinHandle<()>,
}

impl Relay {
    /// Listens for the one connection that is carried over to `there`.
    ///
    /// # Errors
    /// No port to listen on.
    pub(super) async fn open(there: TcpStream) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let port = listener.local_addr()?.port();
        let carrier = tokio::spawn(async move {
            let Ok((mut here, _)) = listener.accept().await else { return };
            drop(listener);
            // Either end notices how it went: there is nobody here to tell.
            drop(copy_bidirectional(&mut here, &mut Bounded::new(there)).await);
        });
        Ok(Self { port, carrier })
    }

    /// The port on 127.0.0.1.
    pub(super) fn port(&self) -> u16 {
        self.port
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.carrier.abort();
    }
}
