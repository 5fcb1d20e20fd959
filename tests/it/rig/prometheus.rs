//! A Prometheus that scrapes every 200 ms and takes remote writes. A fresh server makes its first
//! scrape only after about five seconds; remote writes are there at once.

use std::net::SocketAddr;

use super::native_histogram::NativeSeries;
use super::process::{Server, TempDir, free_port, program, run};

/// One series for [`Prometheus::remote_write`].
#[derive(Clone, Debug)]
pub(crate) struct Series<'a> {
    /// The metric's name.
    pub(crate) name: &'a str,
    /// Further labels, in any order.
    pub(crate) labels: Vec<(&'a str, &'a str)>,
    /// Values, each with its time in milliseconds since 1970, oldest first.
    pub(crate) samples: Vec<(f64, i64)>,
}

/// A running Prometheus with its data in a temporary folder.
#[derive(Debug)]
pub(crate) struct Prometheus {
    server: Server,
    port: u16,
    folder: TempDir,
}

impl Prometheus {
    /// Starts one that scrapes these `(job, address)` targets and waits until it is ready.
    pub(crate) fn start(targets: &[(&str, SocketAddr)]) -> Self {
        Self::with_rules(targets, "groups: []")
    }

    /// The same, with these rules, evaluated every 200 ms unless their group says otherwise.
    pub(crate) fn with_rules(targets: &[(&str, SocketAddr)], rules: &str) -> Self {
        let folder = TempDir::new("prometheus");
        let mut config = String::from(
            "global: {scrape_interval: 200ms, scrape_timeout: 150ms, evaluation_interval: 200ms}\n\
             rule_files: [rules.yml]\n\
             storage: {tsdb: {out_of_order_time_window: 24h}}\nscrape_configs:\n",
        );
        for (job, address) in targets {
            config += &format!(
                "  - {{job_name: '{job}', static_configs: [{{targets: ['{address}']}}]}}\n"
            );
        }
        folder.write("prometheus.yml", &config);
        folder.write("rules.yml", rules);
        let port = free_port();
        let server = spawn(&folder, port);
        let mut prometheus = Self { server, port, folder };
        prometheus.wait_until_ready();
        prometheus
    }

    /// Its base address, without a final slash.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Puts these series in; they can be asked for at once.
    pub(crate) fn remote_write(&self, series: &[Series<'_>]) {
        self.put(&write_request(series));
    }

    /// Puts this native histogram in; it can be asked for at once.
    pub(crate) fn remote_write_native(&self, series: &NativeSeries<'_>) {
        let mut bytes = labelled(series.name, &series.labels);
        bytes.extend(series.fields());
        self.put(&field(1, &bytes));
    }

    fn put(&self, request: &[u8]) {
        let body = TempDir::new("remote-write");
        let path = body.join("body");
        std::fs::write(&path, snappy(request)).expect("the folder is ours");
        run(program("curl")
            .args(["--silent", "--show-error", "--fail-with-body", "--max-time", "10"])
            .args(["--header", "Content-Type: application/x-protobuf"])
            .args(["--header", "Content-Encoding: snappy"])
            .args(["--header", "X-Prometheus-Remote-Write-Version: 0.1.0"])
            .arg("--data-binary")
            .arg(format!("@{}", path.display()))
            .arg(format!("{}/api/v1/write", self.url())));
    }

    /// Ends the server: its port refuses connections until [`Prometheus::restart`].
    pub(crate) fn stop(&mut self) {
        self.server.stop();
    }

    /// Starts it again on the same port with the same data.
    pub(crate) fn restart(&mut self) {
        self.server.stop();
        self.server = spawn(&self.folder, self.port);
        self.wait_until_ready();
    }

    /// Freezes it: connections open, and no answer ever comes.
    pub(crate) fn freeze(&self) {
        self.server.freeze();
    }

    /// Lets a frozen one answer again.
    pub(crate) fn thaw(&self) {
        self.server.thaw();
    }

    fn wait_until_ready(&mut self) {
        let url = format!("{}/-/ready", self.url());
        self.server.wait_for("ready Prometheus", || {
            let mut curl = program("curl");
            curl.args(["--silent", "--fail", "--max-time", "1", &url]);
            curl.output().is_ok_and(|output| output.status.success()).then_some(())
        });
    }
}

fn spawn(folder: &TempDir, port: u16) -> Server {
    let mut command = program("prometheus");
    command
        .arg(format!("--config.file={}", folder.join("prometheus.yml").display()))
        .arg(format!("--storage.tsdb.path={}", folder.join("data").display()))
        .arg(format!("--web.listen-address=127.0.0.1:{port}"))
        .args(["--web.enable-remote-write-receiver", "--log.level=warn"])
        .arg("--enable-feature=native-histograms");
    Server::spawn(command, "prometheus", folder.join("prometheus.log"))
}

// A remote write's body: the protobuf messages WriteRequest { 1: TimeSeries }, TimeSeries
// { 1: Label, 2: Sample }, Label { 1: name, 2: value } and Sample { 1: double, 2: int64 }.

fn write_request(series: &[Series<'_>]) -> Vec<u8> {
    series.iter().flat_map(|one| field(1, &time_series(one))).collect()
}

fn time_series(series: &Series<'_>) -> Vec<u8> {
    let mut bytes = labelled(series.name, &series.labels);
    for &(value, time_ms) in &series.samples {
        let mut sample = vec![1 << 3 | 1];
        sample.extend(value.to_le_bytes());
        sample.push(2 << 3);
        sample.extend(varint(time_ms.cast_unsigned()));
        bytes.extend(field(2, &sample));
    }
    bytes
}

fn labelled(name: &str, labels: &[(&str, &str)]) -> Vec<u8> {
    let mut labels = labels.to_vec();
    labels.push(("__name__", name));
    // The receiver takes labels in order only.
    labels.sort_unstable();
    let mut bytes = Vec::new();
    for (name, value) in labels {
        let label = [field(1, name.as_bytes()), field(2, value.as_bytes())].concat();
        bytes.extend(field(1, &label));
    }
    bytes
}

/// A length-delimited field.
pub(super) fn field(number: u8, content: &[u8]) -> Vec<u8> {
    let mut bytes = vec![number << 3 | 2];
    bytes.extend(varint(content.len() as u64));
    bytes.extend(content);
    bytes
}

pub(super) fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let low = (value & 0x7f) as u8;
        value >>= 7;
        if value == 0 {
            bytes.push(low);
            return bytes;
        }
        bytes.push(low | 0x80);
    }
}

/// Snappy's block format, with literals only: valid, and no smaller than its input.
fn snappy(content: &[u8]) -> Vec<u8> {
    /// A literal whose length, less one, follows in two bytes.
    const LITERAL: u8 = 61 << 2;
    let mut bytes = varint(content.len() as u64);
    for chunk in content.chunks(1 << 16) {
        let length = u16::try_from(chunk.len() - 1).expect("a chunk has 1 to 65,536 bytes");
        bytes.push(LITERAL);
        bytes.extend(length.to_le_bytes());
        bytes.extend(chunk);
    }
    bytes
}
