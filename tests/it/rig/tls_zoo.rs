//! Servers of TLS from the exemplary to the broken: an nginx with one listener for each configuration, and openssl's own
//! server for what nginx does not offer. Every one of them is for `www.example.test`.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use super::pki::{Flavour, Pki};
use super::process::{Server, TempDir, free_port, program, run};

/// The key and certificate of a configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Leaf {
    /// EC 256, as this flavour.
    Curve(Flavour),
    /// RSA with so many bits, trusted.
    Rsa(u16),
}

/// One configuration of nginx.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Config {
    /// Its name in tests.
    pub(crate) name: &'static str,
    leaf: Leaf,
    protocols: &'static str,
    ciphers: &'static str,
    /// What stands in its block besides.
    more: &'static str,
    /// For how many seconds of HSTS.
    hsts: Option<u32>,
}

const MODERN: &str = "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:\
                      ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384";
const YEAR: Option<u32> = Some(31_536_000);
const GOOD: Config = Config {
    name: "modern",
    leaf: Leaf::Rsa(2048),
    protocols: "TLSv1.2 TLSv1.3",
    ciphers: MODERN,
    more: "ssl_prefer_server_ciphers on;",
    hsts: YEAR,
};
const OLD: &str = "ECDHE-RSA-AES128-SHA:AES128-SHA:@SECLEVEL=0";

const fn leaf(name: &'static str, leaf: Leaf) -> Config {
    Config { name, leaf, ..GOOD }
}

const fn ciphers(name: &'static str, ciphers: &'static str) -> Config {
    Config { name, ciphers, ..GOOD }
}

const fn flavour(name: &'static str, flavour: Flavour) -> Config {
    leaf(name, Leaf::Curve(flavour))
}

/// Every configuration of nginx.
pub(crate) const CONFIGS: [Config; 20] = [
    GOOD,
    flavour("ecdsa", Flavour::Days91),
    leaf("rsa 4096", Leaf::Rsa(4096)),
    Config {
        ciphers: "ECDHE-RSA-AES128-GCM-SHA256:@SECLEVEL=0",
        ..leaf("rsa 1024", Leaf::Rsa(1024))
    },
    Config { name: "tls 1.3 only", protocols: "TLSv1.3", ..GOOD },
    Config { name: "tls 1.2 only", protocols: "TLSv1.2", ..GOOD },
    Config {
        name: "tls 1.0 to 1.3",
        protocols: "TLSv1 TLSv1.1 TLSv1.2 TLSv1.3",
        ciphers: "ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-SHA:@SECLEVEL=0",
        ..GOOD
    },
    Config { name: "tls 1.1 at most", protocols: "TLSv1 TLSv1.1", ciphers: OLD, ..GOOD },
    Config {
        more: "ssl_prefer_server_ciphers on; ssl_dhparam dh1024.pem;",
        ..ciphers("dh 1024", "ECDHE-RSA-AES128-GCM-SHA256:DHE-RSA-AES128-GCM-SHA256:@SECLEVEL=0")
    },
    Config {
        more: "ssl_prefer_server_ciphers on; ssl_dhparam dh2048.pem;",
        ..ciphers("dh 2048", "ECDHE-RSA-AES128-GCM-SHA256:DHE-RSA-AES128-GCM-SHA256")
    },
    Config { protocols: "TLSv1.2", ..ciphers("rsa key exchange", "AES128-GCM-SHA256:AES128-SHA") },
    Config {
        protocols: "TLSv1.2",
        ..ciphers("cbc", "ECDHE-RSA-AES128-SHA256:ECDHE-RSA-AES256-SHA384")
    },
    Config { more: "", ..ciphers("as it comes", "HIGH:!aNULL:!MD5") },
    Config { name: "no hsts", hsts: None, ..GOOD },
    Config { name: "short hsts", hsts: Some(300), ..GOOD },
    flavour("expired", Flavour::Expired),
    flavour("another name", Flavour::WrongHost),
    flavour("self-signed", Flavour::SelfSigned),
    flavour("incomplete", Flavour::Incomplete),
    Config {
        more: "ssl_prefer_server_ciphers on; ssl_dhparam dh2048.pem;",
        ..ciphers("anonymous besides", "ECDHE-RSA-AES128-GCM-SHA256:ADH-AES128-SHA256:@SECLEVEL=0")
    },
];

/// The running zoo.
#[derive(Debug)]
pub(crate) struct TlsZoo {
    _nginx: Server,
    ports: Vec<(&'static str, u16)>,
    pki: Pki,
    folder: TempDir,
}

impl TlsZoo {
    /// Makes keys and certificates, starts nginx and waits until it answers.
    pub(crate) fn start() -> Self {
        let pki = Pki::new();
        let folder = TempDir::new("tls-zoo");
        make_rsa(&folder, &pki);
        for bits in ["1024", "2048"] {
            let file = format!("dh{bits}.pem");
            // Not the safest of primes, but there at once.
            run(program("openssl").current_dir(folder.path()).args([
                "dhparam",
                "-dsaparam",
                "-out",
                &file,
                bits,
            ]));
        }
        let ports: Vec<_> = CONFIGS.iter().map(|config| (config.name, free_port())).collect();
        let file = folder.write("nginx.conf", &text(&ports, &pki, folder.path()));
        let mut command = program("nginx");
        command.args(["-e", "stderr", "-p"]).arg(folder.path()).arg("-c").arg(file);
        let mut nginx = Server::spawn(command, "nginx", folder.join("nginx.log"));
        let first = ports.first().map(|(_, port)| *port).expect("there are configurations");
        nginx.wait_for("listening nginx", || {
            std::net::TcpStream::connect(("127.0.0.1", first)).is_ok().then_some(())
        });
        Self { _nginx: nginx, ports, pki, folder }
    }

    /// The port of a configuration.
    pub(crate) fn port(&self, name: &str) -> u16 {
        let found = self.ports.iter().find(|(of, _)| *of == name);
        found.unwrap_or_else(|| panic!("no configuration is called {name}")).1
    }

    /// Both roots in one file.
    pub(crate) fn roots(&self) -> PathBuf {
        self.folder.join("roots.pem")
    }

    /// A file with the intermediate that one configuration does not send.
    pub(crate) fn intermediates(&self) -> PathBuf {
        self.pki.chain(Flavour::Days91)
    }

    /// Starts openssl's own server with these options; it has the certificate for RSA 2048 unless they say otherwise.
    pub(crate) fn openssl(&self, options: &[&str]) -> (Server, u16) {
        let port = free_port();
        let mut command = program("openssl");
        command.current_dir(self.folder.path()).args(["s_server", "-quiet", "-www", "-accept"]);
        command.arg(format!("127.0.0.1:{port}"));
        if !options.contains(&"-nocert") {
            command.args(["-cert", "rsa2048.pem", "-key", "rsa2048.key"]);
        }
        command.args(options);
        let log = self.folder.join(&format!("openssl-{port}.log"));
        let mut server = Server::spawn(command, "openssl s_server", log);
        server.wait_for("listening openssl", || {
            std::net::TcpStream::connect(("127.0.0.1", port)).is_ok().then_some(())
        });
        (server, port)
    }
}

/// A second authority, which signs leaves with RSA keys by itself.
fn make_rsa(folder: &TempDir, pki: &Pki) {
    let openssl = |arguments: &str| {
        let mut command = program("openssl");
        run(command.current_dir(folder.path()).args(arguments.split(' ')));
    };
    openssl(
        "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout root.key -out root.pem \
         -days 365 -subj /CN=Zoo -addext basicConstraints=critical,CA:TRUE \
         -addext keyUsage=critical,keyCertSign",
    );
    folder.write("leaf.ext", "subjectAltName=DNS:www.example.test\nextendedKeyUsage=serverAuth\n");
    for bits in [1024, 2048, 4096] {
        let name = format!("rsa{bits}");
        openssl(&format!(
            "req -newkey rsa:{bits} -nodes -keyout {name}.key -out {name}.csr -subj /CN=localhost"
        ));
        openssl(&format!(
            "x509 -req -in {name}.csr -CA root.pem -CAkey root.key -CAcreateserial -days 90 \
             -out {name}.pem -extfile leaf.ext"
        ));
    }
    let read = |path: PathBuf| std::fs::read_to_string(path).expect("just written");
    folder.write("roots.pem", &(read(folder.join("root.pem")) + &read(pki.root())));
}

fn text(ports: &[(&str, u16)], pki: &Pki, folder: &Path) -> String {
    let user = if rustix::process::getuid().is_root() { "user nobody nogroup;\n" } else { "" };
    let mut text = format!(
        "daemon off;\npid nginx.pid;\nerror_log stderr;\nworker_processes 1;\n{user}\
         events {{}}\nhttp {{\naccess_log off;\ndefault_type text/plain;\n\
         client_body_temp_path t1;\nproxy_temp_path t2;\nfastcgi_temp_path t3;\n\
         uwsgi_temp_path t4;\nscgi_temp_path t5;\n"
    );
    for (config, (_, port)) in CONFIGS.iter().zip(ports) {
        let (chain, key) = match config.leaf {
            Leaf::Curve(flavour) => (pki.chain(flavour), pki.key(flavour)),
            Leaf::Rsa(bits) => {
                (folder.join(format!("rsa{bits}.pem")), folder.join(format!("rsa{bits}.key")))
            }
        };
        let hsts = config.hsts.map_or_else(String::new, |seconds| {
            format!("add_header Strict-Transport-Security max-age={seconds} always;\n")
        });
        writeln!(
            text,
            "server {{\nlisten 127.0.0.1:{port} ssl;\nssl_protocols {};\nssl_ciphers {};\n\
             ssl_certificate {};\nssl_certificate_key {};\n{}\n{hsts}\
             location / {{ return 200 \"hello\\n\"; }}\n}}",
            config.protocols,
            config.ciphers,
            chain.display(),
            key.display(),
            config.more,
        )
        .expect("a String takes any text");
    }
    text + "}\n"
}
