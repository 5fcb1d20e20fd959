//! Bearer tokens of an identity provider (OpenID Connect): JWTs whose signature, issuer, audience and times hold (RFC 7519,
//! RFC 9068), by the provider's published keys (OpenID Connect Discovery 1.0).
//!
//! Keys are fetched apart from requests, so that a provider that is slow or gone holds up nobody. What was fetched last
//! goes on counting.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use jsonwebtoken::jwk::{Jwk, JwkSet, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use launchgate_core::name::Name;
use reqwest::header::HeaderMap;
use reqwest::{Method, Url};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::Notify;

use super::auth::{Role, Token};
use crate::http::{Sent, send};

/// How far the provider's clock may be off.
const LEEWAY: Duration = Duration::from_secs(30);
/// How often the keys are fetched.
const REFRESH: Duration = Duration::from_secs(10 * 60);
/// How soon after the last fetch a key that is not known leads to another.
const AGAIN: Duration = Duration::from_secs(30);
/// How long a fetch may take.
const WITHIN: Duration = Duration::from_secs(10);
/// No token is longer.
const MAX_TOKEN: usize = 16 << 10;
/// What may sign a token. Shared secrets, and no signature at all, are not among them.
const ALGORITHMS: [Algorithm; 9] = [
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
    Algorithm::ES256,
    Algorithm::ES384,
    Algorithm::EdDSA,
];

/// `web.oidc:` – whose tokens are taken, and what they allow.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Provider {
    /// The issuer, exactly as tokens name it: `https://id.example.com`.
    pub issuer: String,
    /// The audience that tokens must be for.
    pub audience: String,
    /// Where the keys are; without it, where the issuer's discovery document says.
    #[serde(default)]
    pub keys: Option<String>,
    /// The claim that says who it is: `sub` by default.
    #[serde(default = "sub")]
    pub identity: String,
    /// Who a value of that claim is in the launch files: `{"alice@example.com": alice}`. Without any, the claim itself is the name.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, String>")]
    pub identities: BTreeMap<String, Name>,
    /// The claim that lists groups or roles: `groups` by default.
    #[serde(default = "groups")]
    pub groups: String,
    /// What each group allows: `{release-managers: commander}`. Whoever is in none of them may read.
    #[serde(default)]
    pub roles: BTreeMap<String, Role>,
}

fn sub() -> String {
    "sub".to_owned()
}

fn groups() -> String {
    "groups".to_owned()
}

/// A provider and its keys.
#[derive(Clone)]
pub struct Oidc {
    provider: Arc<Provider>,
    keys: Arc<RwLock<Vec<Jwk>>>,
    /// Told when a token names a key that is not known.
    wanted: Arc<Notify>,
}

impl std::fmt::Debug for Oidc {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Oidc").field("issuer", &self.provider.issuer).finish_non_exhaustive()
    }
}

impl Oidc {
    /// A provider whose keys are fetched from now on.
    pub fn start(provider: Provider) -> Self {
        let oidc = Self {
            provider: Arc::new(provider),
            keys: Arc::default(),
            wanted: Arc::new(Notify::new()),
        };
        tokio::spawn(oidc.clone().fetch_now_and_then());
        oidc
    }

    async fn fetch_now_and_then(self) {
        loop {
            match self.fetch().await {
                Ok(found) => {
                    tracing::debug!(keys = found.len(), issuer = %self.provider.issuer, "keys fetched");
                    *self.keys.write().unwrap_or_else(PoisonError::into_inner) = found;
                }
                Err(why) => {
                    tracing::warn!(%why, issuer = %self.provider.issuer, "the provider's keys cannot be had");
                }
            }
            tokio::time::sleep(AGAIN).await;
            tokio::select! {
                () = tokio::time::sleep(REFRESH.saturating_sub(AGAIN)) => {}
                () = self.wanted.notified() => {}
            }
        }
    }

    async fn fetch(&self) -> Result<Vec<Jwk>, String> {
        let place = match &self.provider.keys {
            Some(place) => place.clone(),
            None => self.discovered().await?,
        };
        let text = get(&place).await?;
        let set: JwkSet =
            serde_json::from_str(&text).map_err(|e| format!("{place} holds no key set: {e}"))?;
        let signs = |key: &Jwk| {
            let usage = key.common.public_key_use.as_ref();
            usage.is_none_or(|usage| *usage == PublicKeyUse::Signature)
        };
        let keys: Vec<Jwk> = set.keys.into_iter().filter(signs).collect();
        if keys.is_empty() { Err(format!("{place} holds no key that signs")) } else { Ok(keys) }
    }

    /// Where the issuer says that its keys are.
    async fn discovered(&self) -> Result<String, String> {
        let issuer = &self.provider.issuer;
        let place = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
        let text = get(&place).await?;
        let found: Value =
            serde_json::from_str(&text).map_err(|e| format!("{place} is no JSON: {e}"))?;
        if found["issuer"] != issuer.as_str() {
            return Err(format!("{place} is the document of another issuer: {}", found["issuer"]));
        }
        let keys = found["jwks_uri"].as_str();
        keys.map(str::to_owned).ok_or_else(|| format!("{place} names no jwks_uri"))
    }

    /// Who a token is, and what they may.
    ///
    /// # Errors
    /// Why it does not count, in words that hold nothing of it.
    pub(super) fn read(&self, token: &str) -> Result<Token, String> {
        if token.len() > MAX_TOKEN {
            return Err("the token is too long".to_owned());
        }
        let head = decode_header(token).map_err(|e| format!("the token cannot be read: {e}"))?;
        if !ALGORITHMS.contains(&head.alg) {
            return Err(format!("tokens signed by {:?} are not taken", head.alg));
        }
        let key = self.key(head.kid.as_deref(), head.alg)?;
        let mut rule = Validation::new(head.alg);
        rule.leeway = LEEWAY.as_secs();
        rule.validate_nbf = true;
        rule.set_issuer(&[&self.provider.issuer]);
        rule.set_audience(&[&self.provider.audience]);
        rule.set_required_spec_claims(&["exp", "iss", "aud"]);
        let claims = decode::<Value>(token, &key, &rule)
            .map_err(|e| format!("the token does not count: {e}"))?
            .claims;
        self.person(&claims)
    }

    fn key(&self, kid: Option<&str>, algorithm: Algorithm) -> Result<DecodingKey, String> {
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        let fits = |key: &&Jwk| {
            let named = key.common.key_algorithm;
            let same = named.is_none_or(|named| named.to_string() == format!("{algorithm:?}"));
            same && (kid.is_none() || key.common.key_id.as_deref() == kid)
        };
        let mut found = keys.iter().filter(fits);
        match (found.next(), found.next()) {
            (Some(key), None) => DecodingKey::from_jwk(key)
                .map_err(|e| format!("the provider's key cannot be used: {e}")),
            (None, _) => {
                self.wanted.notify_one();
                Err("the key that signed the token is not known".to_owned())
            }
            (Some(_), Some(_)) => Err("the token does not say which key signed it".to_owned()),
        }
    }

    fn person(&self, claims: &Value) -> Result<Token, String> {
        let provider = &self.provider;
        let said = claims[&provider.identity].as_str();
        let said = said.ok_or_else(|| format!("the token has no `{}`", provider.identity))?;
        let identity = if provider.identities.is_empty() {
            Name::try_new(said).map_err(|e| format!("`{}` is no name here: {e}", provider.identity))
        } else {
            let known = provider.identities.get(said).cloned();
            known.ok_or_else(|| format!("whom `{}` names is not known here", provider.identity))
        }?;
        let listed = match &claims[&provider.groups] {
            Value::Array(all) => all.iter().filter_map(Value::as_str).collect(),
            Value::String(text) => text.split(' ').collect(),
            _ => Vec::new(),
        };
        let granted = listed.iter().filter_map(|group| provider.roles.get(*group).copied());
        let mut roles: Vec<Role> = granted.collect();
        if roles.is_empty() {
            roles.push(Role::Viewer);
        }
        Ok(Token { identity, roles, sha256: String::new(), expires: None })
    }
}

/// The body of a document.
async fn get(place: &str) -> Result<String, String> {
    let url = Url::parse(place).map_err(|e| format!("{place} is no URL: {e}"))?;
    if !is_safe(&url) {
        return Err(format!("{place} is not https"));
    }
    match send(Method::GET, &url, HeaderMap::new(), Vec::new(), WITHIN).await {
        Sent::Answered { status: 200, body, .. } => Ok(body),
        Sent::Answered { status, .. } => Err(format!("{place} answered {status}")),
        Sent::NotSent(why) | Sent::NoAnswer(why) => Err(format!("{place}: {why}")),
    }
}

/// Whether what comes from there is what was sent: over TLS, or from this machine.
pub fn is_safe(url: &Url) -> bool {
    let ip = url.host_str().and_then(|host| {
        host.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>().ok()
    });
    url.scheme() == "https"
        || (url.scheme() == "http" && ip.is_some_and(|ip| ip.to_canonical().is_loopback()))
}

/// Whether a credential has the form of a JWT.
pub(super) fn is_jwt(given: &str) -> bool {
    given.bytes().filter(|byte| *byte == b'.').count() == 2
}

#[cfg(test)]
mod tests;
