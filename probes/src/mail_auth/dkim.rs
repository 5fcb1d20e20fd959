//! DKIM keys (RFC 6376, 8301 and 8463): whether what a selector publishes can verify a signature.
//!
//! It reads the published half alone: no signature is made or verified.

use futures_util::future::join_all;
use launchgate_core::observation::Failure;
use launchgate_core::reading::Readings;
use x509_parser::prelude::FromDer as _;
use x509_parser::public_key::{PublicKey, RSAPublicKey};
use x509_parser::x509::SubjectPublicKeyInfo;

use super::names::{Names, texts};
use super::section::Section;
use super::tags::Tags;

/// The shortest RSA key that receivers accept, in bits.
const MIN_BITS: usize = 1_024;
/// The longest key in base64 that is decoded.
const MAX_KEY: usize = 64 * 1024;

/// A key that can verify.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Key {
    /// RSA, with so many bits.
    Rsa(usize),
    /// Ed25519.
    Ed25519,
}

/// Why a key cannot.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unusable {
    /// It breaks the grammar.
    #[error("it breaks the grammar: {0}")]
    Grammar(String),
    /// It is of another version.
    #[error("`v` is not DKIM1, or not the first tag")]
    Version,
    /// There is no key.
    #[error("there is no key in it")]
    NoKey,
    /// The key was withdrawn.
    #[error("the key is revoked")]
    Revoked,
    /// The key cannot be read.
    #[error("the key cannot be read")]
    BadKey,
    /// The type of key is unknown.
    #[error("keys of the type `{0}` are unknown")]
    Type(String),
    /// The key is too short to count.
    #[error("{0} bits are too few")]
    Short(usize),
    /// It is for hashes that no longer count.
    #[error("it is not for sha256")]
    Hash,
    /// It is not for mail.
    #[error("it is not for mail")]
    Service,
    /// There are several records, so that there is no telling which counts.
    #[error("{0} records at one selector")]
    Several(usize),
    /// There is no record.
    #[error("there is no record")]
    Missing,
    /// Signatures are to be treated as if there were none.
    #[error("it is in test mode (`t=y`)")]
    Testing,
}

/// Reads a key record: the key, and whether it is in test mode.
///
/// # Errors
/// Why it cannot verify anything.
pub(super) fn parse(record: &[u8]) -> Result<(Key, bool), Unusable> {
    let tags = Tags::read(record);
    if let Some(slip) = tags.slip {
        return Err(Unusable::Grammar(slip));
    }
    if let Some(version) = tags.get("v")
        && (version != "DKIM1" || tags.first() != Some(("v", version)))
    {
        return Err(Unusable::Version);
    }
    let lists = |tag: &str, what: &[&str]| {
        tags.get(tag).is_none_or(|list| list.split(':').any(|item| what.contains(&item.trim())))
    };
    let text = tags.get("p").ok_or(Unusable::NoKey)?;
    if text.trim().is_empty() {
        return Err(Unusable::Revoked);
    }
    if !lists("h", &["sha256"]) {
        return Err(Unusable::Hash);
    }
    if !lists("s", &["*", "email"]) {
        return Err(Unusable::Service);
    }
    let bytes = base64(text).ok_or(Unusable::BadKey)?;
    let key = match tags.get("k").unwrap_or("rsa") {
        "rsa" => Key::Rsa(rsa_bits(&bytes).ok_or(Unusable::BadKey)?),
        "ed25519" if bytes.len() == 32 => Key::Ed25519,
        "ed25519" => return Err(Unusable::BadKey),
        other => return Err(Unusable::Type(other.chars().take(40).collect())),
    };
    match key {
        Key::Rsa(bits) if bits < MIN_BITS => Err(Unusable::Short(bits)),
        key => {
            let testing = tags.get("t").is_some_and(|t| t.split(':').any(|f| f.trim() == "y"));
            Ok((key, testing))
        }
    }
}

/// The bits of an RSA key, in either of the two forms that are in use.
fn rsa_bits(der: &[u8]) -> Option<usize> {
    let bits = |key: &RSAPublicKey<'_>| {
        let zeros = key.modulus.iter().take_while(|b| **b == 0).count();
        let modulus = &key.modulus[zeros..];
        let top = modulus.first()?.leading_zeros();
        Some(modulus.len() * 8 - usize::try_from(top).ok()?)
    };
    if let Ok((_, info)) = SubjectPublicKeyInfo::from_der(der) {
        return match info.parsed().ok()? {
            PublicKey::RSA(key) => bits(&key),
            _ => None,
        };
    }
    RSAPublicKey::from_der(der).ok().and_then(|(_, key)| bits(&key))
}

/// Base64 with blanks anywhere, padded or not at all.
fn base64(text: &str) -> Option<Vec<u8>> {
    if text.len() > MAX_KEY {
        return None;
    }
    let signs: Vec<u8> = text.bytes().filter(|b| !b.is_ascii_whitespace()).collect();
    let end = signs.iter().position(|b| *b == b'=').unwrap_or(signs.len());
    let (signs, padding) = signs.split_at(end);
    let padded = padding.is_empty() || (signs.len() + padding.len()).is_multiple_of(4);
    if !padded || padding.len() > 2 || padding.iter().any(|b| *b != b'=') || signs.len() % 4 == 1 {
        return None;
    }
    let (mut bytes, mut held, mut count) = (Vec::new(), 0_u32, 0_u32);
    for sign in signs {
        let value = match sign {
            b'A'..=b'Z' => sign - b'A',
            b'a'..=b'z' => sign - b'a' + 26,
            b'0'..=b'9' => sign - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        held = (held << 6) | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push(u8::try_from((held >> count) & 0xff).ok()?);
            held &= (1 << count) - 1;
        }
    }
    Some(bytes)
}

/// What one selector publishes.
type Published = Result<Result<(Key, bool), Unusable>, Failure>;

/// Looks at every selector.
pub(super) async fn look(names: &impl Names, domain: &str, selectors: &[String]) -> Section {
    let asked = selectors.iter().map(|selector| async move {
        let name = format!("{selector}._domainkey.{domain}");
        let read = texts(names, &name).await.map(|texts| match texts.as_slice() {
            [] => Err(Unusable::Missing),
            [only] => parse(only),
            several => Err(Unusable::Several(several.len())),
        });
        (selector.as_str(), read)
    });
    read(&join_all(asked).await)
}

/// Reads all selectors together.
fn read(selectors: &[(&str, Published)]) -> Section {
    let mut readings = Readings::new();
    let (mut failure, mut unusable, mut testing) = (None, Vec::new(), Vec::new());
    let mut bits: Option<usize> = None;
    for (selector, published) in selectors {
        let mut shorter = |found: usize| bits = Some(bits.map_or(found, |b| b.min(found)));
        let (says, odd) = match published {
            Ok(Ok((key, in_test))) => {
                let key = match key {
                    Key::Rsa(found) => {
                        shorter(*found);
                        format!("RSA with {found} bits")
                    }
                    Key::Ed25519 => "Ed25519".to_owned(),
                };
                if *in_test {
                    testing.push(*selector);
                    unusable.push(*selector);
                    (format!("{key}: {}", Unusable::Testing), true)
                } else {
                    (key, false)
                }
            }
            Ok(Err(why)) => {
                if let Unusable::Short(found) = why {
                    shorter(*found);
                }
                unusable.push(*selector);
                (why.to_string(), true)
            }
            Err(silence) => {
                failure = failure.or(Some(silence.clone()));
                (silence.to_string(), true)
            }
        };
        readings = readings.part(format!("DKIM selector {selector}"), says, odd);
    }
    if failure.is_none() || !unusable.is_empty() {
        readings = readings.flag("dkim_ok", unusable.is_empty());
    }
    if failure.is_none() {
        readings = readings.texts("dkim_unusable", unusable).texts("dkim_testing", testing);
        if let Some(bits) = bits {
            #[expect(clippy::cast_precision_loss, reason = "a key has some thousand bits")]
            let bits = bits as f64;
            readings = readings.number("dkim_bits", bits);
        }
    }
    Section { readings, failure }
}

#[cfg(test)]
#[path = "dkim_tests.rs"]
mod tests;
