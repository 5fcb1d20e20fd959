//! The `lb` probe: whether the backends of a load balancer that should be there are there and healthy, by its own word.
//!
//! Which ones those are is said beforehand, since a balancer without any backend has none that is down. It does not ask
//! the backends themselves: see `http`.

mod csv;
mod envoy;
mod haproxy;
mod json;
mod pool;
mod socket;
mod source;
mod verdict;

use std::collections::BTreeMap;

use launchgate_core::observation::Failure;
use launchgate_core::problem::{KeyPath, Problem};
use launchgate_core::reading::{ReadingSpec, ReadingType, Readings, Unit};
use schemars::JsonSchema;
use serde::Deserialize;

pub use source::{EnvoySettings, HaproxySettings, JsonSettings};

use crate::probe::{Context, Probe};
use source::Source;
use verdict::Expected;

/// The most instances of one probe.
const MAX_INSTANCES: usize = 1_000;

/// Settings of the `lb` probe: exactly one load balancer, and which backends it has to have.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The backends that have to be there, by the names that the balancer has for them.
    #[serde(default)]
    pub instances: Vec<String>,
    /// The same by zone, in place of `instances`.
    #[serde(default)]
    pub zones: BTreeMap<String, Vec<String>>,
    /// A HAProxy.
    #[serde(default)]
    pub haproxy: Option<HaproxySettings>,
    /// An Envoy, by its administration interface.
    #[serde(default)]
    pub envoy: Option<EnvoySettings>,
    /// Anything that answers with a list in JSON.
    #[serde(default)]
    pub json: Option<JsonSettings>,
}

/// The `lb` probe; see the module's documentation.
#[derive(Debug)]
pub struct Lb {
    source: Source,
    expected: Vec<Expected>,
}

impl Settings {
    fn expected(&self, problems: &mut Vec<Problem>) -> Vec<Expected> {
        if self.instances.is_empty() == self.zones.is_empty() {
            let problem = Problem::at("instances", "which backends have to be there?");
            problems.push(problem.hint("give `instances` or `zones`, and at least one backend"));
            return Vec::new();
        }
        let root = KeyPath::root();
        let plain = self.instances.iter().enumerate();
        let plain = plain.map(|(i, name)| (root.entry("instances").index(i), None, name));
        let mut expected: Vec<Expected> = Vec::new();
        let zoned = self.zones.iter().flat_map(|(zone, names)| {
            let at = root.entry("zones").entry(zone);
            names.iter().enumerate().map(move |(i, name)| (at.index(i), Some(zone), name))
        });
        for (at, zone, name) in plain.chain(zoned) {
            if name.is_empty() {
                problems.push(Problem::new(at, "an instance has a name"));
            } else if expected.iter().any(|e| e.name == *name) {
                problems.push(Problem::new(at, format!("`{name}` is listed already")));
            } else if expected.len() == MAX_INSTANCES {
                problems.push(Problem::new(at, format!("more than {MAX_INSTANCES} instances")));
                return expected;
            } else {
                expected.push(Expected { name: name.clone(), zone: zone.cloned() });
            }
        }
        for zone in self.zones.iter().filter(|z| z.1.is_empty()).map(|z| z.0) {
            let at = root.entry("zones").entry(zone);
            problems.push(Problem::new(at, "a zone without an instance could not be down"));
        }
        expected
    }

    fn source(&mut self, problems: &mut Vec<Problem>) -> Option<Source> {
        let given = [self.haproxy.is_some(), self.envoy.is_some(), self.json.is_some()];
        if given.iter().filter(|g| **g).count() != 1 {
            let problem = Problem::new(KeyPath::root(), "exactly one load balancer is asked");
            problems.push(problem.hint("give `haproxy`, `envoy` or `json`"));
            return None;
        }
        let at = |key: &str| KeyPath::root().entry(key);
        if let Some(settings) = self.haproxy.take() {
            return settings.check(&at("haproxy"), problems);
        }
        if let Some(settings) = self.envoy.take() {
            return settings.check(&at("envoy"), problems);
        }
        self.json.take()?.check(&at("json"), problems)
    }
}

impl Probe for Lb {
    const KIND: &'static str = "lb";
    const EXAMPLE: &'static str = "\
haproxy: { url: \"http://127.0.0.1:8404/stats\", backend: shop }
instances: [web1, web2, web3]
";
    type Settings = Settings;

    fn new(mut settings: Settings) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let expected = settings.expected(&mut problems);
        match settings.source(&mut problems) {
            Some(source) if problems.is_empty() => Ok(Self { source, expected }),
            _ => Err(problems),
        }
    }

    fn readings(&self) -> Vec<ReadingSpec> {
        use ReadingType::{Flag, Number, Texts};
        let spec = ReadingSpec::new;
        let mut readings = vec![
            spec("all_healthy", Flag, "whether every expected instance is there and healthy"),
            spec("healthy", Number(Unit::One), "how many of them are"),
            spec("expected", Number(Unit::One), "how many instances are expected"),
            spec("healthy_share", Number(Unit::Percent), "the healthy ones among the expected"),
            spec("missing", Texts, "the expected instances that the balancer does not have"),
            spec("down", Texts, "the expected instances that fail their checks"),
            spec("out_of_service", Texts, "those in maintenance, drained, or without a share"),
            spec("changing", Texts, "those on their way up or down"),
            spec("unchecked", Texts, "those whose state nobody knows"),
            spec("unexpected", Texts, "what the balancer has besides the expected ones"),
            spec("pool_share", Number(Unit::Percent), "the healthy ones among all it has"),
        ];
        if self.expected.iter().any(|e| e.zone.is_some()) {
            let doc = "the healthy ones among the expected, in the worst zone";
            readings.push(spec("lowest_zone_share", Number(Unit::Percent), doc));
        }
        if self.source.tells_times() {
            let doc = "since the last of the expected instances went up or down";
            readings.push(spec("stable_for", Number(Unit::Time), doc));
        }
        readings
    }

    fn hosts(&self) -> Vec<String> {
        self.source.host().map(str::to_owned).into_iter().collect()
    }

    async fn observe(&self, cx: &Context) -> Result<Readings, Failure> {
        let entries = self.source.look(cx).await?;
        cx.trail.untested("the backends themselves: this is what the balancer says of them");
        Ok(verdict::read(&self.expected, &entries))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn problems(settings: Value) -> Vec<String> {
        let settings = crate::strict::read(settings).expect("it has the right shape");
        match Lb::new(settings) {
            Ok(_) => Vec::new(),
            Err(problems) => problems.iter().map(ToString::to_string).collect(),
        }
    }

    #[test]
    fn settings_that_cannot_work_are_refused_with_their_place() {
        let haproxy = json!({"url": "http://x/stats", "backend": "b"});
        let list = json!({"url": "http://x/", "list": "/a", "name": "/n", "status": "/s",
            "healthy": ["up"], "unhealthy": ["down"]});
        let with = |key: &str, value: Value| {
            let mut list = list.clone();
            list[key] = value;
            json!({"instances": ["a"], "json": list})
        };
        let rows = [
            ("none expected", json!({"haproxy": haproxy}), "which backends have to be there?"),
            (
                "both ways",
                json!({"haproxy": haproxy, "instances": ["a"], "zones": {"x": ["b"]}}),
                "which backends have to be there?",
            ),
            (
                "an empty zone",
                json!({"haproxy": haproxy, "zones": {"x": ["b"], "y": []}}),
                "zones.y: a zone without an instance could not be down",
            ),
            (
                "twice",
                json!({"haproxy": haproxy, "zones": {"x": ["b"], "y": ["b"]}}),
                "zones.y[0]: `b` is listed already",
            ),
            ("no balancer", json!({"instances": ["a"]}), "exactly one load balancer is asked"),
            (
                "two ways to one",
                json!({"instances": ["a"], "haproxy": {"url": "http://x/", "socket": "s", "backend": "b"}}),
                "haproxy.socket: give `url` or `socket`, not both",
            ),
            (
                "no way to one",
                json!({"instances": ["a"], "haproxy": {"backend": "b"}}),
                "haproxy: give `url` or `socket`",
            ),
            (
                "a password in the address",
                json!({"instances": ["a"], "envoy": {"url": "http://a:hunter2@x/", "cluster": "b"}}),
                "envoy.url: a password has no place here",
            ),
            (
                "no word for healthy",
                with("healthy", json!([])),
                "json.healthy: which values say so?",
            ),
            (
                "both words",
                with("unhealthy", json!(["down", "up"])),
                "json.unhealthy[1]: it is among `healthy` too",
            ),
            ("no pointer", with("name", json!("n")), "json.name: `n` is no JSON pointer"),
        ];
        for (row, settings, said) in rows {
            let problems = problems(settings);
            assert!(problems.iter().any(|p| p.contains(said)), "{row}: {problems:?}");
        }
        assert_eq!(problems(json!({"instances": ["a"], "json": list})), Vec::<String>::new());
    }
}
