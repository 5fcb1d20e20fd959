//! What people may say: sign-offs and waivers.

use std::collections::HashSet;

use launchgate_core::attestation::{Covers, SignOffRule};
use launchgate_core::check::Question;
use launchgate_core::gate::Checklist;
use launchgate_core::name::{CheckPath, Name};
use launchgate_core::problem::{KeyPath, Problem};
use launchgate_core::waiver::WaiverRule;
use serde_json::Value;

use super::compiler::{Compiler, at};
use super::raw;

impl Compiler<'_> {
    /// What must be signed, by whom.
    pub(super) fn sign_off_rule(
        &mut self,
        raw: &raw::Check,
        path: &KeyPath,
    ) -> Option<SignOffRule> {
        let with = path.entry("with");
        let sign_off = self.read::<raw::SignOff>(Value::Object(raw.with.clone()), &with)?;
        let by = self.role(&sign_off.by, &with.entry("by"))?;
        let quorum = sign_off.quorum.unwrap_or(1);
        let holders = self.people.get(&by).map_or(0, Vec::len);
        if quorum == 0 {
            let message = "this check cannot fail: nobody needs to sign";
            self.problem(Problem::new(with.entry("quorum"), message));
        } else if holders > 0 && quorum as usize > holders {
            let message = format!(
                "this check cannot pass: {quorum} must sign and {holders} hold the role `{by}`"
            );
            self.problem(Problem::new(with.entry("quorum"), message));
        }
        let valid_for = self.duration(sign_off.valid_for.as_deref(), &with.entry("valid_for"));
        let evidence_required = sign_off.evidence == raw::Evidence::Required;
        let mut record = Vec::new();
        for (i, text) in sign_off.record.iter().enumerate() {
            let place = with.entry("record").index(i);
            let Some(name) = self.name(text, &place, false) else { continue };
            if record.contains(&name) {
                self.problem(Problem::new(place, format!("`{name}` is recorded already")));
            }
            record.push(name);
        }
        let apart_from = sign_off.apart_from.iter().enumerate();
        let apart_from: Vec<CheckPath> = apart_from
            .filter_map(|(i, text)| {
                let hint = Some("write `checklist/check`".to_owned());
                self.parse(text, &with.entry("apart_from").index(i), hint)
            })
            .collect();
        let covers = match sign_off.covers {
            raw::Covers::Checklist => Covers::Checklist,
            raw::Covers::LaunchFile => Covers::LaunchFile,
        };
        Some(SignOffRule { by, quorum, evidence_required, valid_for, covers, record, apart_from })
    }

    /// Whether what each sign-off is to be apart from is there, is signed, and leaves somebody to sign.
    pub(super) fn duties(&mut self, lists: &[Checklist]) {
        let checks = lists.iter().flat_map(|list| &list.checks);
        let rules: Vec<(&CheckPath, &SignOffRule)> = checks
            .filter_map(|check| match &check.question {
                Question::SignOff(rule) => Some((&check.path, rule)),
                Question::Probe { .. } | Question::Rehearsal(_) => None,
            })
            .collect();
        for (path, rule) in &rules {
            let with = at("checklists")
                .entry(path.checklist.as_str())
                .entry("checks")
                .entry(path.check.as_str())
                .entry("with");
            for (i, other) in rule.apart_from.iter().enumerate() {
                let place = with.entry("apart_from").index(i);
                let Some((_, theirs)) = rules.iter().find(|(known, _)| *known == other) else {
                    let message = format!("there is no sign-off `{other}`");
                    self.problem(Problem::new(place, message));
                    continue;
                };
                if other == *path {
                    self.problem(Problem::new(place, "a sign-off cannot be apart from itself"));
                    continue;
                }
                let everybody: HashSet<&Name> = self.holders(&rule.by).collect();
                let busy: HashSet<&Name> = self.holders(&theirs.by).collect();
                let needed = (rule.quorum + theirs.quorum) as usize;
                let all: HashSet<&Name> = everybody.union(&busy).copied().collect();
                if all.len() < needed {
                    let message = format!(
                        "this check cannot pass: `{path}` and `{other}` take {needed} different people, and {} hold \
                         the roles",
                        all.len()
                    );
                    self.problem(Problem::new(place, message));
                }
            }
        }
    }

    fn holders(&self, role: &Name) -> impl Iterator<Item = &Name> {
        self.people.get(role).into_iter().flatten()
    }

    /// Who may waive.
    pub(super) fn waivers(&mut self, raw: Option<&raw::Waivers>) -> WaiverRule {
        let usual = WaiverRule::default();
        let Some(raw) = raw else { return usual };
        let path = at("waivers");
        let by = raw.by.as_deref().and_then(|role| self.role(role, &path.entry("by")));
        let at_most = self.duration(raw.at_most.as_deref(), &path.entry("at_most"));
        if at_most.is_some_and(|longest| longest.is_zero()) {
            let problem = Problem::new(path.entry("at_most"), "no waiver could last that long");
            self.problem(
                problem.hint("write `at_most: 7d`, or name a role under `by` that nobody uses"),
            );
        }
        WaiverRule { by: by.unwrap_or(usual.by), at_most: at_most.unwrap_or(usual.at_most) }
    }
}
