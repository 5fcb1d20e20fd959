//! A mail server (aiosmtpd): in the open, with STARTTLS and with TLS from the first byte, on three ports. It keeps what
//! it takes; what it refuses, puts off or loses hangs on the recipient's name.

use std::net::{Ipv4Addr, TcpStream};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use serde_json::Value;

use super::process::{Server, TempDir, find_program, free_port, program};

const SCRIPT: &str = include_str!("mailbox.py");

/// A running mail server; it ends on drop.
#[derive(Debug)]
pub(crate) struct Mailbox {
    folder: TempDir,
    /// The port that speaks in the open.
    pub(crate) open: u16,
    /// The port that wants STARTTLS.
    pub(crate) starttls: u16,
    /// The port that speaks TLS from the first byte.
    pub(crate) implicit: u16,
    _server: Server,
}

impl Mailbox {
    /// Starts one whose certificate, for `localhost`, is from an authority of its own.
    pub(crate) fn start() -> Self {
        let folder = TempDir::new("mailbox");
        let (certificate, key) = certify(&folder);
        let script = folder.write("mailbox.py", SCRIPT);
        let [open, starttls, implicit] = [free_port(), free_port(), free_port()];
        let mut command = program(&interpreter());
        command.arg(script).args([open, starttls, implicit].map(|port| port.to_string()));
        command.args([certificate, key, folder.join("taken")]);
        let mut server = Server::spawn(command, "mailbox", folder.join("log"));
        for port in [open, starttls, implicit] {
            server.wait_for("mail server", || TcpStream::connect((Ipv4Addr::LOCALHOST, port)).ok());
        }
        Self { folder, open, starttls, implicit, _server: server }
    }

    /// The certificate of its authority, in PEM.
    pub(crate) fn authority(&self) -> String {
        self.folder.join("authority.pem").display().to_string()
    }

    /// What it took, in order.
    pub(crate) fn taken(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(self.folder.join("taken")).unwrap_or_default();
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// What it took for a recipient, in order.
    pub(crate) fn taken_for(&self, to: &str) -> Vec<Value> {
        let mut taken = self.taken();
        taken.retain(|mail| {
            mail["to"].as_array().is_some_and(|all| all.iter().any(|one| one == to))
        });
        taken
    }
}

/// The Python that the distribution's aiosmtpd belongs to; another one in the path may not know it.
fn interpreter() -> String {
    let path = find_program("aiosmtpd").expect("the test needs it");
    let text = std::fs::read_to_string(path).expect("it is a script");
    let first = text.lines().next().unwrap_or_default();
    first.trim_start_matches("#!").split_whitespace().next().unwrap_or("python3").to_owned()
}

/// An authority and a certificate for `localhost`; the paths of the certificate and its key.
fn certify(folder: &TempDir) -> (std::path::PathBuf, std::path::PathBuf) {
    let mut authority = CertificateParams::default();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().expect("a key");
    let authority = CertifiedIssuer::self_signed(authority, key).expect("a certificate");
    let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
    let key = KeyPair::generate().expect("a key");
    let leaf = CertificateParams::new(names).expect("names of hosts");
    let leaf = leaf.signed_by(&key, &authority).expect("a certificate");
    folder.write("authority.pem", &authority.pem());
    (folder.write("leaf.pem", &leaf.pem()), folder.write("leaf.key", &key.serialize_pem()))
}
