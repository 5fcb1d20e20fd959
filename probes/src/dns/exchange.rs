//! One question to one server: over UDP with EDNS, over TCP when the answer was cut, tried twice.
//!
//! The whole answer is kept as the server gave it. No cache, no hosts file, no search list stands between.

use std::net::SocketAddr;
use std::time::Duration;

use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::tcp::TcpClientStream;
use hickory_resolver::net::udp::UdpClientStream;
use hickory_resolver::net::xfer::{DnsHandle, FirstAnswer};
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::op::{DnsRequestOptions, DnsResponse, Query, ResponseCode};
use hickory_resolver::proto::rr::{Name, RecordType};
use launchgate_core::observation::{Cause, Failure};

use crate::{dial, guard};

/// The largest UDP answer that is asked for: what passes every common path unfragmented.
const UDP_SIZE: u16 = 1232;
/// How often a silent server is asked.
const TRIES: u32 = 2;

/// Whom a question goes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// A name server of the zone: it must know by itself.
    Authority,
    /// A resolver: it is asked to find out.
    Resolver,
}

/// Asks `server` for `name` and `kind`; all tries together take `within` at most.
///
/// # Errors
/// An address that is never probed, silence, or an answer that cannot be read. A refusal by the server is an answer.
pub(super) async fn ask(
    server: SocketAddr,
    role: Role,
    name: &Name,
    kind: RecordType,
    within: Duration,
) -> Result<DnsResponse, Failure> {
    guard::permit(server.ip())?;
    let each = within / TRIES;
    let mut options = DnsRequestOptions::default();
    options.recursion_desired = role == Role::Resolver;
    options.edns_payload_len = UDP_SIZE;
    let query = Query::query(name.clone(), kind);
    let mut outcome = once(server, &query, options, each).await;
    if matches!(&outcome, Ok(r) if r.metadata.response_code == ResponseCode::FormErr) {
        // A server of the time before EDNS.
        options.use_edns = false;
        outcome = once(server, &query, options, each).await;
    } else if outcome.is_err() {
        outcome = once(server, &query, options, each).await;
    }
    outcome.map_err(|e| fault(server, &e))
}

/// One try: UDP, and TCP if the answer says that it was cut.
async fn once(
    server: SocketAddr,
    query: &Query,
    options: DnsRequestOptions,
    within: Duration,
) -> Result<DnsResponse, NetError> {
    let exchange = async {
        // The provider owns the background task of an exchange: it must outlive the answer.
        let provider = TokioRuntimeProvider::default();
        let udp = UdpClientStream::builder(server, provider.clone())
            .with_timeout(Some(within))
            .with_max_retries(0)
            .exchange();
        let answer = udp.lookup(query.clone(), options).first_answer().await?;
        if !answer.metadata.truncation {
            return Ok(answer);
        }
        let tcp = TcpClientStream::exchange(server, None, within, None, provider.clone()).await?;
        tcp.lookup(query.clone(), options).first_answer().await
    };
    tokio::time::timeout(within, exchange).await.unwrap_or(Err(NetError::Timeout))
}

fn fault(server: SocketAddr, error: &NetError) -> Failure {
    match error {
        NetError::Timeout => {
            Failure::new(Cause::Timeout, format!("{server} did not answer in time"))
        }
        NetError::Io(e) => dial::io_failure(&format!("asking {server}"), e),
        NetError::Proto(e) => {
            Failure::new(Cause::BadResponse, format!("the answer of {server} cannot be read: {e}"))
        }
        NetError::Dns(DnsError::ResponseCode(code)) => {
            Failure::new(Cause::BadResponse, format!("{server} answered {code}"))
        }
        other => Failure::new(Cause::Unreachable, format!("asking {server}: {other}")),
    }
}
