//! Name servers for `example.test`: two authorities (nsd), a recursive resolver (unbound) and a
//! resolver with a fault per address (dnsdist). All share one port on different loopback
//! addresses; none can ask anything outside.

pub(crate) mod tree;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::process::{START_DEADLINE, Server, TempDir, free_port_on, poll_until, program, run};

/// The zone that every server knows, without a final dot.
pub(crate) const ZONE: &str = "example.test";
/// What `www.example.test` is until it is changed.
pub(crate) const FIRST_ADDRESS: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 7);
/// What [`Resolver::Stale`] says `www.example.test` is, whatever the authorities say.
pub(crate) const STALE_ADDRESS: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 66);
/// How long, in seconds, a resolver may keep an authority's answer.
const TTL_SECONDS: u32 = 2;

/// A name server of the rig, by what it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Resolver {
    /// The first authority, which all the resolvers ask.
    First,
    /// The second authority, which only a direct question reaches.
    Second,
    /// Asks the first authority and keeps answers for their time to live, two seconds.
    Recursive,
    /// Answers SERVFAIL.
    ServerFailure,
    /// Takes questions and never answers.
    Silent,
    /// Answers after a second and a half (over UDP).
    Slow,
    /// Answers UDP with the truncated flag; TCP gets the whole answer.
    Truncating,
    /// Answers [`STALE_ADDRESS`] for `www.example.test`.
    Stale,
}

impl Resolver {
    const ALL: [Self; 8] = [
        Self::First,
        Self::Second,
        Self::Recursive,
        Self::ServerFailure,
        Self::Silent,
        Self::Slow,
        Self::Truncating,
        Self::Stale,
    ];

    fn ip(self) -> Ipv4Addr {
        let last = match self {
            Self::First => 11,
            Self::Second => 12,
            Self::Recursive => 21,
            Self::ServerFailure => 41,
            Self::Silent => 42,
            Self::Slow => 43,
            Self::Truncating => 44,
            Self::Stale => 45,
        };
        Ipv4Addr::new(127, 0, 0, last)
    }
}

/// Records by name (relative to the zone) and type.
type Records = BTreeMap<(String, String), String>;

/// An nsd with its zone.
#[derive(Debug)]
struct Authority {
    _server: Server,
    address: SocketAddr,
    folder: TempDir,
    serial: u32,
    records: Records,
}

/// The running name servers; all end on drop.
#[derive(Debug)]
pub(crate) struct Dns {
    _recursive: Server,
    _faults: Server,
    first: Authority,
    second: Authority,
    port: u16,
}

impl Dns {
    /// Starts all four servers and waits until each has answered.
    pub(crate) fn start() -> Self {
        let port = free_port_on(&Resolver::ALL.map(|resolver| IpAddr::V4(resolver.ip())));
        let first = Authority::start(SocketAddr::from((Resolver::First.ip(), port)));
        let second = Authority::start(SocketAddr::from((Resolver::Second.ip(), port)));
        let recursive = start_recursive(&first.folder, port);
        let faults = start_faults(&first.folder, port);
        Self { _recursive: recursive, _faults: faults, first, second, port }
    }

    /// Where a server listens, for UDP and TCP.
    pub(crate) fn address(&self, resolver: Resolver) -> SocketAddr {
        SocketAddr::from((resolver.ip(), self.port))
    }

    /// Sets a record on both authorities, which answer with it when this returns. The name is
    /// relative to the zone, `@` for the zone itself.
    pub(crate) fn set_record(&mut self, name: &str, kind: &str, value: &str) {
        self.first.set_record(name, kind, value);
        self.second.set_record(name, kind, value);
    }

    /// Sets a record on the first authority alone, so that the two disagree.
    pub(crate) fn set_record_on_first(&mut self, name: &str, kind: &str, value: &str) {
        self.first.set_record(name, kind, value);
    }
}

impl Authority {
    fn start(address: SocketAddr) -> Self {
        let folder = TempDir::new("nsd");
        let mut records = Records::new();
        for (name, kind, value) in [
            ("@", "NS", "ns1"),
            ("ns1", "A", &Resolver::First.ip().to_string()),
            ("ns2", "A", &Resolver::Second.ip().to_string()),
            ("www", "A", &FIRST_ADDRESS.to_string()),
            ("alias", "CNAME", "www"),
            ("*.any", "A", "192.0.2.8"),
        ] {
            records.insert((name.to_owned(), kind.to_owned()), value.to_owned());
        }
        folder.write("zone", &zone(1, &records));
        let path = folder.path().display();
        let config = folder.write(
            "nsd.conf",
            &format!(
                "server:\n  ip-address: {}@{}\n  username: \"\"\n  chroot: \"\"\n\
                 \x20 server-count: 1\n  zonesdir: \"{path}\"\n  database: \"\"\n\
                 \x20 pidfile: \"{path}/nsd.pid\"\n  zonelistfile: \"{path}/zone.list\"\n\
                 \x20 xfrdfile: \"{path}/xfrd.state\"\n  xfrdir: \"{path}\"\n\
                 \x20 rrl-ratelimit: 0\nremote-control:\n  control-enable: yes\n\
                 \x20 control-interface: \"{path}/control\"\nzone:\n  name: \"{ZONE}\"\n\
                 \x20 zonefile: \"zone\"\n  provide-xfr: 127.0.0.0/8 NOKEY\n",
                address.ip(),
                address.port()
            ),
        );
        let mut command = program("nsd");
        command.arg("-d").arg("-c").arg(config);
        let mut server = Server::spawn(command, "nsd", folder.join("nsd.log"));
        server.wait_for("answering authority", || {
            let address = dig(address, &["www.example.test", "A"])?;
            (address == FIRST_ADDRESS.to_string()).then_some(())
        });
        Self { _server: server, address, folder, serial: 1, records }
    }

    fn set_record(&mut self, name: &str, kind: &str, value: &str) {
        self.records.insert((name.to_owned(), kind.to_owned()), value.to_owned());
        self.serial += 1;
        self.folder.write("zone", &zone(self.serial, &self.records));
        run(program("nsd-control")
            .arg("-c")
            .arg(self.folder.join("nsd.conf"))
            .args(["reload", ZONE]));
        let serial = format!(" {} ", self.serial);
        poll_until(START_DEADLINE, "reloaded zone", || {
            dig(self.address, &[ZONE, "SOA"]).filter(|soa| soa.contains(&serial))
        });
    }
}

/// A short question to one server, as dig prints the answer; `None` without an answer in a second.
pub(crate) fn dig(server: SocketAddr, question: &[&str]) -> Option<String> {
    let output = program("dig")
        .args([&format!("@{}", server.ip()), "-p", &server.port().to_string()])
        .args(["+short", "+time=1", "+tries=1"])
        .args(question)
        .output()
        .ok()?;
    let text = String::from_utf8_lossy(&output.stdout);
    output.status.success().then(|| text.trim().to_owned())
}

fn zone(serial: u32, records: &Records) -> String {
    let mut text = format!(
        "$ORIGIN {ZONE}.\n$TTL {TTL_SECONDS}\n\
         @ SOA ns1 hostmaster {serial} 60 60 3600 {TTL_SECONDS}\n@ NS ns2\n"
    );
    for ((name, kind), value) in records {
        writeln!(text, "{name} {kind} {value}").expect("a String takes any text");
    }
    text
}

fn start_recursive(folder: &TempDir, port: u16) -> Server {
    let config = folder.write(
        "unbound.conf",
        &format!(
            "server:\n  interface: {own}@{port}\n  do-ip6: no\n  do-daemonize: no\n\
             \x20 so-reuseport: no\n  num-threads: 1\n  username: \"\"\n  chroot: \"\"\n\
             \x20 pidfile: \"\"\n  use-syslog: no\n  logfile: \"\"\n  directory: \"{path}\"\n\
             \x20 access-control: 127.0.0.0/8 allow\n  do-not-query-localhost: no\n\
             \x20 module-config: \"iterator\"\n  local-zone: \".\" refuse\n\
             \x20 local-zone: \"{ZONE}.\" transparent\nremote-control:\n  control-enable: no\n\
             stub-zone:\n  name: \"{ZONE}\"\n  stub-addr: {first}@{port}\n",
            own = Resolver::Recursive.ip(),
            first = Resolver::First.ip(),
            path = folder.path().display(),
        ),
    );
    let mut command = program("unbound");
    command.arg("-d").arg("-c").arg(config);
    let mut server = Server::spawn(command, "unbound", folder.join("unbound.log"));
    let own = SocketAddr::from((Resolver::Recursive.ip(), port));
    server.wait_for("answering resolver", || {
        dig(own, &["ns1.example.test", "A"]).filter(|answer| !answer.is_empty())
    });
    server
}

fn start_faults(folder: &TempDir, port: u16) -> Server {
    let mut config = format!(
        "setACL('127.0.0.0/8')\nsetSecurityPollSuffix('')\n\
         newServer({{address='{first}:{port}',healthCheckMode='up'}})\n\
         function at(ip) local n=newNMG(); n:addMask(ip..'/32')\n\
         \x20 return NetmaskGroupRule(n,false) end\n",
        first = Resolver::First.ip(),
    );
    let www = "QNameRule('www.example.test')";
    let rules = [
        (Resolver::ServerFailure, "at(ip),RCodeAction(DNSRCode.SERVFAIL)".to_owned()),
        (Resolver::Silent, "at(ip),DropAction()".to_owned()),
        (Resolver::Slow, "at(ip),DelayAction(1500)".to_owned()),
        (Resolver::Truncating, "AndRule{at(ip),TCPRule(false)},TCAction()".to_owned()),
        (
            Resolver::Stale,
            format!("AndRule{{at(ip),{www}}},SpoofAction({{'{STALE_ADDRESS}'}},{{ttl=30}})"),
        ),
    ];
    for (resolver, rule) in rules {
        writeln!(
            config,
            "ip='{}'\naddLocal(ip..':{port}',{{reusePort=false}})\naddAction({rule})",
            resolver.ip()
        )
        .expect("a String takes any text");
    }
    let path = folder.write("dnsdist.conf", &config);
    let mut command = program("dnsdist");
    command.args(["--supervised", "--disable-syslog", "-C"]).arg(path);
    let mut server = Server::spawn(command, "dnsdist", folder.join("dnsdist.log"));
    let stale = SocketAddr::from((Resolver::Stale.ip(), port));
    server.wait_for("answering resolver with faults", || {
        dig(stale, &["www.example.test", "A"]).filter(|answer| !answer.is_empty())
    });
    server
}
