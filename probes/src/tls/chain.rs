//! The shape of a presented chain: its order, what is missing from it, and what it holds without need.
//!
//! A client may still accept a chain of bad shape, by certificates that it happens to have. Whether it does is said
//! elsewhere; nothing is fetched to complete a chain.

use rustls::RootCertStore;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::{GeneralName, ParsedExtension};

use super::der;

/// The most certificates of a chain that is not odd.
const USUAL: usize = 4;
/// How a certificate says where its issuer's can be had.
const CA_ISSUERS: &str = "1.3.6.1.5.5.7.48.2";

/// What is to be said of a chain.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Shape {
    /// How many certificates were presented.
    pub(super) length: usize,
    /// The issuer that is neither presented nor a root, and where it can be had; empty where none is missing.
    pub(super) missing: String,
    /// What is wrong with it.
    pub(super) faults: Vec<String>,
}

/// Reads the shape of a chain, the leaf first.
pub(super) fn shape(parsed: &[X509Certificate<'_>], roots: &RootCertStore) -> Shape {
    let mut faults = Vec::new();
    let Some((leaf, rest)) = parsed.split_first() else { return Shape::default() };
    let way = issuers(parsed);
    let top = way.last().copied().unwrap_or(leaf);
    let is_root = |c: &X509Certificate<'_>| c.subject().as_raw() == c.issuer().as_raw();
    let missing = if is_root(top) || is_anchor(roots, top.issuer().as_raw()) {
        String::new()
    } else {
        let place = places(top).map(|url| format!(", to be had at {url}")).unwrap_or_default();
        format!("{}{place}", top.issuer())
    };
    if !missing.is_empty() {
        faults.push(format!("the issuer is missing: {missing}"));
    }
    let ordered = way.iter().zip(rest).all(|(wanted, sent)| wanted.subject() == sent.subject());
    if !ordered {
        faults.push("the certificates are not in the order of their issuers".to_owned());
    }
    if rest.iter().any(is_root) {
        faults.push("a root is sent along".to_owned());
    }
    let strays = rest.iter().filter(|c| !is_root(c) && !way.iter().any(|w| std::ptr::eq(*w, *c)));
    for stray in strays {
        faults.push(format!("not needed: {}", stray.subject()));
    }
    if parsed.len() > USUAL {
        faults.push(format!("{} certificates are more than {USUAL}", parsed.len()));
    }
    Shape { length: parsed.len(), missing, faults }
}

/// The presented certificates on the way up from the leaf by issuer and subject, without the leaf.
pub(super) fn issuers<'c, 'd>(parsed: &'c [X509Certificate<'d>]) -> Vec<&'c X509Certificate<'d>> {
    let mut way: Vec<&X509Certificate<'d>> = Vec::new();
    let Some((leaf, rest)) = parsed.split_first() else { return way };
    let mut below = leaf;
    while way.len() < rest.len() && below.subject() != below.issuer() {
        let Some(above) = rest.iter().find(|c| c.subject() == below.issuer()) else { break };
        way.push(above);
        below = above;
    }
    way
}

/// Whether a trusted root has this name, given in DER.
fn is_anchor(roots: &RootCertStore, name: &[u8]) -> bool {
    der::inside(name).is_some_and(|name| roots.roots.iter().any(|r| r.subject.as_ref() == name))
}

/// Where a certificate says that its issuer's can be had.
fn places<'a>(certificate: &'a X509Certificate<'_>) -> Option<&'a str> {
    certificate.extensions().iter().find_map(|extension| {
        let ParsedExtension::AuthorityInfoAccess(access) = extension.parsed_extension() else {
            return None;
        };
        access.iter().find_map(|place| {
            let issuers = place.access_method.to_id_string() == CA_ISSUERS;
            match &place.access_location {
                GeneralName::URI(url) if issuers => Some(*url),
                _ => None,
            }
        })
    })
}
