//! A link between two servers on loopback that can be held: both ends stay connected, and nothing arrives. It is what a
//! network does that drops packets without a word, and what a receiver that hangs looks like.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use super::process::poll_until;

/// The longest that a link is held; a test that holds one longer has failed.
const LONGEST: Duration = Duration::from_secs(120);

/// A link; it is let go on drop, and ends.
#[derive(Debug)]
pub(crate) struct Link {
    port: u16,
    held: Arc<AtomicBool>,
    ended: Arc<AtomicBool>,
}

impl Link {
    /// Listens on a port of 127.0.0.1 and carries what comes to another.
    pub(crate) fn to(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let held = Arc::new(AtomicBool::new(false));
        let ended = Arc::new(AtomicBool::new(false));
        let link = Self {
            port: listener.local_addr().expect("it is bound").port(),
            held: held.clone(),
            ended: ended.clone(),
        };
        thread::spawn(move || {
            for here in listener.incoming().filter_map(Result::ok) {
                if ended.load(Ordering::SeqCst) {
                    break;
                }
                // A server that is not there yet is asked again by who wants it.
                let Ok(there) = TcpStream::connect(("127.0.0.1", port)) else { continue };
                carry(&here, &there, &held);
                carry(&there, &here, &held);
            }
        });
        link
    }

    /// The port to connect to.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// From now on nothing arrives.
    pub(crate) fn hold(&self) {
        self.held.store(true, Ordering::SeqCst);
    }

    /// What was held back arrives, and all that follows.
    pub(crate) fn release(&self) {
        self.held.store(false, Ordering::SeqCst);
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.release();
        self.ended.store(true, Ordering::SeqCst);
        // It listens until it is woken once more.
        drop(TcpStream::connect(("127.0.0.1", self.port)));
    }
}

/// Carries one direction until either end closes.
fn carry(from: &TcpStream, to: &TcpStream, held: &Arc<AtomicBool>) {
    let clone = |stream: &TcpStream| stream.try_clone().expect("an open socket can be cloned");
    let (mut from, mut to, held) = (clone(from), clone(to), held.clone());
    thread::spawn(move || {
        let mut page = [0; 16 * 1024];
        while let Ok(count) = from.read(&mut page) {
            poll_until(LONGEST, "release of the link", || {
                (!held.load(Ordering::SeqCst)).then_some(())
            });
            if count == 0 || to.write_all(&page[..count]).is_err() {
                break;
            }
        }
        // The other end may be gone already.
        drop(to.shutdown(Shutdown::Both));
    });
}
