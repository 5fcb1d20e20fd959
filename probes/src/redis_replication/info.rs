//! What a server says of its replication: `INFO replication`, lines of `name:value`.

use std::collections::BTreeMap;
use std::net::IpAddr;

/// The most lines that are read.
const MAX_LINES: usize = 10_000;

/// One server's word on its replication.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Info {
    pub(super) is_master: bool,
    /// The history that its offsets count in.
    pub(super) replid: String,
    /// How far its own stream has come.
    pub(super) offset: u64,
    /// The replicas that it knows.
    pub(super) replicas: Vec<Known>,
    /// What it follows, if it is a replica.
    pub(super) link: Option<Link>,
}

/// A replica as its master knows it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Known {
    pub(super) host: String,
    pub(super) port: u16,
    /// `online`, `send_bulk`, `wait_bgsave`.
    pub(super) state: String,
    /// How far it has acknowledged.
    pub(super) offset: u64,
    /// Seconds since it last did; none where it never did.
    pub(super) lag: Option<f64>,
}

impl Known {
    /// Whether it is known under this address.
    pub(super) fn is_at(&self, ip: IpAddr, port: u16) -> bool {
        let its = self.host.parse::<IpAddr>().map(|ip| ip.to_canonical());
        self.port == port && its == Ok(ip.to_canonical())
    }
}

/// A replica's link to its master, by its own word.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Link {
    pub(super) is_up: bool,
    pub(super) is_syncing: bool,
    /// Seconds since it heard of its master; none while there is no link.
    pub(super) last_io: Option<f64>,
    /// How far it has read.
    pub(super) offset: u64,
    pub(super) is_read_only: bool,
}

/// Reads the section.
///
/// # Errors
/// What is missing or is not what it should be.
pub(super) fn parse(bytes: &[u8]) -> Result<Info, String> {
    let text = std::str::from_utf8(bytes).map_err(|_| "its INFO is no text".to_owned())?;
    let fields: BTreeMap<&str, &str> =
        text.lines().take(MAX_LINES).filter_map(|line| line.trim_end().split_once(':')).collect();
    let need =
        |name: &str| fields.get(name).copied().ok_or_else(|| format!("its INFO has no `{name}`"));
    let number = |name: &str| {
        let text = need(name)?;
        text.parse::<u64>().map_err(|_| format!("`{name}` is no number"))
    };
    let is_master = match need("role")? {
        "master" => true,
        "slave" | "replica" => false,
        _ => return Err("its role is neither master nor slave".to_owned()),
    };
    let mut replicas = Vec::new();
    for (name, value) in &fields {
        let index = name.strip_prefix("slave").or_else(|| name.strip_prefix("replica"));
        if index.is_some_and(|i| !i.is_empty() && i.bytes().all(|b| b.is_ascii_digit())) {
            replicas.push(known(value).ok_or_else(|| format!("`{name}` cannot be read"))?);
        }
    }
    let either = |old: &str, new: &str| fields.get(new).or_else(|| fields.get(old)).copied();
    let link = if is_master {
        None
    } else {
        let offset = either("slave_repl_offset", "replica_repl_offset");
        Some(Link {
            is_up: need("master_link_status")? == "up",
            is_syncing: need("master_sync_in_progress")? != "0",
            last_io: number("master_last_io_seconds_ago").ok().map(seconds),
            // A replica that never had a link has no offset: it has read nothing.
            offset: offset.and_then(|text| text.parse().ok()).unwrap_or(0),
            is_read_only: either("slave_read_only", "replica_read_only") == Some("1"),
        })
    };
    Ok(Info {
        is_master,
        replid: need("master_replid")?.to_owned(),
        offset: number("master_repl_offset")?,
        replicas,
        link,
    })
}

/// Reads `ip=127.0.0.1,port=6380,state=online,offset=14,lag=0`.
fn known(text: &str) -> Option<Known> {
    let pairs: BTreeMap<&str, &str> =
        text.split(',').take(32).filter_map(|pair| pair.split_once('=')).collect();
    Some(Known {
        host: (*pairs.get("ip")?).to_owned(),
        port: pairs.get("port")?.parse().ok()?,
        state: (*pairs.get("state")?).to_owned(),
        offset: pairs.get("offset")?.parse().ok()?,
        lag: pairs.get("lag").and_then(|text| text.parse().ok()).map(seconds),
    })
}

fn seconds(count: u64) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MASTER: &str = "# Replication\r\nrole:master\r\nconnected_slaves:2\r\n\
        slave0:ip=127.0.0.1,port=6380,state=online,offset=14,lag=0\r\n\
        slave1:ip=::1,port=6381,state=wait_bgsave,offset=0,lag=-1\r\n\
        master_replid:abc\r\nmaster_repl_offset:14\r\n";
    const REPLICA: &str = "role:slave\r\nmaster_host:127.0.0.1\r\nmaster_link_status:up\r\n\
        master_last_io_seconds_ago:3\r\nmaster_sync_in_progress:0\r\nslave_repl_offset:14\r\n\
        slave_read_only:1\r\nmaster_replid:abc\r\nmaster_repl_offset:14\r\n";

    #[test]
    fn both_sides_are_read() {
        let master = parse(MASTER.as_bytes()).expect("a master");
        assert!(master.is_master && master.link.is_none() && master.offset == 14);
        assert_eq!(master.replicas.len(), 2);
        assert!(master.replicas[0].is_at([127, 0, 0, 1].into(), 6380));
        assert_eq!((master.replicas[0].lag, master.replicas[1].lag), (Some(0.0), None));
        let link = parse(REPLICA.as_bytes()).expect("a replica").link.expect("it follows");
        assert!(link.is_up && link.is_read_only && !link.is_syncing);
        assert_eq!((link.last_io, link.offset), (Some(3.0), 14));
        let down = REPLICA.replace("ago:3", "ago:-1").replace("status:up", "status:down");
        let link = parse(down.as_bytes()).expect("a replica").link.expect("it follows");
        assert!(!link.is_up && link.last_io.is_none(), "-1 is no age");
    }

    #[test]
    fn what_is_not_said_is_not_made_up() {
        let rows = [
            ("nothing", String::new(), "`role`"),
            ("another role", MASTER.replace("role:master", "role:sentinel"), "neither"),
            ("no history", MASTER.replace("master_replid", "x"), "`master_replid`"),
            ("no offset", MASTER.replace("repl_offset:14", "repl_offset:?"), "no number"),
            ("a broken replica", MASTER.replace("port=6380", "port=?"), "`slave0`"),
            ("no link", REPLICA.replace("master_link_status", "x"), "`master_link_status`"),
        ];
        for (row, text, said) in rows {
            let why = parse(text.as_bytes()).expect_err(row);
            assert!(why.contains(said), "{row}: {why}");
        }
        assert!(parse(&[0xff, 0xfe]).is_err(), "bytes");
    }
}
