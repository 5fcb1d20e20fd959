//! A small tree of zones below `test`: a parent (nsd), two name servers (nsd), three with a fault each (dnsdist) and a
//! resolver that validates (unbound). All share one port on different loopback addresses.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;

use super::dig;
use crate::rig::process::{
    START_DEADLINE, Server, TempDir, free_port_on, poll_until, program, run,
};

/// The programs that the tree is made of.
pub(crate) const PROGRAMS: [&str; 6] =
    ["nsd", "unbound", "dnsdist", "dig", "dnssec-keygen", "dnssec-signzone"];
/// How long, in seconds, `www.good.test` may be kept at first.
pub(crate) const TTL: u32 = 6;
/// What `www` is in every zone at first.
pub(crate) const ADDRESS: &str = "192.0.2.30";

/// A server of the tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Host {
    /// Serves `test`, and `other.test` with it.
    Parent,
    /// Serves every other zone, as it is now.
    First,
    /// Serves most zones, and some of them as they were.
    Second,
    /// Answers SERVFAIL.
    Failing,
    /// Answers as the first, after a second and a half over UDP.
    Slow,
    /// Answers as the first, over TCP alone.
    Cutting,
    /// Asks the first, keeps answers and validates.
    Recursive,
    /// Nobody.
    Away,
}

impl Host {
    const ALL: [Self; 8] = [
        Self::Parent,
        Self::First,
        Self::Second,
        Self::Failing,
        Self::Slow,
        Self::Cutting,
        Self::Recursive,
        Self::Away,
    ];

    fn ip(self) -> Ipv4Addr {
        let last = match self {
            Self::Parent => 51,
            Self::First => 52,
            Self::Second => 53,
            Self::Failing => 54,
            Self::Slow => 55,
            Self::Cutting => 56,
            Self::Recursive => 61,
            Self::Away => 62,
        };
        Ipv4Addr::new(127, 0, 0, last)
    }
}

/// The zones, with their name servers as the parent has them, and as they have them themselves.
const ZONES: [(&str, &[&str], &[&str]); 9] = [
    ("good", &["ns1", "ns2"], &["ns1", "ns2"]),
    // The parent serves it itself, and nobody else.
    ("other", &["nsup"], &["nsup"]),
    // The second server does not know it.
    ("lame", &["ns1", "ns2"], &["ns1", "ns2"]),
    ("mismatch", &["ns1", "ns2"], &["ns1", "ns3"]),
    ("aliased", &["ns1", "nsalias"], &["ns1", "nsalias"]),
    // The second server has it as it was.
    ("stale", &["ns1", "ns2"], &["ns1", "ns2"]),
    (
        "five",
        &["ns1", "ns2", "nsup", "nsfail", "nsslow", "nscut"],
        &["ns1", "ns2", "nsup", "nsfail", "nsslow", "nscut"],
    ),
    ("signed", &["ns1", "ns2"], &["ns1", "ns2"]),
    // What its signature is over has been changed.
    ("broken", &["ns1", "ns2"], &["ns1", "ns2"]),
];

/// The running tree; all ends on drop.
#[derive(Debug)]
pub(crate) struct Tree {
    _servers: Vec<Server>,
    folder: TempDir,
    port: u16,
    serial: u32,
}

impl Tree {
    /// Signs, starts everything, and waits until each server answers.
    pub(crate) fn start() -> Self {
        let port = free_port_on(&Host::ALL.map(|host| IpAddr::V4(host.ip())));
        let folder = TempDir::new("tree");
        let tree = Self { _servers: Vec::new(), folder, port, serial: 10 };
        let vouchers = tree.write_zones();
        tree.write_parent(&vouchers);
        let parent = tree.nsd(Host::Parent, &["test".to_owned(), "other.test".to_owned()]);
        let others = ZONES.iter().filter(|(zone, ..)| *zone != "other");
        let mut names: Vec<String> = others.map(|(zone, ..)| format!("{zone}.test")).collect();
        let first = tree.nsd(Host::First, &names);
        names.retain(|name| name != "lame.test");
        let second = tree.nsd(Host::Second, &names);
        let faults = tree.faults();
        let recursive = tree.unbound(&vouchers);
        Self { _servers: vec![parent, first, second, faults, recursive], ..tree }
    }

    /// Where a server listens.
    pub(crate) fn address(&self, host: Host) -> SocketAddr {
        SocketAddr::from((host.ip(), self.port))
    }

    /// The port of all servers.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Changes `www.good.test` on both servers, which answer with it when this returns.
    pub(crate) fn set_www(&mut self, address: &str, ttl: u32) {
        self.serial += 1;
        let text = zone("good", self.serial, address, ttl);
        for host in [Host::First, Host::Second] {
            let folder = self.folder.join(&format!("{host:?}"));
            fs::write(folder.join("good.test"), &text).expect("the folder is ours");
            let config = folder.join("nsd.conf");
            run(program("nsd-control").arg("-c").arg(config).args(["reload", "good.test"]));
            let serial = format!(" {} ", self.serial);
            poll_until(START_DEADLINE, "reloaded zone", || {
                dig(self.address(host), &["good.test", "SOA"]).filter(|soa| soa.contains(&serial))
            });
        }
    }

    /// What a server says `www.good.test` is.
    pub(crate) fn www(&self, host: Host) -> Option<String> {
        dig(self.address(host), &["www.good.test", "A"])
    }

    /// Writes all zones below `test` for both servers; gives the DS records of those that are signed.
    fn write_zones(&self) -> String {
        let mut vouchers = String::new();
        for host in [Host::First, Host::Second] {
            self.folder.folder(&format!("{host:?}"));
        }
        for (name, ..) in ZONES {
            let file = format!("{name}.test");
            let now = zone(name, 10, ADDRESS, TTL);
            let signed = match name {
                "signed" | "broken" => {
                    let (text, voucher) = self.sign(&file, &now);
                    vouchers.push_str(&voucher);
                    text
                }
                _ => now,
            };
            let now = match name {
                "broken" => signed.replace(ADDRESS, "192.0.2.31"),
                _ => signed,
            };
            let then = match name {
                "stale" | "five" => zone(name, 8, "192.0.2.29", TTL),
                _ => now.clone(),
            };
            for (host, text) in [(Host::First, now), (Host::Second, then)] {
                let folder = self.folder.join(&format!("{host:?}"));
                fs::write(folder.join(&file), text).expect("the folder is ours");
            }
        }
        vouchers
    }

    /// Signs a zone for ten days; gives it and its DS records.
    fn sign(&self, name: &str, text: &str) -> (String, String) {
        let folder = self.folder.folder(&format!("sign-{name}"));
        fs::write(folder.join("plain"), text).expect("the folder is ours");
        run(program("dnssec-keygen").current_dir(&folder).args([
            "-q",
            "-a",
            "ECDSAP256SHA256",
            "-f",
            "KSK",
            name,
        ]));
        run(program("dnssec-signzone").current_dir(&folder).args([
            "-S",
            "-z",
            "-e",
            "now+864000",
            "-o",
            name,
            "-f",
            "signed",
            "plain",
        ]));
        let read = |file: &Path| fs::read_to_string(file).expect("it was written");
        (read(&folder.join("signed")), read(&folder.join(format!("dsset-{name}."))))
    }

    fn write_parent(&self, vouchers: &str) {
        let folder = self.folder.folder("Parent");
        let mut text = format!(
            "$ORIGIN test.\n$TTL 60\n@ SOA ns host 1 60 60 60 60\n@ NS ns\nns A {}\n",
            Host::Parent.ip()
        );
        for (name, at_parent, _) in ZONES {
            for server in at_parent {
                text.push_str(&format!("{name} NS {server}.good.test.\n"));
            }
        }
        text.push_str(&name_servers("good.test."));
        text.push_str(vouchers);
        fs::write(folder.join("test"), text).expect("the folder is ours");
        let other = zone("other", 10, ADDRESS, TTL);
        fs::write(folder.join("other.test"), other).expect("the folder is ours");
    }

    fn nsd(&self, host: Host, zones: &[String]) -> Server {
        let folder = self.folder.join(&format!("{host:?}"));
        let path = folder.display();
        let mut config = format!(
            "server:\n  ip-address: {}@{}\n  username: \"\"\n  chroot: \"\"\n\
             \x20 server-count: 1\n  zonesdir: \"{path}\"\n  database: \"\"\n\
             \x20 pidfile: \"{path}/nsd.pid\"\n  zonelistfile: \"{path}/zone.list\"\n\
             \x20 xfrdfile: \"{path}/xfrd.state\"\n  xfrdir: \"{path}\"\n  rrl-ratelimit: 0\n\
             remote-control:\n  control-enable: yes\n  control-interface: \"{path}/control\"\n",
            host.ip(),
            self.port
        );
        for zone in zones {
            config.push_str(&format!("zone:\n  name: \"{zone}\"\n  zonefile: \"{zone}\"\n"));
        }
        let file = folder.join("nsd.conf");
        fs::write(&file, config).expect("the folder is ours");
        let mut command = program("nsd");
        command.arg("-d").arg("-c").arg(file);
        let mut server = Server::spawn(command, "nsd", folder.join("nsd.log"));
        let first = zones.first().expect("it serves something");
        server.wait_for("answering name server", || {
            dig(self.address(host), &[first, "SOA"]).filter(|soa| !soa.is_empty())
        });
        server
    }

    fn faults(&self) -> Server {
        let port = self.port;
        let mut config = format!(
            "setACL('127.0.0.0/8')\nsetSecurityPollSuffix('')\n\
             newServer({{address='{}:{port}',healthCheckMode='up'}})\n\
             function at(ip) local n=newNMG(); n:addMask(ip..'/32')\n\
             \x20 return NetmaskGroupRule(n,false) end\n",
            Host::First.ip(),
        );
        let rules = [
            (Host::Failing, "at(ip),RCodeAction(DNSRCode.SERVFAIL)"),
            (Host::Slow, "at(ip),DelayAction(1500)"),
            (Host::Cutting, "AndRule{at(ip),TCPRule(false)},TCAction()"),
        ];
        for (host, rule) in rules {
            config.push_str(&format!(
                "ip='{}'\naddLocal(ip..':{port}',{{reusePort=false}})\naddAction({rule})\n",
                host.ip()
            ));
        }
        let path = self.folder.write("dnsdist.conf", &config);
        let mut command = program("dnsdist");
        command.args(["--supervised", "--disable-syslog", "-C"]).arg(path);
        let mut server = Server::spawn(command, "dnsdist", self.folder.join("dnsdist.log"));
        server.wait_for("answering name server with faults", || {
            self.www(Host::Cutting).filter(|answer| !answer.is_empty())
        });
        server
    }

    fn unbound(&self, vouchers: &str) -> Server {
        let anchors = self.folder.write("anchors", vouchers);
        let port = self.port;
        let mut config = format!(
            "server:\n  interface: {own}@{port}\n  do-ip6: no\n  do-daemonize: no\n\
             \x20 so-reuseport: no\n  num-threads: 1\n  username: \"\"\n  chroot: \"\"\n\
             \x20 pidfile: \"\"\n  use-syslog: no\n  logfile: \"\"\n  directory: \"{path}\"\n\
             \x20 access-control: 127.0.0.0/8 allow\n  do-not-query-localhost: no\n  ede: yes\n\
             \x20 module-config: \"validator iterator\"\n  trust-anchor-file: \"{anchors}\"\n\
             \x20 local-zone: \".\" refuse\n  local-zone: \"test.\" transparent\n\
             remote-control:\n  control-enable: no\n\
             stub-zone:\n  name: \"test\"\n  stub-addr: {parent}@{port}\n",
            own = Host::Recursive.ip(),
            path = self.folder.path().display(),
            anchors = anchors.display(),
            parent = Host::Parent.ip(),
        );
        for (zone, ..) in ZONES {
            let host = if zone == "other" { Host::Parent } else { Host::First };
            let ip = host.ip();
            config.push_str(&format!(
                "stub-zone:\n  name: \"{zone}.test\"\n  stub-addr: {ip}@{port}\n"
            ));
        }
        let file = self.folder.write("unbound.conf", &config);
        let mut command = program("unbound");
        command.arg("-d").arg("-c").arg(file);
        let mut server = Server::spawn(command, "unbound", self.folder.join("unbound.log"));
        server.wait_for("answering resolver", || {
            dig(self.address(Host::Recursive), &["ns1.good.test", "A"]).filter(|a| !a.is_empty())
        });
        server
    }
}

/// A zone as its servers have it.
fn zone(name: &str, serial: u32, www: &str, ttl: u32) -> String {
    let mut text = format!(
        "$ORIGIN {name}.test.\n$TTL {TTL}\n@ SOA ns1.good.test. host {serial} 14400 3600 604800 900\n\
         www {ttl} A {www}\n"
    );
    for (_, _, own) in ZONES.iter().filter(|(zone, ..)| *zone == name) {
        for server in *own {
            text.push_str(&format!("@ NS {server}.good.test.\n"));
        }
    }
    match name {
        "good" => {
            text.push_str(&name_servers("good.test."));
            text.push_str(
                "nsalias CNAME ns2\naway 30 CNAME www.other.test.\nlost CNAME nothing.other.test.\n\
                 round CNAME back\nback CNAME round\ncross CNAME loop.other.test.\n\
                 old DNAME other.test.\n",
            );
        }
        "other" => text.push_str("loop CNAME cross.good.test.\n"),
        _ => {}
    }
    text
}

/// The addresses of the name servers, whose names are all below `good.test`.
fn name_servers(zone: &str) -> String {
    [
        ("ns1", Host::First),
        ("ns2", Host::Second),
        ("ns3", Host::Second),
        ("nsup", Host::Parent),
        ("nsfail", Host::Failing),
        ("nsslow", Host::Slow),
        ("nscut", Host::Cutting),
    ]
    .map(|(name, host)| format!("{name}.{zone} A {}\n", host.ip()))
    .concat()
}
