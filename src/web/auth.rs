//! Who asks, and what they may do. The acting person comes from the token, never from a body.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use jiff::Timestamp;
use launchgate_core::name::Name;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::basic;
use super::error::ApiError;
use super::oidc::{Oidc, is_jwt};

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

/// The tokens that the daemon knows.
#[derive(Debug, Clone, Default)]
pub struct Tokens {
    /// The tokens.
    pub list: Vec<Token>,
    /// Whose tokens count beside those.
    pub oidc: Option<Oidc>,
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

/// The person of a request, once the table of operations has let it pass.
#[derive(Debug, Clone)]
pub(super) struct Acting(pub(super) Name);

impl<S: Sync> FromRequestParts<S> for Acting {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let missing = "nobody was asked for on the way to this order";
        parts
            .extensions
            .get::<Self>()
            .cloned()
            .ok_or_else(|| ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", missing))
    }
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
    /// Whether a request may read. A browser cannot send a bearer token by itself, so that a token is also taken as the
    /// password of basic authentication; for orders it is not, since a browser sends that unasked.
    pub(super) fn may_read(&self, headers: &HeaderMap) -> Result<(), ApiError> {
        if self.dev || !self.guard_reads {
            return Ok(());
        }
        match scheme(headers, "basic").and_then(basic::password) {
            Some(token) => self.find(&token).map(|_| ()),
            None => self.find(bearer(headers)?).map(|_| ()),
        }
    }

    /// Who wants to do something, if they may.
    pub(super) fn may(&self, headers: &HeaderMap, deed: Deed) -> Result<Name, ApiError> {
        if self.dev {
            return in_dev_mode(headers);
        }
        let token = self.find(bearer(headers)?)?;
        if token.roles.iter().any(|role| role.allows(deed)) {
            return Ok(token.identity);
        }
        let message = format!("the token of {} does not allow this", token.identity);
        Err(ApiError::new(StatusCode::FORBIDDEN, "forbidden", message))
    }

    /// Whose token a request brings, if it counts.
    pub(super) fn whose(&self, headers: &HeaderMap) -> Option<Name> {
        headers.get(header::AUTHORIZATION)?;
        let password = scheme(headers, "basic").and_then(basic::password);
        let found = match &password {
            Some(token) => self.find(token),
            None => self.find(bearer(headers).ok()?),
        };
        found.ok().map(|token| token.identity)
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

fn bearer(headers: &HeaderMap) -> Result<&str, ApiError> {
    scheme(headers, "bearer").ok_or_else(|| refused("this takes a token"))
}

/// The credentials of a scheme, whose name is read in any case.
fn scheme<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let (scheme, rest) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case(name).then(|| rest.trim())
}

fn same(hex: &str, digest: &[u8]) -> bool {
    let hex = hex.as_bytes();
    let digit = |nibble: u8| b"0123456789abcdef"[usize::from(nibble)];
    let expected = digest.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]);
    let differences = expected.zip(hex).fold(0, |sum, (a, b)| sum | (a ^ b.to_ascii_lowercase()));
    hex.len() == digest.len() * 2 && differences == 0
}

fn in_dev_mode(headers: &HeaderMap) -> Result<Name, ApiError> {
    let person = headers.get("x-launchgate-person").and_then(|value| value.to_str().ok());
    let refused = |message: String| {
        ApiError::new(StatusCode::UNAUTHORIZED, "unauthorized", message)
            .hint("in --dev mode say who acts: `X-Launchgate-Person: NAME`, or `--as NAME`")
    };
    let person = person.ok_or_else(|| refused("nobody is named".to_owned()))?;
    Name::try_new(person).map_err(|e| refused(e.to_string()))
}
