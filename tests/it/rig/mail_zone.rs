//! An nsd on loopback that serves the zone that it is given, records of mail and all.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::dns::dig;
use super::process::{Server, TempDir, free_port_on, program};

/// A running name server; it ends on drop.
#[derive(Debug)]
pub(crate) struct MailZone {
    server: Server,
    address: SocketAddr,
    _folder: TempDir,
}

impl MailZone {
    /// Serves zones by their names, each with its records; SOA and NS are added.
    pub(crate) fn start(zones: &[(&str, &str)]) -> Self {
        let ip = Ipv4Addr::new(127, 0, 0, 61);
        let port = free_port_on(&[IpAddr::V4(ip)]);
        let folder = TempDir::new("mail-zone");
        let path = folder.path().display();
        let mut config = format!(
            "server:\n  ip-address: {ip}@{port}\n  username: \"\"\n  chroot: \"\"\n\
             \x20 server-count: 1\n  zonesdir: \"{path}\"\n  database: \"\"\n\
             \x20 pidfile: \"{path}/nsd.pid\"\n  zonelistfile: \"{path}/zone.list\"\n\
             \x20 xfrdfile: \"{path}/xfrd.state\"\n  xfrdir: \"{path}\"\n  rrl-ratelimit: 0\n\
             remote-control:\n  control-enable: no\n"
        );
        for (i, (zone, records)) in zones.iter().enumerate() {
            let file = format!("zone{i}");
            let head = "@ 60 IN SOA ns hostmaster 1 60 60 3600 60\n@ 60 IN NS ns\nns 60 IN A";
            folder.write(&file, &format!("$ORIGIN {zone}.\n$TTL 300\n{head} {ip}\n{records}\n"));
            config.push_str(&format!("zone:\n  name: \"{zone}\"\n  zonefile: \"{file}\"\n"));
        }
        let mut command = program("nsd");
        command.arg("-d").arg("-c").arg(folder.write("nsd.conf", &config));
        let mut server = Server::spawn(command, "nsd", folder.join("nsd.log"));
        let address = SocketAddr::new(IpAddr::V4(ip), port);
        for (zone, _) in zones {
            server.wait_for("answering authority", || {
                dig(address, &[zone, "SOA"]).filter(|soa| !soa.is_empty())
            });
        }
        Self { server, address, _folder: folder }
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Leaves every question without an answer.
    pub(crate) fn freeze(&self) {
        self.server.freeze();
    }
}
