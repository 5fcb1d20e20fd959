//! What people state: sign-offs, waivers, and the go/no-go decision. Each is checked against who may say it, bound to what
//! they saw, and kept for good.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use super::{Effect, Record, Rejected, State};
use crate::attestation::{self, Covers, SignOff, SignOffError};
use crate::check::{Outcome, Question};
use crate::decision::{Decision, DecisionError, Facts, Word};
use crate::gate::{Checklist, Verdict};
use crate::milestone::Phase;
use crate::name::{CheckPath, Name};
use crate::reading::cut;
use crate::report::{CheckReport, DecisionReport, Report};
use crate::time::Moment;
use crate::waiver::{self, Waiver, WaiverError};

/// How many decisions a report shows.
const DECISIONS: usize = 10;

impl State {
    /// What a person says of a check now, without what backs it.
    pub(super) fn said(
        &self,
        check: CheckPath,
        person: Name,
        decision: attestation::Decision,
        now: Moment,
    ) -> SignOff {
        SignOff {
            checklist_hash: self.covered_by(&check),
            check,
            person,
            decision,
            evidence: None,
            note: None,
            values: BTreeMap::new(),
            at: now.wall,
            version: self.plan.version.clone(),
        }
    }

    pub(super) fn sign(
        &mut self,
        sign_off: SignOff,
        effects: &mut Vec<Effect>,
    ) -> Result<(), Rejected> {
        let path = &sign_off.check;
        let check = self.plan.check(path).ok_or_else(|| SignOffError::NoSuchCheck(path.clone()))?;
        let Question::SignOff(rule) = &check.question else {
            return Err(SignOffError::NotASignOff(path.clone()).into());
        };
        if !self.plan.holds(&sign_off.person, &rule.by) {
            return Err(SignOffError::NotInRole {
                person: sign_off.person,
                role: rule.by.clone(),
                check: path.clone(),
            }
            .into());
        }
        if let Some(other) = self.signed_among(&rule.apart_from, &sign_off.person) {
            let (person, check) = (sign_off.person, path.clone());
            return Err(SignOffError::NotApart { person, other, check }.into());
        }
        attestation::complete(rule, &sign_off)?;
        let sign_off = sign_off.cut();
        effects.push(Effect::Persist(Record::SignedOff(Box::new(sign_off.clone()))));
        self.sign_offs.push(sign_off);
        Ok(())
    }

    /// Which of these checks a person has approved for this version.
    fn signed_among(&self, checks: &[CheckPath], person: &Name) -> Option<CheckPath> {
        let said = self.sign_offs.iter().filter(|said| {
            said.person == *person
                && said.version == self.plan.version
                && said.decision == attestation::Decision::Approved
        });
        said.map(|said| &said.check).find(|check| checks.contains(check)).cloned()
    }

    /// The hash of what a signature of a check is bound to.
    fn covered_by(&self, path: &CheckPath) -> String {
        match self.plan.check(path).map(|check| &check.question) {
            Some(Question::SignOff(rule)) if rule.covers == Covers::LaunchFile => {
                self.plan.hash.clone()
            }
            _ => self.checklist_hash(&path.checklist),
        }
    }

    fn checklist_hash(&self, list: &Name) -> String {
        self.plan.checklist(list).map(|list| list.hash.clone()).unwrap_or_default()
    }

    pub(super) fn waive(
        &mut self,
        check: CheckPath,
        person: Name,
        reason: String,
        until: Timestamp,
        now: Moment,
        effects: &mut Vec<Effect>,
    ) -> Result<(), Rejected> {
        let waiver = self.waiver(check, person, reason, until, now)?;
        waiver.fits(&self.plan.waivers)?;
        self.keep_waiver(waiver, effects);
        Ok(())
    }

    pub(super) fn end_waiver(
        &mut self,
        check: CheckPath,
        person: Name,
        reason: String,
        now: Moment,
        effects: &mut Vec<Effect>,
    ) -> Result<(), Rejected> {
        let end = self.waiver(check, person, reason, now.wall, now)?;
        let hash = &end.checklist_hash;
        if waiver::in_force(&self.waivers, &end.check, &end.version, hash, now.wall).is_none() {
            return Err(WaiverError::None(end.check).into());
        }
        self.keep_waiver(end, effects);
        Ok(())
    }

    fn waiver(
        &self,
        check: CheckPath,
        person: Name,
        reason: String,
        until: Timestamp,
        now: Moment,
    ) -> Result<Waiver, Rejected> {
        if self.plan.check(&check).is_none() {
            return Err(Rejected::NoSuchCheck(check));
        }
        let role = &self.plan.waivers.by;
        if !self.plan.holds(&person, role) {
            return Err(WaiverError::NotInRole { person, role: role.clone() }.into());
        }
        let checklist_hash = self.checklist_hash(&check.checklist);
        let (version, at) = (self.plan.version.clone(), now.wall);
        Ok(Waiver { check, person, reason: cut(reason), at, until, version, checklist_hash })
    }

    fn keep_waiver(&mut self, waiver: Waiver, effects: &mut Vec<Effect>) {
        effects.push(Effect::Persist(Record::Waived(Box::new(waiver.clone()))));
        self.waivers.push(waiver);
    }

    /// A check's report with its waiver beside it. What passes is not made worse by one.
    pub(super) fn accepted(
        &self,
        list: &Checklist,
        report: Arc<CheckReport>,
        now: Moment,
    ) -> Arc<CheckReport> {
        if self.waivers.is_empty() {
            return report;
        }
        let version = &self.plan.version;
        let waiver =
            waiver::in_force(&self.waivers, &report.id, version, &list.hash, now.wall).cloned();
        let Some(waiver) = waiver else { return report };
        let mut report = CheckReport::clone(&report);
        if matches!(report.outcome, Outcome::Fail | Outcome::Unknown(_)) {
            report.because = format!(
                "waived by {} until {:.0}: {} ({}: {})",
                waiver.person,
                waiver.until,
                waiver.reason,
                report.outcome.name(),
                report.because
            );
            report.outcome = Outcome::Waived;
        }
        report.waiver = Some(waiver);
        Arc::new(report)
    }

    pub(super) fn go_no_go(
        &mut self,
        decision: Word,
        person: Name,
        note: Option<String>,
        now: Moment,
        effects: &mut Vec<Effect>,
    ) -> Result<(), Rejected> {
        if !self.plan.holds(&person, &Name::of("incident_commander")) {
            return Err(DecisionError::NotInRole(person).into());
        }
        let phase = Phase::after(&self.milestones);
        if matches!(phase, Phase::RollingBack | Phase::Closed) {
            return Err(DecisionError::NothingToDecide(phase).into());
        }
        let report = self.report(now);
        let note = note.filter(|note| !note.trim().is_empty()).map(cut);
        if decision == Word::Go && report.verdict != Verdict::Go && note.is_none() {
            return Err(DecisionError::NoteMissing(report.verdict).into());
        }
        let text = serde_json::to_string(&report).unwrap_or_default();
        let decision = Arc::new(Decision {
            decision,
            person,
            note,
            at: now.wall,
            question: report.question.clone(),
            facts: Facts::of(&report, &self.plan.hash),
            report: text.into(),
        });
        effects.push(Effect::Persist(Record::GoNoGo(Arc::clone(&decision))));
        self.decisions.push(decision);
        Ok(())
    }

    /// The decisions, newest first, with what has changed since each.
    pub(super) fn decision_reports(&self, report: &Report) -> Vec<DecisionReport> {
        if self.decisions.is_empty() {
            return Vec::new();
        }
        let now = Facts::of(report, &self.plan.hash);
        let numbered = self.decisions.iter().enumerate().rev().take(DECISIONS);
        numbered
            .map(|(place, kept)| {
                let changes = kept.facts.changes(&now);
                DecisionReport {
                    number: place + 1,
                    decision: kept.decision,
                    person: kept.person.clone(),
                    at: kept.at,
                    note: kept.note.clone(),
                    question: kept.question.clone(),
                    verdict: kept.facts.verdict,
                    version: kept.facts.version.clone(),
                    stale: !changes.is_empty(),
                    changes,
                    kept: Some(Arc::clone(kept)),
                }
            })
            .collect()
    }
}
