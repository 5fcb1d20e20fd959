//! An authority that signs certificates for servers and for people, and takes them back. Its keys stay in memory.

use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer, DnType,
    ExtendedKeyUsagePurpose, IsCa, KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams,
    SanType, SerialNumber,
};

const DAY: Duration = Duration::from_secs(86_400);

/// An authority.
pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate with its key, both in PEM.
#[derive(Debug, Clone)]
pub(crate) struct Leaf {
    pub(crate) pem: String,
    pub(crate) key: String,
    serial: u64,
}

impl Authority {
    /// An authority of this name.
    pub(crate) fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().expect("a key");
        Self(CertifiedIssuer::self_signed(params, key).expect("a certificate"))
    }

    /// Its own certificate.
    pub(crate) fn pem(&self) -> String {
        self.0.pem()
    }

    /// A certificate with these names, such as `dns:localhost` or `email:alice@example.com`, that lasts for another
    /// `days`; a negative number is how long ago it ended. Its common name is always `alice`.
    pub(crate) fn issue(&self, names: &[&str], days: i32) -> Leaf {
        let mut params = CertificateParams::default();
        params.subject_alt_names = names.iter().map(|name| called(name)).collect();
        params.distinguished_name.push(DnType::CommonName, "alice");
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        let (now, span) = (SystemTime::now(), DAY * days.unsigned_abs());
        let end = if days < 0 { now - span } else { now + span };
        params.not_before = (now.min(end) - DAY).into();
        params.not_after = end.into();
        let serial = u64::from_le_bytes(rand());
        params.serial_number = Some(SerialNumber::from(serial));
        let key = KeyPair::generate().expect("a key");
        let leaf = params.signed_by(&key, &self.0).expect("a certificate");
        Leaf { pem: leaf.pem(), key: key.serialize_pem(), serial }
    }

    /// Its list of what it has taken back, which it will replace in so many days, or was to replace.
    pub(crate) fn revoke(&self, leaves: &[&Leaf], days: i32) -> String {
        let (now, span) = (SystemTime::now(), DAY * days.unsigned_abs());
        let next = if days < 0 { now - span } else { now + span };
        let began = now.min(next) - DAY;
        let revoked = leaves.iter().map(|leaf| RevokedCertParams {
            serial_number: SerialNumber::from(leaf.serial),
            revocation_time: began.into(),
            reason_code: None,
            invalidity_date: None,
        });
        let list = CertificateRevocationListParams {
            this_update: began.into(),
            next_update: next.into(),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: revoked.collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        list.signed_by(&self.0).and_then(|list| list.pem()).expect("a list")
    }
}

/// Eight bytes that no other certificate has as its number.
fn rand() -> [u8; 8] {
    use std::hash::{BuildHasher as _, RandomState};
    // The first bit would make it a negative number.
    (RandomState::new().hash_one(SystemTime::now()) >> 1).to_le_bytes()
}

fn called(name: &str) -> SanType {
    let (kind, value) = name.split_once(':').expect("a kind and a name");
    let text = || value.try_into().expect("ASCII");
    match kind {
        "dns" => SanType::DnsName(text()),
        "email" => SanType::Rfc822Name(text()),
        "uri" => SanType::URI(text()),
        "ip" => SanType::IpAddress(value.parse().expect("an address")),
        _ => panic!("{name}"),
    }
}
