//! Looking up names through resolvers, for other probes: the first resolver that knows is believed.
//!
//! A probe that judges what resolvers say asks each by itself, with [`exchange::ask`]; this is for when the answer is only
//! a step on the way.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use futures_util::future::join;
use hickory_resolver::proto::op::{Message, ResponseCode};
use hickory_resolver::proto::rr::{Name, RecordType};
use launchgate_core::observation::{Cause, Failure};

use super::exchange::{self, Asker, Question, Role};
use super::zone::address;
use super::{answer, servers};
use crate::probe::Context;

/// The resolvers of the look: those of its vantage, or else of this machine.
///
/// # Errors
/// A local fault when this machine's resolvers cannot be told.
pub(crate) fn resolvers(cx: &Context) -> Result<Vec<SocketAddr>, Failure> {
    servers::Resolvers::Vantage.addresses(cx)
}

/// The answer of the first of `resolvers` that knows the name or knows that it is not there; `within` bounds each of
/// them. It can be read with [`answer::read`].
///
/// # Errors
/// The last resolver's failure, or what it answered, when none knows.
pub(crate) async fn look_up(
    asker: Asker<'_>,
    resolvers: &[SocketAddr],
    name: &Name,
    kind: RecordType,
    within: Duration,
) -> Result<Message, Failure> {
    let mut last = Failure::new(Cause::Unreachable, "there is no resolver to ask");
    for resolver in resolvers {
        let question = Question::new(Role::Resolver, name, kind);
        match exchange::ask(asker, *resolver, question, within).await {
            Ok(message) => match message.metadata.response_code {
                ResponseCode::NoError | ResponseCode::NXDomain => return Ok(message),
                code => {
                    let said = answer::code_name(code);
                    let what = answer::plain(name);
                    let message = format!("{resolver} says {said} to {what} {kind}");
                    last = Failure::new(Cause::BadResponse, message);
                }
            },
            Err(failure) => last = failure,
        }
    }
    Err(last)
}

/// The addresses of `host` by the first of the vantage's resolvers that knows it, asked from the vantage's address, those of
/// version 4 first. Who calls notes it.
///
/// # Errors
/// The last resolver's failure when none answers within the time, all tries together.
pub(crate) async fn addresses(
    cx: &Context,
    host: &str,
    within: Duration,
) -> Result<Vec<IpAddr>, Failure> {
    let mut name = Name::from_utf8(host).map_err(|e| {
        Failure::new(Cause::ProbeError, format!("`{host}` is no name to resolve: {e}"))
    })?;
    name.set_fqdn(true);
    let resolvers = &cx.vantage.resolvers;
    let share = within / u32::try_from(resolvers.len().max(1)).unwrap_or(u32::MAX);
    let ask = |kind| look_up(Asker::unnoted(cx), resolvers, &name, kind, share);
    let (four, six) = join(ask(RecordType::A), ask(RecordType::AAAA)).await;
    Ok(four?.answers.iter().chain(&six?.answers).filter_map(address).collect())
}
