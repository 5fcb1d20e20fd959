//! `snapshot`: what is about to be changed, on paper for the way back. It changes nothing.

use launchgate_probes::Context;
use launchgate_probes::dial::parse_address;
use launchgate_probes::dns_snapshot::{Wanted, take, wanted, zone_file};

use super::args::{SnapshotDns, SnapshotFormat};
use super::exit::{Exit, Failed};
use super::terminal::Terminal;
use crate::clock::{Clock as _, SystemClock};

/// The port of name servers.
const PORT: u16 = 53;

pub(super) async fn dns(args: SnapshotDns, terminal: Terminal) -> Result<Exit, Failed> {
    let (names, types) = wanted(&args.names, &args.types).map_err(|problems| {
        let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
        Failed::usage(lines.join("\n"))
    })?;
    let address = |text: &String| {
        parse_address(text, PORT)
            .ok_or_else(|| Failed::usage(format!("`{text}` is no address of a name server")))
    };
    let servers = args.servers.iter().map(address).collect::<Result<Vec<_>, _>>()?;
    let now = SystemClock::new().now().wall;
    let cx = Context::new(args.timeout, now, None, ".".into());
    let wanted = Wanted { names, types, servers, resolvers: Vec::new() };
    let snapshot =
        take(&wanted, &cx, now).await.map_err(|failure| Failed::internal(failure.to_string()))?;
    match args.format {
        SnapshotFormat::Zone => terminal.print(&zone_file::write(&snapshot)),
        SnapshotFormat::Json => {
            let json =
                serde_json::to_value(&snapshot).map_err(|e| Failed::internal(e.to_string()))?;
            terminal.print(&format!("{json:#}\n"));
        }
    }
    let mut complete = true;
    for absence in &snapshot.absent {
        if let Some(why) = &absence.unknown {
            complete = false;
            terminal.complain(&format!("not had: {} {}: {why}\n", absence.name, absence.kind));
        }
    }
    let hold = Exit::Verdict(launchgate_core::gate::Verdict::Hold);
    Ok(if complete { Exit::Success } else { hold })
}
