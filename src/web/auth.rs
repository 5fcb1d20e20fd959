//! Who asks, and what they may do. The acting person comes from the token or the client certificate, never from a body.

use axum::extract::{ConnectInfo, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{Extensions, HeaderMap, StatusCode, header};
use jiff::Timestamp;
use launchgate_core::name::Name;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::basic;
use super::certificates::{self, Listed};
use super::error::ApiError;
use super::oidc::{Oidc, is_jwt};
use super::tls::Peer;

/// What a token allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// To read.
    Viewer,
    /// To sign off, in the roles that the launch file gives.
    Owner,
    /// To record milestones and decide about runs as well.
    Operator,
    /// All that an operator may.
    Commander,
    /// Everything.
    Admin,
}

/// A token, as the settings hold it: never itself, only its hash.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Token {
    /// Who acts with it; the name that the launch files' `people` use.
    #[schemars(with = "String")]
    pub identity: Name,
    /// What it allows.
    pub roles: Vec<Role>,
    /// SHA-256 of the token, in hexadecimal: `printf %s "$TOKEN" | sha256sum`.
    pub sha256: String,
    /// Until when it counts.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub expires: Option<Timestamp>,
}

/// What the daemon knows people by.
#[derive(Debug, Clone, Default)]
pub struct Tokens {
    /// The tokens.
    pub list: Vec<Token>,
    /// Whose tokens count beside those.
    pub oidc: Option<Oidc>,
    /// The client certificates.
    pub certificates: Vec<Listed>,
    /// Whether reading takes a token as well: off loopback it does.
    pub guard_reads: bool,
    /// Whether anybody on this machine may act, under the name that they give.
    pub dev: bool,
}

/// What somebody wants to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Deed {
    /// To sign off, reject, and report a step of one's own done.
    Sign,
    /// To give every other order.
    Command,
}

/// By what somebody is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Proof {
    /// A token, which is sent on purpose.
    Token,
    /// A client certificate, which a browser shows whenever a page asks for anything.
    Certificate,
    /// Their word, which counts in `--dev` mode.
    Word,
}

/// Somebody who is known, and what they may.
#[derive(Debug, Clone)]
pub(super) struct Known {
    pub(super) person: Name,
    roles: Vec<Role>,
    pub(super) by: Proof,
}

impl Known {
    pub(super) fn may(&self, deed: Deed) -> bool {
        self.roles.iter().any(|role| role.allows(deed))
    }

    /// Refuses what they may not.
    pub(super) fn must(&self, deed: Deed) -> Result<(), ApiError> {
        if self.may(deed) {
            return Ok(());
        }
        let proof = if self.by == Proof::Certificate { "certificate" } else { "token" };
        let message = format!("the {proof} of {} does not allow this", self.person);
        Err(ApiError::new(StatusCode::FORBIDDEN, "forbidden", message))
    }
}

/// Whom the certificate of a connection names, or why it names nobody.
#[derive(Debug, Clone)]
pub(super) struct Certified(pub(super) Result<Known, String>);

/// What a request shows of who it is from.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shown<'r> {
    headers: &'r HeaderMap,
    certified: Option<&'r Certified>,
}

impl<'r> Shown<'r> {
    pub(super) fn of(request: &'r Request) -> Self {
        Self { headers: request.headers(), certified: request.extensions().get() }
    }
}

/// The person of a request, once the table of operations has let it pass.
#[derive(Debug, Clone)]
pub(super) struct Acting(pub(super) Name);

impl<S: Sync> FromRequestParts<S> for Acting {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        passed(&parts.extensions).map(|known| Self(known.person.clone()))
    }
}

impl<S: Sync> FromRequestParts<S> for Known {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        passed(&parts.extensions).cloned()
    }
}

fn passed(extensions: &Extensions) -> Result<&Known, ApiError> {
    let missing = "nobody was asked for on the way to this order";
    extensions
        .get()
        .ok_or_else(|| ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", missing))
}

impl Role {
    /// Every role, from the one that may least.
    #[cfg(test)]
    pub(super) const ALL: [Self; 5] =
        [Self::Viewer, Self::Owner, Self::Operator, Self::Commander, Self::Admin];

    /// What a role may do. Whether the *person* may is the launch file's to say, by its `people`.
    pub(super) fn allows(self, deed: Deed) -> bool {
        match self {
            Self::Viewer => false,
            Self::Owner => deed == Deed::Sign,
            Self::Operator | Self::Commander | Self::Admin => true,
        }
    }
}

impl Tokens {
    /// Finds whom the certificate of a request's connection names, once for all who ask.
    pub(super) fn certify(&self, request: &mut Request) {
        let peer = request.extensions().get::<ConnectInfo<Peer>>();
        let Some(certificate) = peer.and_then(|peer| peer.0.certificate.clone()) else { return };
        let named = certificate
            .counts()
            .and_then(|()| certificates::holder(&self.certificates, &certificate))
            .map(|(person, roles)| Known { person, roles, by: Proof::Certificate });
        request.extensions_mut().insert(Certified(named));
    }

    /// Whether a request may read.
    pub(super) fn may_read(&self, shown: Shown<'_>) -> Result<(), ApiError> {
        if self.dev || !self.guard_reads {
            return Ok(());
        }
        self.reader(shown).map(drop)
    }

    /// Who wants to do something, if they may.
    pub(super) fn may(&self, shown: Shown<'_>, deed: Deed) -> Result<Known, ApiError> {
        let known = if self.dev { in_dev_mode(shown.headers) } else { self.actor(shown) }?;
        known.must(deed).map(|()| known)
    }

    /// Who a request is from, if anything that it shows counts.
    pub(super) fn whose(&self, shown: Shown<'_>) -> Option<Name> {
        shown.headers.get(header::AUTHORIZATION).map(drop).or(shown.certified.map(drop))?;
        self.reader(shown).ok().map(|known| known.person)
    }

    /// A browser cannot send a bearer token by itself, so that a token is also taken as the password of basic
    /// authentication; for orders it is not, since a browser sends that unasked.
    fn reader(&self, shown: Shown<'_>) -> Result<Known, ApiError> {
        match scheme(shown.headers, "basic") {
            Some(given) => {
                let token = basic::password(given).ok_or_else(|| refused("this takes a token"))?;
                self.find(&token).map(known)
            }
            None => self.actor(shown),
        }
    }

    /// A token wins over a certificate, also one that does not count: whoever sends one means to act by it.
    fn actor(&self, shown: Shown<'_>) -> Result<Known, ApiError> {
        match (scheme(shown.headers, "bearer"), shown.certified) {
            (Some(token), _) => self.find(token).map(known),
            (None, Some(Certified(Ok(known)))) => Ok(known.clone()),
            (None, Some(Certified(Err(why)))) => Err(ApiError::new(
                StatusCode::UNAUTHORIZED,
                "unauthorized",
                why.clone(),
            )
            .hint(
                "list it in `web.certificates` by a name of its `subjectAltName`, or send a token",
            )),
            (None, None) => Err(refused("this takes a token")),
        }
    }

    fn find(&self, given: &str) -> Result<Token, ApiError> {
        if let Some(oidc) = self.oidc.as_ref().filter(|_| is_jwt(given)) {
            return oidc.read(given).map_err(|why| refused(&why));
        }
        let digest = Sha256::digest(given.as_bytes());
        // Every entry is compared in full, so that the time taken says nothing.
        let mut found = None;
        for token in &self.list {
            if same(&token.sha256, &digest) {
                found = Some(token);
            }
        }
        let token = found.ok_or_else(|| refused("the token is not known"))?;
        match token.expires {
            Some(end) if end <= Timestamp::now() => Err(refused("the token has expired")),
            Some(_) | None => Ok(token.clone()),
        }
    }
}

fn refused(message: &str) -> ApiError {
    ApiError::new(StatusCode::UNAUTHORIZED, "unauthorized", message)
        .hint("send `Authorization: Bearer TOKEN`; the command line takes LAUNCHGATE_TOKEN")
}

fn known(token: Token) -> Known {
    Known { person: token.identity, roles: token.roles, by: Proof::Token }
}

/// The credentials of a scheme, whose name is read in any case; empty ones are credentials, too.
fn scheme<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let given = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, rest) = given.split_once(' ').unwrap_or((given, ""));
    scheme.eq_ignore_ascii_case(name).then(|| rest.trim())
}

fn same(hex: &str, digest: &[u8]) -> bool {
    let hex = hex.as_bytes();
    let digit = |nibble: u8| b"0123456789abcdef"[usize::from(nibble)];
    let expected = digest.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]);
    let differences = expected.zip(hex).fold(0, |sum, (a, b)| sum | (a ^ b.to_ascii_lowercase()));
    hex.len() == digest.len() * 2 && differences == 0
}

fn in_dev_mode(headers: &HeaderMap) -> Result<Known, ApiError> {
    let person = headers.get("x-launchgate-person").and_then(|value| value.to_str().ok());
    let refused = |message: String| {
        ApiError::new(StatusCode::UNAUTHORIZED, "unauthorized", message)
            .hint("in --dev mode say who acts: `X-Launchgate-Person: NAME`, or `--as NAME`")
    };
    let person = person.ok_or_else(|| refused("nobody is named".to_owned()))?;
    let person = Name::try_new(person).map_err(|e| refused(e.to_string()))?;
    Ok(Known { person, roles: vec![Role::Admin], by: Proof::Word })
}
