//! An nginx that is a front, a cache and an origin at once: ways from plain HTTP of every kind, answers that are cached
//! or not, and certificates with what a responder said of them.

use super::pki::{Flavour, Pki};
use super::process::{Server, TempDir, free_port, program};

/// The ports of the rig's servers on 127.0.0.1.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ports {
    /// Plain HTTP, with one way per path.
    pub(crate) plain: u16,
    /// HTTPS, where the good ways end.
    pub(crate) secure: u16,
    /// HTTPS with a certificate that signs itself.
    pub(crate) untrusted: u16,
    /// A cache before `origin`.
    pub(crate) cache: u16,
    /// What is behind the cache.
    pub(crate) origin: u16,
    /// HTTPS with a staple that says good.
    pub(crate) good: u16,
    /// HTTPS with a staple that says revoked.
    pub(crate) revoked: u16,
    /// HTTPS with another certificate's staple.
    pub(crate) mixed_up: u16,
    /// HTTPS with a certificate that demands a staple, without one.
    pub(crate) must_staple: u16,
    /// HTTPS with another certificate for those who tell no name.
    pub(crate) named: u16,
    /// Nobody listens here.
    pub(crate) closed: u16,
}

/// A running nginx with its certificates.
#[derive(Debug)]
pub(crate) struct Web {
    pub(crate) ports: Ports,
    pub(crate) pki: Pki,
    _server: Server,
    _folder: TempDir,
}

impl Web {
    /// Makes certificates and staples, starts every server and waits until one answers.
    pub(crate) fn start() -> Self {
        let pki = Pki::new();
        let folder = TempDir::new("web");
        let [plain, secure, untrusted, cache, origin] = std::array::from_fn(|_| free_port());
        let [good, revoked, mixed_up, must_staple, named, closed] =
            std::array::from_fn(|_| free_port());
        let ports = Ports {
            plain,
            secure,
            untrusted,
            cache,
            origin,
            good,
            revoked,
            mixed_up,
            must_staple,
            named,
            closed,
        };
        let config = folder.write("nginx.conf", &config(&ports, &pki));
        let mut command = program("nginx");
        command.args(["-e", "stderr", "-p"]).arg(folder.path()).arg("-c").arg(config);
        let mut server = Server::spawn(command, "nginx", folder.join("nginx.log"));
        let url = format!("http://127.0.0.1:{plain}/served");
        server.wait_for("answering nginx", || {
            let mut curl = program("curl");
            curl.args(["--silent", "--fail", "--max-time", "1", &url]);
            curl.output().is_ok_and(|output| output.status.success()).then_some(())
        });
        Self { ports, pki, _server: server, _folder: folder }
    }
}

fn config(ports: &Ports, pki: &Pki) -> String {
    let user = if rustix::process::getuid().is_root() { "user nobody nogroup;\n" } else { "" };
    let head = "daemon off;\npid nginx.pid;\nerror_log stderr;\nworker_processes 1;\nevents {}\n";
    let temporary = "client_body_temp_path t1;\nproxy_temp_path t2;\nfastcgi_temp_path t3;\n\
                     uwsgi_temp_path t4;\nscgi_temp_path t5;\n";
    let (ways, caches, staples) = (ways(ports, pki), caches(ports), staples(ports, pki));
    format!(
        "{user}{head}http {{\naccess_log off;\ndefault_type text/plain;\nabsolute_redirect off;\n\
         {temporary}{ways}{caches}{staples}}}\n"
    )
}

/// A server for HTTPS with this leaf, and more in it.
fn https(port: u16, pki: &Pki, leaf: Flavour, more: &str) -> String {
    let (chain, key) = (pki.chain(leaf), pki.key(leaf));
    format!(
        "server {{ listen 127.0.0.1:{port} ssl; ssl_certificate {}; ssl_certificate_key {};\n{more} }}\n",
        chain.display(),
        key.display()
    )
}

fn ways(ports: &Ports, pki: &Pki) -> String {
    let Ports { plain, secure, untrusted, closed, .. } = ports;
    let hsts = "add_header Strict-Transport-Security \"max-age=31536000\" always;";
    let front = format!(
        "server {{ listen 127.0.0.1:{plain};\n\
         location / {{ return 301 https://$host:{secure}$request_uri; }}\n\
         location /temporary {{ return 302 https://$host:{secure}$request_uri; }}\n\
         location /elsewhere {{ return 301 https://localhost:{secure}$request_uri; }}\n\
         location /lost {{ return 301 https://$host:{secure}/; }}\n\
         location /relative {{ return 302 /then$is_args$args; }}\n\
         location /served {{ return 200 hello; }}\n\
         location /refused {{ return 403; }}\n\
         location /dark {{ return 301 https://$host:{closed}$request_uri; }}\n\
         location /untrusted {{ return 301 https://$host:{untrusted}$request_uri; }} }}\n"
    );
    let back = format!(
        "{hsts} location / {{ return 200 hello; }}\n\
         location /back {{ return 301 http://$host:{plain}/served; }}\n\
         location /loop {{ return 302 /loop2; }} location /loop2 {{ return 302 /loop; }}\n"
    );
    let page = "location / { return 200 hello; }";
    front
        + &https(*secure, pki, Flavour::Days91, &back)
        + &https(*untrusted, pki, Flavour::SelfSigned, page)
}

fn caches(ports: &Ports) -> String {
    let Ports { cache, origin, .. } = ports;
    format!(
        "proxy_cache_path cache keys_zone=edge:1m;\n\
         map $upstream_cache_status $status_of_cache {{ HIT \"edge; hit\"; default \"edge; fwd=miss\"; }}\n\
         server {{ listen 127.0.0.1:{cache}; proxy_cache edge;\n\
         add_header Cache-Status $status_of_cache always;\n\
         if ($args ~* script) {{ return 403; }}\n\
         location / {{ proxy_pass http://127.0.0.1:{origin}; }}\n\
         location /cookie {{ proxy_pass http://127.0.0.1:{origin}; proxy_ignore_headers Set-Cookie; }} }}\n\
         server {{ listen 127.0.0.1:{origin};\n\
         location /app.js {{ add_header Cache-Control \"public, max-age=31536000, immutable\";\n\
         add_header ETag '\"v1\"'; return 200 x; }}\n\
         location /page {{ add_header Cache-Control no-store; add_header Vary Cookie; return 200 x; }}\n\
         location /cookie {{ add_header Cache-Control max-age=60; add_header Set-Cookie a=b;\n\
         return 200 x; }} }}\n"
    )
}

fn staples(ports: &Ports, pki: &Pki) -> String {
    let page = "location / { return 200 hello; }";
    let stapled = |file: &std::path::Path| {
        format!("ssl_stapling on; ssl_stapling_file {};\n{page}", file.display())
    };
    let good = pki.staple(Flavour::Days91, 7);
    pki.revoke(Flavour::Days89);
    let revoked = pki.staple(Flavour::Days89, 7);
    let (chain, key) = pki.must_staple();
    let named = format!("server_name www.example.test; {page}");
    https(ports.good, pki, Flavour::Days91, &stapled(&good))
        + &https(ports.revoked, pki, Flavour::Days89, &stapled(&revoked))
        + &https(ports.mixed_up, pki, Flavour::Days91, &stapled(&revoked))
        + &https(ports.named, pki, Flavour::WrongHost, page)
        + &https(ports.named, pki, Flavour::Days91, &named)
        + &format!(
            "server {{ listen 127.0.0.1:{} ssl; ssl_certificate {}; ssl_certificate_key {}; {page} }}\n",
            ports.must_staple,
            chain.display(),
            key.display()
        )
}
