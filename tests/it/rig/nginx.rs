//! An nginx with one listener per kind of site: every flavour of certificate, and what can be right
//! or wrong about a plain HTTP front. Every site answers `/healthz` with JSON.

use std::fmt::Write as _;

use super::pki::{Flavour, Pki};
use super::process::{Server, TempDir, free_port, program};

/// A listener of the rig.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Site {
    /// HTTPS with this leaf and a year of HSTS.
    Tls(Flavour),
    /// HTTPS with a valid leaf and no HSTS.
    NoHsts,
    /// HTTPS with a valid leaf and five minutes of HSTS.
    ShortHsts,
    /// HTTP that answers 301 to the valid HTTPS site.
    Redirect,
    /// HTTP that redirects to itself for ever.
    Loop,
    /// HTTP that answers 200 and never mentions HTTPS.
    Plain,
    /// HTTP that answers 500, on `/healthz` too.
    Broken,
}

impl Site {
    const COUNT: usize = Flavour::ALL.len() + 6;

    /// Every site.
    pub(crate) fn all() -> [Self; Self::COUNT] {
        let rest =
            [Self::NoHsts, Self::ShortHsts, Self::Redirect, Self::Loop, Self::Plain, Self::Broken];
        let mut sites = [Self::Plain; Self::COUNT];
        let all = Flavour::ALL.into_iter().map(Self::Tls).chain(rest);
        for (place, site) in sites.iter_mut().zip(all) {
            *place = site;
        }
        sites
    }

    fn leaf(self) -> Option<Flavour> {
        match self {
            Self::Tls(flavour) => Some(flavour),
            Self::NoHsts | Self::ShortHsts => Some(Flavour::Days91),
            Self::Redirect | Self::Loop | Self::Plain | Self::Broken => None,
        }
    }

    fn hsts(self) -> Option<&'static str> {
        match self {
            Self::Tls(_) => Some("max-age=31536000; includeSubDomains"),
            Self::ShortHsts => Some("max-age=300"),
            Self::NoHsts | Self::Redirect | Self::Loop | Self::Plain | Self::Broken => None,
        }
    }
}

/// A running nginx with its certificates.
#[derive(Debug)]
pub(crate) struct Nginx {
    server: Server,
    ports: Vec<(Site, u16)>,
    pki: Pki,
    _folder: TempDir,
}

impl Nginx {
    /// Makes the certificates, starts every listener and waits until one answers.
    pub(crate) fn start() -> Self {
        let pki = Pki::new();
        let folder = TempDir::new("nginx");
        let ports: Vec<_> = Site::all().into_iter().map(|site| (site, free_port())).collect();
        let config = folder.write("nginx.conf", &config(&ports, &pki));
        let mut command = program("nginx");
        command.args(["-e", "stderr", "-p"]).arg(folder.path()).arg("-c").arg(config);
        let server = Server::spawn(command, "nginx", folder.join("nginx.log"));
        let mut nginx = Self { server, ports, pki, _folder: folder };
        let url = format!("{}/healthz", nginx.url(Site::Plain));
        nginx.server.wait_for("answering nginx", || {
            let mut curl = program("curl");
            curl.args(["--silent", "--fail", "--max-time", "1", &url]);
            curl.output().is_ok_and(|output| output.status.success()).then_some(())
        });
        nginx
    }

    /// A site's base address by number, `https://127.0.0.1:PORT`, without a final slash.
    pub(crate) fn url(&self, site: Site) -> String {
        let scheme = if site.leaf().is_some() { "https" } else { "http" };
        format!("{scheme}://127.0.0.1:{}", self.port(site))
    }

    /// A site's port.
    pub(crate) fn port(&self, site: Site) -> u16 {
        port_of(&self.ports, site)
    }

    /// The authority that signed the leaves.
    pub(crate) fn pki(&self) -> &Pki {
        &self.pki
    }
}

fn port_of(ports: &[(Site, u16)], wanted: Site) -> u16 {
    let found = ports.iter().find(|(site, _)| *site == wanted);
    found.expect("every site has a port").1
}

fn config(ports: &[(Site, u16)], pki: &Pki) -> String {
    let user = if rustix::process::getuid().is_root() { "user nobody nogroup;\n" } else { "" };
    let mut text = format!(
        "daemon off;\npid nginx.pid;\nerror_log stderr;\nworker_processes 1;\n{user}\
         events {{}}\nhttp {{\naccess_log off;\ndefault_type text/plain;\n\
         client_body_temp_path t1;\nproxy_temp_path t2;\nfastcgi_temp_path t3;\n\
         uwsgi_temp_path t4;\nscgi_temp_path t5;\n"
    );
    let secure = port_of(ports, Site::Tls(Flavour::Days91));
    for &(site, port) in ports {
        text += "server {\n";
        let mut line = |what: String| writeln!(text, "{what}").expect("a String takes any text");
        match site.leaf() {
            None => line(format!("listen 127.0.0.1:{port};")),
            Some(leaf) => {
                line(format!("listen 127.0.0.1:{port} ssl http2;"));
                line(format!("ssl_certificate {};", pki.chain(leaf).display()));
                line(format!("ssl_certificate_key {};", pki.key(leaf).display()));
            }
        }
        if let Some(hsts) = site.hsts() {
            // Without `always` the header would be missing from errors.
            line(format!("add_header Strict-Transport-Security \"{hsts}\" always;"));
        }
        let page = match site {
            Site::Tls(_) | Site::NoHsts | Site::ShortHsts | Site::Plain => "200 \"hello\\n\"",
            Site::Redirect => &format!("301 https://127.0.0.1:{secure}$request_uri"),
            Site::Loop => &format!("302 http://127.0.0.1:{port}$request_uri"),
            Site::Broken => "500",
        };
        line(format!("location / {{ return {page}; }}"));
        if site != Site::Broken {
            line(
                "location = /healthz { default_type application/json; \
                 return 200 '{\"status\":\"ok\",\"version\":\"1.2.3\"}'; }"
                    .to_owned(),
            );
        }
        text += "}\n";
    }
    text + "}\n"
}
