//! A site that speaks TLS, with people who are known by certificates: `NAME@example.com` is a name in NAME's.

use std::sync::Arc;

use launchgate_core::name::Name;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};
use tokio_rustls::TlsConnector;

use super::site::{Site, tokens};
use crate::web::auth::{Role, Tokens};
use crate::web::certificates::{KnownBy, Listed};
use crate::web::rate::Rate;
use crate::web::tls::authority::{Authority, Leaf};
use crate::web::tls::tests::Folder;
use crate::web::tls::{Clients, Files, Tls};

/// No test is a client that asks too often, but those that mean to be.
const NO_LIMIT: Rate = Rate { reads_per_second: 0, orders_per_second: 0 };

/// The site and all that it trusts.
pub(super) struct Secure {
    pub(super) site: Site,
    pub(super) authority: Authority,
    pub(super) tls: Tls,
    folder: Folder,
}

/// Somebody who is known by an e-mail address.
pub(super) fn listed(identity: &'static str, role: Role) -> Listed {
    let known_by = KnownBy::Email(format!("{identity}@example.com"));
    Listed { identity: Name::of(identity), roles: vec![role], known_by }
}

impl Secure {
    /// A site where reading takes somebody who is known, by token or certificate, each of its own name.
    pub(super) async fn of(name: &str) -> Self {
        Self::with(name, tokens_and(people()), NO_LIMIT).await
    }

    /// A site with other people, and that may be asked so often.
    pub(super) async fn with(name: &str, tokens: Tokens, rate: Rate) -> Self {
        Self::by(Authority::new("Rig"), name, tokens, rate).await
    }

    /// A site of this authority.
    pub(super) async fn by(authority: Authority, name: &str, tokens: Tokens, rate: Rate) -> Self {
        let folder = Folder::new(name);
        let files = folder.serve_by(&authority.issue(&["dns:localhost"], 30));
        let ca = folder.write("ca.pem", &authority.pem());
        let crl = Some(folder.write("crl.pem", &authority.revoke(&[], 30)));
        let files = Files { clients: Some(Clients { ca, required: false, crl }), ..files };
        let tls = Tls::start(files).expect("the files are good");
        let site = Site::secured(tokens, rate, tls.clone()).await;
        let secure = Self { site, authority, tls, folder };
        let site = secure.site.asked_by(secure.connector(None));
        Self { site, ..secure }
    }

    fn connector(&self, leaf: Option<&Leaf>) -> TlsConnector {
        let mut roots = RootCertStore::empty();
        let pem = self.authority.pem();
        roots.add(CertificateDer::from_pem_slice(pem.as_bytes()).expect("PEM")).expect("a root");
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("it knows them")
            .with_root_certificates(roots);
        let config = match leaf {
            None => config.with_no_client_auth(),
            Some(leaf) => {
                let key = PrivateKeyDer::from_pem_slice(leaf.key.as_bytes()).expect("a key");
                let chain = vec![CertificateDer::from_pem_slice(leaf.pem.as_bytes()).expect("PEM")];
                config.with_client_auth_cert(chain, key).expect("they belong together")
            }
        };
        TlsConnector::from(Arc::new(config))
    }

    /// The site, asked with a certificate of these names.
    pub(super) fn named(&self, names: &[&str]) -> Site {
        self.shown(&self.authority.issue(names, 30))
    }

    /// The site, asked with this certificate.
    pub(super) fn shown(&self, leaf: &Leaf) -> Site {
        self.site.asked_by(self.connector(Some(leaf)))
    }

    /// The site, asked with the certificate of somebody who is listed.
    pub(super) fn person(&self, identity: &str) -> Site {
        self.named(&[&format!("email:{identity}@example.com")])
    }

    /// Takes certificates back.
    pub(super) async fn revoke(&self, leaves: &[&Leaf]) {
        self.folder.write("crl.pem", &self.authority.revoke(leaves, 30));
        self.tls.renew().await;
    }
}

/// One person of each role.
pub(super) fn people() -> Vec<Listed> {
    let names = ["vic", "olga", "tom", "alice", "ada"];
    names.into_iter().zip(Role::ALL).map(|(name, role)| listed(name, role)).collect()
}

/// The tokens of every site, these people, and no reading without either.
pub(super) fn tokens_and(certificates: Vec<Listed>) -> Tokens {
    Tokens { certificates, guard_reads: true, ..tokens() }
}
