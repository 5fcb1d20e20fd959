//! Tokens against a provider's keys, served on loopback as a provider serves them.

use jsonwebtoken::{EncodingKey, Header, encode};
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::*;

/// A provider with one key.
struct Issuer {
    key: EncodingKey,
    url: String,
}

impl Issuer {
    /// Serves the discovery document and the key set.
    async fn start() -> Self {
        let pair = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).expect("a key");
        let key = EncodingKey::from_ec_der(&pair.serialize_der());
        let mut jwk = Jwk::from_encoding_key(&key, Algorithm::ES256).expect("its public half");
        jwk.common.key_id = Some("first".to_owned());
        let set = serde_json::to_string(&JwkSet { keys: vec![jwk] }).expect("JSON");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let about = json!({ "issuer": url, "jwks_uri": format!("{url}/keys") }).to_string();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut request = vec![0; 4096];
                let read = stream.read(&mut request).await.unwrap_or_default();
                let asks_keys = request[..read].starts_with(b"GET /keys ");
                let body = if asks_keys { &set } else { &about };
                let answer = format!(
                    "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                    body.len()
                );
                drop(stream.write_all(answer.as_bytes()).await);
            }
        });
        Self { key, url }
    }

    fn provider(&self) -> Provider {
        Provider {
            issuer: self.url.clone(),
            audience: "launchgate".to_owned(),
            keys: None,
            identity: "sub".to_owned(),
            identities: BTreeMap::new(),
            groups: "groups".to_owned(),
            roles: BTreeMap::from([("release".to_owned(), Role::Commander)]),
        }
    }

    async fn oidc(&self, provider: Provider) -> Oidc {
        let oidc = Oidc::start(provider);
        let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
        while oidc.keys.read().expect("unbroken").is_empty() {
            assert!(tokio::time::Instant::now() < deadline, "no keys came");
            tokio::task::yield_now().await;
        }
        oidc
    }

    fn claims(&self) -> Value {
        let now = jiff::Timestamp::now().as_second();
        json!({
            "iss": self.url, "aud": "launchgate", "sub": "alice", "groups": ["release"],
            "iat": now, "exp": now + 300,
        })
    }

    fn token(&self, kid: &str, claims: &Value) -> String {
        let head = Header { kid: Some(kid.to_owned()), ..Header::new(Algorithm::ES256) };
        encode(&head, claims, &self.key).expect("it is signed")
    }
}

#[tokio::test]
async fn a_token_of_the_provider_says_who_and_what() {
    let issuer = Issuer::start().await;
    let oidc = issuer.oidc(issuer.provider()).await;
    let read = oidc.read(&issuer.token("first", &issuer.claims())).expect("it counts");
    assert_eq!((read.identity.as_str(), read.roles), ("alice", vec![Role::Commander]));
    let mut claims = issuer.claims();
    claims["groups"] = json!(["others"]);
    let read = oidc.read(&issuer.token("first", &claims)).expect("it counts");
    assert_eq!(read.roles, [Role::Viewer], "whoever is in no group reads");
}

#[tokio::test]
async fn a_token_that_does_not_count_is_told_why_and_not_repeated() {
    let issuer = Issuer::start().await;
    let other = Issuer::start().await;
    let oidc = issuer.oidc(issuer.provider()).await;
    let now = jiff::Timestamp::now().as_second();
    let with = |key: &str, value: Value| {
        let mut claims = issuer.claims();
        claims[key] = value;
        issuer.token("first", &claims)
    };
    let mut without_end = issuer.claims();
    without_end.as_object_mut().expect("an object").remove("exp");
    let unsigned = {
        let good = issuer.token("first", &issuer.claims());
        let (rest, _) = good.rsplit_once('.').expect("three parts");
        format!("{rest}.")
    };
    let none = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbGljZSJ9.".to_owned();
    let shared = {
        let key = EncodingKey::from_secret(b"guess");
        encode(&Header::new(Algorithm::HS256), &issuer.claims(), &key).expect("it is signed")
    };
    let rows = [
        ("expired", with("exp", json!(now - 60)), "ExpiredSignature"),
        ("not yet", with("nbf", json!(now + 600)), "ImmatureSignature"),
        ("for another", with("aud", json!("billing")), "InvalidAudience"),
        ("of another", with("iss", json!("https://evil.example")), "InvalidIssuer"),
        ("without an end", issuer.token("first", &without_end), "exp"),
        ("unknown key", issuer.token("second", &issuer.claims()), "is not known"),
        ("another's key", other.token("first", &issuer.claims()), "InvalidSignature"),
        ("no signature", unsigned, "InvalidSignature"),
        ("no algorithm", none, "cannot be read"),
        ("a shared secret", shared, "HS256 are not taken"),
        ("nobody", with("sub", json!(7)), "has no `sub`"),
        ("an odd name", with("sub", json!("a b")), "is no name here"),
        ("garbage", "a.b.c".to_owned(), "cannot be read"),
        ("too long", format!("{}.b.c", "a".repeat(MAX_TOKEN)), "too long"),
    ];
    for (row, token, says) in rows {
        let refused = oidc.read(&token).expect_err(row);
        assert!(refused.contains(says), "{row}: {refused}");
        assert!(!refused.contains(&token), "{row}");
    }
}

#[tokio::test]
async fn identities_may_be_listed() {
    let issuer = Issuer::start().await;
    let identities = BTreeMap::from([("alice@shop.example".to_owned(), Name::of("alice"))]);
    let identity = "email".to_owned();
    let oidc = issuer.oidc(Provider { identity, identities, ..issuer.provider() }).await;
    let with = |mail: &str| {
        let mut claims = issuer.claims();
        claims["email"] = json!(mail);
        oidc.read(&issuer.token("first", &claims))
    };
    assert_eq!(with("alice@shop.example").expect("she is listed").identity.as_str(), "alice");
    let refused = with("alice@evil.example").expect_err("she is not");
    assert!(refused.contains("not known here"), "{refused}");
}
