//! Ratings that were derived by hand from the published rules. What an interval leaves open is named in its row.

use std::time::Duration;

use super::super::facts::{Answered, Certificate, Digest, Fallback, Hsts, Key, Order, Pick, Table};
use super::super::flaws::Flaw;
use super::super::suite::{Exchange, Suite};
use super::super::version::Version;
use super::super::{Criteria, Reading};
use super::*;

const R: Reading = Reading { criteria: Criteria::R, strict: false };
const Q: Reading = Reading { criteria: Criteria::Q, strict: false };
const STRICT: Reading = Reading { criteria: Criteria::R, strict: true };
const X25519: Option<Exchange> = Some(Exchange::Group(29));

fn suite(number: u16) -> Suite {
    Suite::of(number).expect("it is in the table")
}

fn table(version: Version, suites: &[u16]) -> Table {
    let picks = suites.iter().map(|number| {
        let suite = suite(*number);
        let exchange = match () {
            () if suite.has_prime() => Some(Exchange::Prime(2048)),
            () if suite.has_group() || version == Version::Tls13 => X25519,
            () => None,
        };
        Pick { suite, exchange }
    });
    Table { version, picks: picks.collect(), order: Order::Server, open: Vec::new() }
}

/// TLS 1.2 and 1.3 with AEAD and ECDHE alone, RSA 2048, a year of HSTS: 30 + 27 + 36 = 93, and nothing caps it.
fn modern() -> Facts {
    let tables = vec![
        table(Version::Tls12, &[0xc02f, 0xc030, 0xcca8]),
        table(Version::Tls13, &[0x1302, 0x1303, 0x1301]),
    ];
    let versions = Version::ALL.map(|version| {
        let offered = tables.iter().any(|table| table.version == version);
        (version, if offered { Answered::Offered } else { Answered::Absent })
    });
    Facts {
        versions: versions.into_iter().collect(),
        tables,
        groups: vec![29, 23, 24],
        renegotiation: Some(true),
        compression: false,
        heartbeat: false,
        tickets: true,
        extended_master_secret: true,
        fallback: Fallback::Refused,
        certificates: vec![Certificate {
            subject: "CN=shop.example".to_owned(),
            key: Key::Rsa { bits: 2048, exponent_one: false },
            digest: Digest::Strong,
            trust: Trust::Trusted,
            mismatch: false,
            incomplete: false,
        }],
        hsts: Hsts::Kept(Duration::from_secs(31_536_000)),
        excluded: Vec::new(),
    }
}

/// The same, with only these tables.
fn only(tables: Vec<Table>) -> Facts {
    let mut facts = modern();
    for (version, answered) in &mut facts.versions {
        let offered = tables.iter().any(|table| table.version == *version);
        *answered = if offered { Answered::Offered } else { Answered::Absent };
    }
    if tables.len() < 2 {
        facts.fallback = Fallback::Nowhere;
    }
    facts.tables = tables;
    // Each row is about one rule; flaws have rows of their own.
    facts.excluded = Flaw::ALL.to_vec();
    facts
}

/// The same as [`modern`], with one table more.
fn besides(table: Table) -> Facts {
    let mut tables = modern().tables;
    tables.retain(|t| t.version != table.version);
    tables.push(table);
    tables.sort_by_key(|t| t.version);
    only(tables)
}

fn with(change: impl FnOnce(&mut Facts)) -> Facts {
    let mut facts = modern();
    change(&mut facts);
    facts
}

fn leaf(change: impl FnOnce(&mut Certificate)) -> Facts {
    with(|facts| change(&mut facts.certificates[0]))
}

type Row = (&'static str, Reading, Facts, Grade, Grade);

fn check(rows: Vec<Row>) {
    for (row, reading, facts, lower, upper) in rows {
        let rating = rate(&facts, reading);
        let holding: Vec<String> = rating
            .rulings
            .iter()
            .filter(|r| !matches!(r.holds, Holds::No | Holds::Never(_)))
            .map(ToString::to_string)
            .collect();
        assert_eq!(rating.grade, Range { lower, upper }, "{row}: {holding:#?}");
    }
}

#[test]
fn protocols_cap() {
    use Grade::{A, AMinus, APlus, B, C, F};
    let tls12 = || only(vec![table(Version::Tls12, &[0xc02f, 0xc030])]);
    let tls13 = || only(vec![table(Version::Tls13, &[0x1301, 0x1302])]);
    let old = |version| besides(table(version, &[0xc014, 0xc013]));
    let open = |version| {
        with(|facts| {
            facts.versions.insert(version, Answered::Open);
            facts.tables.retain(|table| table.version != version);
        })
    };
    check(vec![
        ("TLS 1.2 and 1.3", R, modern(), APlus, APlus),
        // 30 + 27 + 36 = 93; since 2009r TLS 1.3 is asked for.
        ("TLS 1.2 alone, 2009r", R, tls12(), AMinus, AMinus),
        ("TLS 1.2 alone, 2009q", Q, tls12(), APlus, APlus),
        ("TLS 1.3 alone", R, tls13(), APlus, APlus),
        ("TLS 1.3 alone, with the quirk", STRICT, tls13(), A, A),
        // (100 + 90) / 2 = 95: 28.5 + 27 + 36 = 91.5.
        ("TLS 1.0 besides", R, old(Version::Tls10), B, B),
        ("TLS 1.1 besides", Q, old(Version::Tls11), B, B),
        ("nothing newer than TLS 1.1", R, only(vec![table(Version::Tls11, &[0xc014])]), C, C),
        ("SSL 3 besides, with CBC", R, besides(table(Version::Ssl3, &[0x002f])), C, C),
        ("SSL 3 besides, with RC4", R, besides(table(Version::Ssl3, &[0x0005])), B, B),
        ("SSL 3 alone", R, only(vec![table(Version::Ssl3, &[0x002f])]), F, F),
        (
            "SSL 2 besides",
            R,
            with(|f| {
                f.versions.insert(Version::Ssl2, Answered::Offered);
            }),
            F,
            F,
        ),
        ("no answer to TLS 1.0", R, open(Version::Tls10), B, APlus),
        ("no answer to TLS 1.3", R, open(Version::Tls13), AMinus, APlus),
        ("compression", R, with(|f| f.compression = true), C, C),
    ]);
}

#[test]
fn suites_cap() {
    use Grade::{AMinus, APlus, B, C, F};
    let tls12 = |suites: &[u16]| besides(table(Version::Tls12, suites));
    let lone = |suites: &[u16]| only(vec![table(Version::Tls12, suites)]);
    let prime = |bits| {
        let mut facts = tls12(&[0xc02f, 0x009e]);
        facts.tables[0].picks[1].exchange = Some(Exchange::Prime(bits));
        facts
    };
    let clients_order = |suites: &[u16]| {
        let mut facts = lone(suites);
        facts.tables[0].order = Order::Client;
        facts
    };
    let unknown_order = |suites: &[u16]| {
        let mut facts = lone(suites);
        facts.tables[0].order = Order::Open;
        facts
    };
    let open = |number| with(|f| f.tables[0].open = vec![suite(number)]);
    check(vec![
        ("RC4 at the end", R, tls12(&[0xc02f, 0xc011]), B, B),
        ("RC4 before all", R, tls12(&[0xc011, 0xc02f]), C, C),
        ("RC4 alone", R, lone(&[0xc011, 0x0005]), F, F),
        // (100 + 20) / 2 = 60: 30 + 27 + 24 = 81.
        ("3DES at the end", R, tls12(&[0xc02f, 0xc012]), APlus, APlus),
        ("3DES before all", R, tls12(&[0xc012, 0xc02f]), C, C),
        ("export", R, tls12(&[0xc02f, 0x0003]), F, F),
        ("anonymous", R, tls12(&[0xc02f, 0x0034]), F, F),
        ("without encryption", R, tls12(&[0xc02f, 0xc010]), F, F),
        ("DES", R, tls12(&[0xc02f, 0x0015]), F, F),
        ("a prime of 2048 bits", R, prime(2048), APlus, APlus),
        // 30 + 24 + 36 = 90.
        ("a prime of 1024 bits", R, prime(1024), B, B),
        ("a prime of 768 bits", R, prime(768), F, F),
        ("RSA key exchange alone", Q, lone(&[0x009d, 0x009c]), B, B),
        ("CBC alone", Q, lone(&[0xc028, 0xc014]), B, B),
        // Java 8 takes DHE, browsers have none.
        ("forward secrecy for some", Q, lone(&[0x009f, 0x009d]), AMinus, AMinus),
        ("the clients' order", Q, clients_order(&[0x009d, 0xc030]), APlus, APlus),
        // Java puts RSA with 256 bits before ECDHE with 128.
        ("the order of some", Q, clients_order(&[0x009d, 0xc02f]), AMinus, AMinus),
        ("nobody knows whose order", Q, unknown_order(&[0x009d, 0xc02f]), B, APlus),
        ("no answer for an export suite", R, open(0x0003), F, APlus),
        // 256 bits, of which nothing can come but more of the same.
        ("no answer for a strong suite", R, open(0xc0ad), APlus, APlus),
    ]);
}

#[test]
fn certificates_cap() {
    use Grade::{A, APlus, B, F, M, T};
    let refused = || Trust::Refused("expired".to_owned());
    let open = || Trust::Open("not presented".to_owned());
    let key = |key| leaf(|c| c.key = key);
    let rsa = |bits| key(Key::Rsa { bits, exponent_one: false });
    check(vec![
        ("RSA 4096", R, rsa(4096), APlus, APlus),
        // 30 + 24 + 36 = 90.
        ("RSA 1024", R, rsa(1024), B, B),
        ("RSA 1023", R, rsa(1023), F, F),
        ("EC 256", R, key(Key::Curve(256)), APlus, APlus),
        ("EC 192", R, key(Key::Curve(192)), B, B),
        ("an exponent of 1", R, key(Key::Rsa { bits: 2048, exponent_one: true }), F, F),
        ("a key that nobody knows", R, key(Key::Unknown), F, APlus),
        ("MD5", R, leaf(|c| c.digest = Digest::Md5), F, F),
        ("SHA-1", R, leaf(|c| c.digest = Digest::Sha1), A, A),
        ("an incomplete chain", R, leaf(|c| c.incomplete = true), B, B),
        (
            "an incomplete chain that may end anywhere",
            R,
            leaf(|c| (c.incomplete, c.trust) = (true, open())),
            T,
            B,
        ),
        ("expired", R, leaf(|c| c.trust = refused()), T, T),
        ("another name", R, leaf(|c| c.mismatch = true), M, M),
        ("both", R, leaf(|c| (c.mismatch, c.trust) = (true, refused())), T, T),
        ("none was seen", R, with(|f| f.certificates.clear()), T, APlus),
    ]);
    let rating = rate(&leaf(|c| c.trust = refused()), R);
    assert_eq!(rating.trust_ignored.point(), Some(APlus), "the grade that ignores trust");
}

#[test]
fn warnings_and_what_an_a_plus_asks_for() {
    use Grade::{A, AMinus, APlus, F};
    let hsts = |hsts| with(|f| f.hsts = hsts);
    let kept = |seconds| hsts(Hsts::Kept(Duration::from_secs(seconds)));
    let fallback = |tables: &[Version], fallback| {
        let mut facts = only(
            tables.iter().map(|v| table(*v, Suite::lots(*v)[0].get(..1).unwrap_or(&[]))).collect(),
        );
        facts.fallback = fallback;
        facts
    };
    let both = [Version::Tls12, Version::Tls13];
    check(vec![
        ("HSTS for 180 days", R, kept(15_552_000), APlus, APlus),
        ("HSTS for less", R, kept(15_551_999), A, A),
        ("HSTS switched off", R, kept(0), A, A),
        ("no HSTS", R, hsts(Hsts::Nothing("no header".to_owned())), A, A),
        ("HSTS could not be asked for", R, hsts(Hsts::Open("no answer".to_owned())), A, APlus),
        // Renegotiation that is bound to nothing may also be open to clients.
        ("no secure renegotiation", R, with(|f| f.renegotiation = Some(false)), F, AMinus),
        ("a fallback below TLS 1.3", R, fallback(&both, Fallback::Accepted), APlus, APlus),
        ("the same with the quirk", STRICT, fallback(&both, Fallback::Accepted), A, A),
        ("refused, with the quirk", STRICT, fallback(&both, Fallback::Refused), APlus, APlus),
    ]);
}

#[test]
fn a_flaw_that_nothing_rules_out_leaves_a_range() {
    use Grade::{APlus, F};
    let bare = |suites: &[u16]| {
        let mut facts = only(vec![table(Version::Tls12, suites), table(Version::Tls13, &[0x1301])]);
        facts.excluded.clear();
        facts
    };
    let older = |suites: &[u16]| {
        let mut facts = only(vec![table(Version::Tls12, suites)]);
        (facts.excluded, facts.groups) = (Vec::new(), vec![23]);
        (facts.extended_master_secret, facts.tickets) = (false, false);
        facts
    };
    let but = |mut facts: Facts, flaw| {
        facts.excluded.push(flaw);
        facts
    };
    check(vec![
        ("CBC", R, bare(&[0xc02f, 0xc014]), F, APlus),
        (
            "CBC, tested elsewhere",
            R,
            but(bare(&[0xc02f, 0xc014]), Flaw::PaddingOracle),
            APlus,
            APlus,
        ),
        ("RSA key exchange", R, bare(&[0xc02f, 0x009c]), F, APlus),
        ("neither", R, bare(&[0xc02f, 0x009e]), APlus, APlus),
        ("heartbeats", R, with(|f| f.heartbeat = true), F, APlus),
        ("an old server", Q, older(&[0xc02f]), F, APlus),
        ("an old server, tested elsewhere", Q, but(older(&[0xc02f]), Flaw::EarlyCcs), APlus, APlus),
    ]);
}

#[test]
fn reference_clients_take_what_they_would_take() {
    let rating = rate(&modern(), R);
    let seen: Vec<String> = rating.choices.iter().map(ToString::to_string).collect();
    assert_eq!(
        seen,
        [
            "Chrome: TLS 1.3 TLS_AES_256_GCM_SHA384",
            "Edge: TLS 1.3 TLS_AES_256_GCM_SHA384",
            "Firefox: TLS 1.3 TLS_AES_256_GCM_SHA384",
            "Safari: TLS 1.3 TLS_AES_256_GCM_SHA384",
            "Java 8: TLS 1.2 TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
            "Java 11: TLS 1.3 TLS_AES_256_GCM_SHA384",
            "OpenSSL 1.1.1: TLS 1.3 TLS_AES_256_GCM_SHA384",
            "Android 8: TLS 1.2 TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
        ]
    );
}
