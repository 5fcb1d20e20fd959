//! A private certificate authority: root, intermediate, and one leaf per flavour of right and
//! wrong. Made with openssl, whose opinion of certificates is not the one under test.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::process::{TempDir, program, run};

/// What is right or wrong about a leaf. All but the named ones are for 127.0.0.1, `localhost` and
/// `www.example.test`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flavour {
    /// Valid for 91 more days.
    Days91,
    /// Valid for 89 more days.
    Days89,
    /// Ended an hour ago.
    Expired,
    /// For `other.example.test` only.
    WrongHost,
    /// Names its host in the subject only, as nobody may any more.
    MissingSan,
    /// Signed by itself.
    SelfSigned,
    /// Valid for 91 days, served without the intermediate.
    Incomplete,
}

impl Flavour {
    /// Every flavour, in the order of their listeners.
    pub(crate) const ALL: [Self; 7] = [
        Self::Days91,
        Self::Days89,
        Self::Expired,
        Self::WrongHost,
        Self::MissingSan,
        Self::SelfSigned,
        Self::Incomplete,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Days91 => "days91",
            Self::Days89 => "days89",
            Self::Expired => "expired",
            Self::WrongHost => "wrong-host",
            Self::MissingSan => "missing-san",
            Self::SelfSigned => "self-signed",
            Self::Incomplete => "incomplete",
        }
    }

    fn alternative_names(self) -> Option<&'static str> {
        match self {
            Self::WrongHost => Some("DNS:other.example.test"),
            Self::MissingSan => None,
            Self::Days91 | Self::Days89 | Self::Expired | Self::SelfSigned | Self::Incomplete => {
                Some("DNS:localhost,DNS:www.example.test,IP:127.0.0.1")
            }
        }
    }

    /// First and last moment, as `date` understands them.
    fn validity(self) -> (&'static str, &'static str) {
        match self {
            Self::Days89 => ("-1 day", "+89 days"),
            Self::Expired => ("-30 days", "-1 hour"),
            Self::Days91
            | Self::WrongHost
            | Self::MissingSan
            | Self::SelfSigned
            | Self::Incomplete => ("-1 day", "+91 days"),
        }
    }
}

/// The authority's folder with every flavour in it.
#[derive(Debug)]
pub(crate) struct Pki {
    folder: TempDir,
}

impl Pki {
    /// Makes the authority and one leaf per flavour.
    pub(crate) fn new() -> Self {
        let folder = TempDir::new("pki");
        make_authority(&folder);
        for flavour in Flavour::ALL {
            make_leaf(folder.path(), flavour);
        }
        Self { folder }
    }

    /// The root's certificate, which a client must trust.
    pub(crate) fn root(&self) -> PathBuf {
        self.folder.join("root.pem")
    }

    /// What a server sends: the leaf and, unless the flavour lacks it, the intermediate.
    pub(crate) fn chain(&self, flavour: Flavour) -> PathBuf {
        self.folder.join(&format!("{}.chain", flavour.name()))
    }

    /// A leaf that obliges its server to staple, with its chain and its key.
    pub(crate) fn must_staple(&self) -> (PathBuf, PathBuf) {
        let folder = self.folder.path();
        run(openssl(folder, &format!("req {NEW_KEY} -keyout must.key -out must.csr"))
            .args(["-subj", "/CN=localhost", "-addext", "tlsfeature=status_request"])
            .args(["-addext", "subjectAltName=DNS:www.example.test"]));
        run(openssl(folder, "ca -batch -notext -config ca.cnf -days 91")
            .args(["-in", "must.csr", "-out", "must.pem"]));
        let read = |name: &str| std::fs::read_to_string(folder.join(name)).expect("just written");
        let chain = read("must.pem") + &read("int.pem");
        (self.folder.write("must.chain", &chain), self.folder.join("must.key"))
    }

    /// What the authority's responder says of a leaf now, to be stapled; it says so for `days`.
    pub(crate) fn staple(&self, flavour: Flavour, days: u8) -> PathBuf {
        let (folder, name) = (self.folder.path(), flavour.name());
        run(&mut openssl(
            folder,
            &format!("ocsp -issuer int.pem -cert {name}.pem -no_nonce -reqout {name}.ask"),
        ));
        run(&mut openssl(
            folder,
            &format!(
                "ocsp -index db/index -rsigner int.pem -rkey int.key -CA int.pem -reqin {name}.ask \
                 -respout {name}.staple -ndays {days}"
            ),
        ));
        self.folder.join(&format!("{name}.staple"))
    }

    /// Revokes a leaf, for staples that are made afterwards.
    pub(crate) fn revoke(&self, flavour: Flavour) {
        let name = flavour.name();
        run(&mut openssl(self.folder.path(), &format!("ca -config ca.cnf -revoke {name}.pem")));
    }

    /// The leaf's private key.
    pub(crate) fn key(&self, flavour: Flavour) -> PathBuf {
        self.folder.join(&format!("{}.key", flavour.name()))
    }
}

fn openssl(folder: &Path, arguments: &str) -> Command {
    let mut command = program("openssl");
    command.current_dir(folder).args(arguments.split(' '));
    command
}

const NEW_KEY: &str = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";

fn make_authority(folder: &TempDir) {
    let path = folder.path();
    run(openssl(path, &format!("req -x509 {NEW_KEY} -keyout root.key -out root.pem -days 3650"))
        .args(["-subj", "/CN=Rig Root", "-addext", "basicConstraints=critical,CA:TRUE"])
        .args(["-addext", "keyUsage=critical,keyCertSign,cRLSign"]));
    run(openssl(path, &format!("req {NEW_KEY} -keyout int.key -out int.csr"))
        .args(["-subj", "/CN=Rig Intermediate"]));
    folder.write(
        "int.ext",
        "basicConstraints=critical,CA:TRUE,pathlen:0\nkeyUsage=critical,keyCertSign,cRLSign\n",
    );
    run(&mut openssl(
        path,
        "x509 -req -in int.csr -CA root.pem -CAkey root.key -CAcreateserial -days 1825 \
         -out int.pem -extfile int.ext",
    ));
    folder.folder("db");
    folder.write("db/index", "");
    folder.write(
        "ca.cnf",
        "[ca]\ndefault_ca=c\n[c]\ndatabase=db/index\nnew_certs_dir=db\ncertificate=int.pem\n\
         private_key=int.key\npolicy=p\nunique_subject=no\nrand_serial=yes\n\
         copy_extensions=copy\ndefault_md=sha256\n[p]\ncommonName=supplied\n",
    );
}

fn make_leaf(folder: &Path, flavour: Flavour) {
    let name = flavour.name();
    let chain = folder.join(format!("{name}.chain"));
    let mut request = match flavour {
        Flavour::SelfSigned => openssl(
            folder,
            &format!("req -x509 {NEW_KEY} -keyout {name}.key -out {name}.pem -days 91"),
        ),
        Flavour::Days91
        | Flavour::Days89
        | Flavour::Expired
        | Flavour::WrongHost
        | Flavour::MissingSan
        | Flavour::Incomplete => {
            openssl(folder, &format!("req {NEW_KEY} -keyout {name}.key -out {name}.csr"))
        }
    };
    request.args(["-subj", "/CN=localhost", "-addext", "extendedKeyUsage=serverAuth"]);
    if let Some(names) = flavour.alternative_names() {
        request.arg("-addext").arg(format!("subjectAltName={names}"));
    }
    run(&mut request);
    if flavour != Flavour::SelfSigned {
        let (start, end) = flavour.validity();
        run(openssl(folder, "ca -batch -notext -config ca.cnf")
            .args(["-in", &format!("{name}.csr"), "-out", &format!("{name}.pem")])
            .args(["-startdate", &moment(start), "-enddate", &moment(end)]));
    }
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).expect("just written");
    let mut text = read(&format!("{name}.pem"));
    if !matches!(flavour, Flavour::SelfSigned | Flavour::Incomplete) {
        text += &read("int.pem");
    }
    std::fs::write(chain, text).expect("the folder is ours");
}

/// A moment relative to now, as openssl wants it: `YYYYMMDDHHMMSSZ`.
fn moment(relative: &str) -> String {
    run(program("date").args(["-u", "-d", relative, "+%Y%m%d%H%M%SZ"])).trim().to_owned()
}
