//! Vantages, and the canaries that are heard from them.

use std::collections::BTreeMap;
use std::sync::Arc;

use launchgate_core::name::Name;
use launchgate_core::problem::{KeyPath, Problem, did_you_mean};
use launchgate_core::time::format_duration;
use launchgate_probes::DynProbe;
use launchgate_probes::placed::Placed;
use launchgate_probes::vantage::{Settings, Vantage};
use serde_json::Value;

use super::compiler::Compiler;
use super::raw;
use crate::runner::Canaries;

impl Compiler<'_> {
    pub(super) fn vantages(&mut self) -> BTreeMap<Name, Arc<Vantage>> {
        let mut vantages = BTreeMap::new();
        for (text, value, path) in self.entries(&KeyPath::root(), "vantages") {
            let name = self.name(&text, &path, true);
            let Some(settings) = self.read::<Settings>(value, &path) else { continue };
            match Vantage::read(&text, &settings) {
                Ok(vantage) => {
                    vantages.extend(name.map(|name| (name, Arc::new(vantage))));
                }
                Err(problems) => {
                    for problem in problems {
                        self.problem(problem.under(&path));
                    }
                }
            }
        }
        vantages
    }

    /// The name of the vantage that a check is looked at from.
    pub(super) fn from(&mut self, text: &str, path: &KeyPath) -> Option<Name> {
        let name = self.name(text, path, false)?;
        if !self.vantages.contains_key(&name) {
            let known: Vec<String> = self.vantages.keys().map(ToString::to_string).collect();
            let hint = did_you_mean(text, known.iter().map(String::as_str))
                .unwrap_or_else(|| "add it under `vantages:`".to_owned());
            let problem = Problem::new(path.clone(), format!("there is no vantage `{text}`"));
            self.problem(problem.hint(hint));
        }
        Some(name)
    }

    /// Puts a probe in its place.
    pub(super) fn placed(
        &self,
        probe: Arc<dyn DynProbe>,
        from: Option<&Name>,
    ) -> Arc<dyn DynProbe> {
        match from.and_then(|name| self.vantages.get(name)) {
            Some(vantage) => Arc::new(Placed::new(probe, Arc::clone(vantage))),
            None => probe,
        }
    }

    pub(super) fn canaries(&mut self, head: Option<&raw::Head>) -> Vec<Arc<dyn DynProbe>> {
        let mut canaries = Vec::new();
        for (i, canary) in head.into_iter().flat_map(|head| &head.canaries).enumerate() {
            let path = KeyPath::root().entry("canaries").index(i);
            match self.registry.build(&canary.probe, Value::Object(canary.with.clone())) {
                Ok(probe) => {
                    let least = probe.least_timeout();
                    if least > Canaries::PATIENCE {
                        let [has, needs] = [Canaries::PATIENCE, least].map(format_duration);
                        let message = format!("a canary has {has}, and such a look needs {needs}");
                        self.problem(Problem::new(path.entry("with"), message));
                    }
                    canaries.push(probe);
                }
                Err(problems) => {
                    for problem in problems {
                        let unknown = !self.registry.kinds().any(|kind| kind == canary.probe);
                        let below = if unknown { "probe" } else { "with" };
                        self.problem(problem.under(&path.entry(below)));
                    }
                }
            }
        }
        canaries
    }
}
