//! The files of TLS: every mistake in them, and what becomes of those that change while they are served by.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::authority::{Authority, Leaf};
use super::*;

/// A folder that goes with its test.
pub(in super::super) struct Folder(PathBuf);

impl Folder {
    pub(in super::super) fn new(name: &str) -> Self {
        let folder = format!("launchgate-tls-{name}-{}", std::process::id());
        let path = std::env::temp_dir().join(folder);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(in super::super) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).unwrap();
        path
    }

    pub(in super::super) fn serve_by(&self, leaf: &Leaf) -> Files {
        let (certificate, key) =
            (self.write("tls.crt", &leaf.pem), self.write("tls.key", &leaf.key));
        Files { certificate, key, clients: None }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).unwrap();
    }
}

/// Every problem in a line, without the folder.
fn told(files: &Files, folder: &Path) -> String {
    let lines = files.problems().into_iter().map(|problem| {
        let hint = problem.hint.map(|hint| format!(" ({hint})")).unwrap_or_default();
        format!("{}: {}{hint}\n", problem.path, problem.message)
    });
    lines.collect::<String>().replace(&format!("{}/", folder.display()), "")
}

const PEM: &str = "PEM: the server's own certificate first, then those that lead to its authority";
const NO_PASSPHRASE: &str =
    "write it in PEM and without a passphrase: `openssl pkey -in KEY -out NEW`";

/// Something of PEM that holds nothing that can be read.
fn broken(kind: &str) -> String {
    format!("-----BEGIN {kind}-----\nMIIB\n-----END {kind}-----\n")
}

fn clients(ca: &Path, crl: Option<&Path>) -> Option<Clients> {
    Some(Clients { ca: ca.to_owned(), required: false, crl: crl.map(Path::to_owned) })
}

fn check(folder: &Folder, rows: impl IntoIterator<Item = (&'static str, Files, String)>) {
    for (row, files, expected) in rows {
        let told = told(&files, &folder.0);
        assert_eq!(told, expected, "{row}");
        assert!(!told.contains("MIIB"), "{row}: nothing of a file is repeated");
    }
}

#[test]
fn everything_that_is_wrong_with_certificate_and_key_is_told() {
    let folder = Folder::new("mistakes");
    let authority = Authority::new("Rig");
    let good = folder.serve_by(&authority.issue(&["dns:localhost"], 30));
    let other = folder.write("other.key", &authority.issue(&["dns:localhost"], 30).key);
    let encrypted = folder.write("encrypted.key", &broken("ENCRYPTED PRIVATE KEY"));
    let cut = folder.write("cut.crt", &broken("CERTIFICATE"));
    let place = |name: &str| folder.0.join(name);
    let rows = [
        ("nothing", good.clone(), String::new()),
        (
            "both are missing",
            Files { certificate: place("no.crt"), key: place("no.key"), clients: None },
            "certificate: no.crt: No such file or directory (os error 2)\n\
             key: no.key: No such file or directory (os error 2)\n"
                .to_owned(),
        ),
        (
            "each in the other's place",
            Files { certificate: good.key.clone(), key: good.certificate.clone(), clients: None },
            format!(
                "certificate: tls.key holds no certificate ({PEM})\n\
                 key: tls.crt holds no private key ({NO_PASSPHRASE})\n"
            ),
        ),
        (
            "another's key",
            Files { key: other, ..good.clone() },
            "key: the key in other.key does not belong to the certificate in tls.crt \
             (the server's own certificate stands first in its file)\n"
                .to_owned(),
        ),
        (
            "a key with a passphrase",
            Files { key: encrypted, ..good.clone() },
            format!("key: encrypted.key holds no private key ({NO_PASSPHRASE})\n"),
        ),
        (
            "half a certificate",
            Files { certificate: cut, ..good.clone() },
            format!("certificate: the certificate in cut.crt cannot be read ({PEM})\n"),
        ),
        (
            "a folder",
            Files { certificate: folder.0.clone(), ..good.clone() },
            format!("certificate: {}: it is no regular file\n", folder.0.display()),
        ),
    ];
    check(&folder, rows);
}

#[test]
fn everything_that_is_wrong_with_authorities_and_lists_is_told() {
    let folder = Folder::new("clients");
    let authority = Authority::new("Rig");
    let good = folder.serve_by(&authority.issue(&["dns:localhost"], 30));
    let ca = folder.write("ca.pem", &authority.pem());
    let crl = folder.write("crl.pem", &authority.revoke(&[], 30));
    let cut = folder.write("cut.pem", &broken("CERTIFICATE"));
    let cut_list = folder.write("cut.crl", &broken("X509 CRL"));
    let long = folder.write("long.pem", &"x".repeat((1 << 20) + 1));
    let rows = [
        ("nothing", clients(&ca, Some(&crl)), ""),
        (
            "missing",
            clients(&folder.0.join("no.ca"), Some(&folder.0.join("no.crl"))),
            "clients.ca: no.ca: No such file or directory (os error 2)\n\
             clients.crl: no.crl: No such file or directory (os error 2)\n",
        ),
        ("without end", clients(&long, None), "clients.ca: long.pem: it is longer than 1 MiB\n"),
        (
            "an authority that cannot be read, and no list",
            clients(&cut, Some(&ca)),
            "clients.ca: cut.pem holds a certificate that cannot be read\n\
             clients.crl: ca.pem holds no list of revocations\n",
        ),
        (
            "a list that cannot be read",
            clients(&ca, Some(&cut_list)),
            "clients.crl: cut.crl holds a list that cannot be read\n",
        ),
    ];
    let rows = rows.map(|(row, clients, expected)| {
        (row, Files { clients, ..good.clone() }, expected.to_owned())
    });
    check(&folder, rows);
}

/// The remarks on what the files hold.
fn remarks(files: &Files) -> String {
    let contents = Contents::read(files);
    let material = Material::of(&contents).unwrap_or_else(|problems| panic!("{problems:?}"));
    material.remarks().join("\n")
}

#[test]
fn what_is_odd_is_remarked_and_served_by_all_the_same() {
    let folder = Folder::new("remarks");
    let authority = Authority::new("Rig");
    let good = folder.serve_by(&authority.issue(&["dns:localhost"], 30));
    assert_eq!(remarks(&good), "");
    std::fs::set_permissions(&good.key, PermissionsExt::from_mode(0o644)).unwrap();
    assert!(
        remarks(&good).starts_with("others than its owner and group may read or write the key in ")
    );
    let expired = folder.serve_by(&authority.issue(&["dns:localhost"], -2));
    assert!(remarks(&expired).contains("/tls.crt expired at 20"), "{}", remarks(&expired));
    let good = folder.serve_by(&authority.issue(&["dns:localhost"], 30));
    let ca = folder.write("ca.pem", &authority.pem());
    let crl = Some(folder.write("old.crl", &authority.revoke(&[], -2)));
    let old = Files { clients: Some(Clients { ca, required: false, crl }), ..good };
    assert!(remarks(&old).contains("/old.crl was to be replaced by 20"), "{}", remarks(&old));
}

#[tokio::test(start_paused = true)]
async fn files_that_change_are_taken_over_within_a_minute_and_bad_ones_never() {
    let folder = Folder::new("renewal");
    let authority = Authority::new("Rig");
    let files = folder.serve_by(&authority.issue(&["dns:localhost"], 30));
    let tls = Tls::start(files).unwrap();
    let first = tls.ends();
    // The files are half written when they are looked at.
    let next = authority.issue(&["dns:localhost"], 60);
    folder.write("tls.crt", &next.pem);
    tokio::time::sleep(LOOK * 2).await;
    assert_eq!(tls.ends(), first, "the key does not belong to it yet");
    folder.write("tls.key", &next.key);
    let taken = async {
        while tls.ends() == first {
            tokio::time::sleep(LOOK / 10).await;
        }
    };
    tokio::time::timeout(LOOK * 3, taken).await.expect("it is taken over in time");
    let second = tls.ends();
    assert!(second > first);
    for bad in ["", "nonsense"] {
        folder.write("tls.crt", bad);
        tls.renew().await;
        assert_eq!(tls.ends(), second, "{bad:?}");
    }
    std::fs::remove_file(folder.0.join("tls.crt")).unwrap();
    tls.renew().await;
    assert_eq!(tls.ends(), second, "it is gone");
}
