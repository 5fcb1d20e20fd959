//! The report of a state at an instant: findings, gates, the verdict for the phase, and what is overdue.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

use super::{CheckState, State};
use crate::attestation::{self, Covers};
use crate::check::{Check, Finding, Outcome, Question, Reason};
use crate::gate::{Blocker, Checklist, Gates, Verdict, Why, decide};
use crate::message::Delivery;
use crate::milestone::{Milestone, Phase};
use crate::name::Name;
use crate::rehearsal;
use crate::report::{
    CheckReport, ChecklistReport, DueState, LimitReport, MessageReport, Report, SigningReport,
    TriggerReport,
};
use crate::run::RunStatus;
use crate::time::{Anchor, Moment, add, elapsed, format_duration};
use crate::trigger::{Mode, Status};

/// How many messages a report shows.
const MESSAGES: usize = 20;
/// How many rehearsals a report shows.
const REHEARSALS: usize = 5;
/// How long a message may wait before that is an alarm.
const LATE: Duration = Duration::from_secs(30);

impl State {
    /// Makes the report at `now`. What did not change since the last one is shared with it.
    pub fn report(&mut self, now: Moment) -> Report {
        let plan = Arc::clone(&self.plan);
        let phase = Phase::after(&self.milestones);
        let mut blockers = Vec::new();
        let mut checklists = Vec::with_capacity(plan.checklists.len());
        let mut place = 0;
        for list in &plan.checklists {
            let reports: Vec<Arc<CheckReport>> = list
                .checks
                .iter()
                .zip(place..)
                .map(|(c, i)| {
                    let report = self.check_report(list, c, i, now);
                    self.accepted(list, report, now)
                })
                .collect();
            place += reports.len();
            let (report, mut open) = self.checklist_report(list, reports, now.wall);
            if answers(phase) == Some(list.gates) {
                blockers.append(&mut open);
            }
            checklists.push(report);
        }
        let verdict = self.verdict(phase, &checklists, &mut blockers);
        let verdict = verdict.max(self.watched(phase, now, &mut blockers));
        let overdue: Vec<Name> = checklists
            .iter()
            .filter(|list| list.state == DueState::Overdue)
            .map(|list| list.id.clone())
            .collect();
        blockers.sort_by_key(|b| b.why);
        self.with_contacts(&mut blockers);
        let mut report = Report {
            launch: plan.launch.clone(),
            title: plan.title.clone(),
            version: plan.version.clone(),
            phase,
            question: question(phase).to_owned(),
            verdict,
            on_schedule: overdue.is_empty(),
            overdue,
            as_of: now.wall,
            basis: None,
            go_live: plan.go_live.to_string(),
            kind: plan.kind.clone(),
            window: plan.window.map(|window| window.as_secs_f64()),
            window_ends: plan.window.and_then(|window| {
                let window = jiff::SignedDuration::try_from(window).ok()?;
                Some(plan.go_live.checked_add(window).ok()?.to_string())
            }),
            seconds_to_go_live: plan.go_live.timestamp().duration_since(now.wall).as_secs(),
            blockers,
            alarms: self.alarms(now),
            looking_again: self.looking_again(),
            checklists,
            triggers: self.trigger_reports(now),
            messages: self.message_report(),
            day: self.day_report(now),
            watch: self.watching_report(),
            announcements: self.announcement_reports(now),
            runs: self.runs.iter().rev().cloned().collect(),
            rehearsals: self.rehearsals.iter().rev().take(REHEARSALS).cloned().collect(),
            decisions: Vec::new(),
            milestones: self.milestones.clone(),
            links: plan.links.clone(),
        };
        report.decisions = self.decision_reports(&report);
        report
    }

    fn check_report(
        &mut self,
        list: &Checklist,
        check: &Check,
        place: usize,
        now: Moment,
    ) -> Arc<CheckReport> {
        let finding = match &check.question {
            Question::Probe { .. } => {
                let state = &self.checks[place];
                let stale = state.memory.is_stale(check, now);
                match &state.reported {
                    Some(same) if !stale => return Arc::clone(same),
                    _ => state.memory.finding_at(check, now),
                }
            }
            Question::Rehearsal(rule) => rehearsal::judge(
                rule,
                self.plan.procedures.get(&rule.procedure),
                &self.rehearsals,
                self.readiness.get(&rule.procedure),
                &self.plan.version,
                now.wall,
            ),
            Question::SignOff(rule) => attestation::judge(
                rule,
                self.sign_offs.iter().filter(|s| s.check == check.path),
                &self.plan.version,
                match rule.covers {
                    Covers::Checklist => &list.hash,
                    Covers::LaunchFile => &self.plan.hash,
                },
                now.wall,
            ),
        };
        let report = Arc::new(self.draw(check, finding, &self.checks[place]));
        if report.fresh_for.is_some() && report.reason != Some(Reason::Stale) {
            self.checks[place].reported = Some(Arc::clone(&report));
        }
        report
    }

    fn draw(&self, check: &Check, finding: Finding, state: &CheckState) -> CheckReport {
        let last = state.memory.last.as_ref();
        let probed = matches!(check.question, Question::Probe { .. });
        CheckReport {
            id: check.path.clone(),
            title: check.title.clone(),
            level: check.level,
            reason: match finding.outcome {
                Outcome::Unknown(reason) => Some(reason),
                Outcome::Pass | Outcome::Warn | Outcome::Fail | Outcome::Waived => None,
            },
            outcome: finding.outcome,
            because: match &check.from {
                Some(vantage) if probed => format!("from {vantage}: {}", finding.because),
                _ => finding.because,
            },
            vantages: check.from.iter().cloned().collect(),
            probe: match &check.question {
                Question::Probe { kind, .. } => kind.clone(),
                Question::SignOff(_) => Name::of("sign_off"),
                Question::Rehearsal(_) => Name::of("rehearsal"),
            },
            readings: last.and_then(|o| o.outcome.as_ref().ok()).cloned(),
            limits: limits(check),
            observed_at: last.map(|o| o.at.wall),
            fresh_for: probed.then_some(check.fresh_for.as_secs_f64()),
            // A rhythm counts from when looks begin.
            next_at: last
                .filter(|_| probed)
                .map(|o| add(o.at.wall, check.every.saturating_sub(o.took))),
            waiver: None,
            signing: match &check.question {
                Question::Probe { .. } | Question::Rehearsal(_) => None,
                Question::SignOff(rule) => Some(SigningReport {
                    by: rule.by.clone(),
                    people: self.plan.people.get(&rule.by).cloned().unwrap_or_default(),
                    quorum: rule.quorum,
                    evidence_required: rule.evidence_required,
                    record: rule.record.clone(),
                }),
            },
            sign_offs: match check.question {
                Question::Probe { .. } | Question::Rehearsal(_) => Vec::new(),
                Question::SignOff(_) => {
                    self.sign_offs.iter().filter(|s| s.check == check.path).cloned().collect()
                }
            },
        }
    }

    fn checklist_report(
        &self,
        list: &Checklist,
        checks: Vec<Arc<CheckReport>>,
        now: Timestamp,
    ) -> (ChecklistReport, Vec<Blocker>) {
        let findings: Vec<(&Check, Outcome, &str)> = list
            .checks
            .iter()
            .zip(&checks)
            .map(|(check, report)| (check, report.outcome, report.because.as_str()))
            .collect();
        let decided = decide(list, findings);
        let due_at = list.due.resolve(&self.anchor(list.due.anchor));
        let state = match (now >= due_at, decided.verdict) {
            (false, _) => DueState::NotYetDue,
            (true, Verdict::Go) => DueState::Met,
            (true, Verdict::Hold | Verdict::NoGo) => DueState::Overdue,
        };
        let people = list.owner.as_ref().and_then(|role| self.plan.people.get(role));
        let report = ChecklistReport {
            id: list.id.clone(),
            title: list.title.clone(),
            owner: list.owner.clone(),
            people: people.cloned().unwrap_or_default(),
            gates: list.gates,
            due: list.due.to_string(),
            due_at,
            state,
            verdict: decided.verdict,
            warnings: decided.warnings,
            checks,
        };
        (report, decided.blockers)
    }

    /// When `T` or `H` is, in the launch's zone.
    pub(super) fn anchor(&self, anchor: Anchor) -> Zoned {
        let zone: TimeZone = self.plan.go_live.time_zone().clone();
        let deployed =
            self.milestones.iter().rev().find(|r| r.milestone == Milestone::DeployStarted);
        match (anchor, deployed) {
            (Anchor::DeployStarted, Some(reached)) => reached.at.to_zoned(zone),
            (Anchor::DeployStarted, None) | (Anchor::GoLive, _) => self.plan.go_live.clone(),
        }
    }

    /// The answer to the question of the phase. Whatever is not GO leaves a blocker.
    fn verdict(
        &self,
        phase: Phase,
        checklists: &[ChecklistReport],
        blockers: &mut Vec<Blocker>,
    ) -> Verdict {
        let mut because = |why: Why, text: &str| {
            blockers.push(Blocker {
                checklist: None,
                check: None,
                title: self.plan.title.clone(),
                why,
                because: text.to_owned(),
                owner: Some(Name::of("incident_commander")),
                contacts: Vec::new(),
            });
        };
        match (phase, answers(phase)) {
            (Phase::RollingBack, _) => {
                let mut rollbacks = self.runs.iter().rev().filter(|run| run.is_rollback());
                let aborted = rollbacks.next().is_some_and(|run| run.status == RunStatus::Aborted);
                because(
                    Why::Failed,
                    if aborted {
                        "the rollback was aborted: record `rolled_back` once the previous version runs"
                    } else {
                        "a rollback is under way"
                    },
                );
                Verdict::NoGo
            }
            (Phase::RolledBack, _) => {
                because(
                    Why::Failed,
                    "the launch was rolled back; a new deploy_started begins again",
                );
                Verdict::NoGo
            }
            (_, None) => Verdict::Go,
            (_, Some(gates)) => {
                let asked = checklists.iter().filter(|list| list.gates == gates);
                asked.map(|list| list.verdict).max().unwrap_or_else(|| {
                    because(Why::Empty, "no checklist answers this question");
                    Verdict::Hold
                })
            }
        }
    }

    /// What the triggers say while a rollback is possible: a breach under way is NO-GO, and one that cannot look is no GO.
    fn watched(&self, phase: Phase, now: Moment, blockers: &mut Vec<Blocker>) -> Verdict {
        if !matches!(phase, Phase::Launching | Phase::Watching) {
            return Verdict::Go;
        }
        let mut worst = Verdict::Go;
        for (trigger, memory) in self.plan.triggers.iter().zip(&self.triggers) {
            let (verdict, why) = match memory.status {
                _ if trigger.mode == Mode::Observe => continue,
                Status::Pending => (Verdict::NoGo, Why::Failed),
                Status::Fired if memory.is_asking(trigger) => (Verdict::NoGo, Why::Failed),
                _ if memory.flapping && memory.status.is_armed() => (Verdict::NoGo, Why::Failed),
                Status::Suspended | Status::Blind => (Verdict::Hold, Why::Unknown),
                Status::Arming => (Verdict::Hold, Why::NotYetRun),
                Status::Disarmed | Status::Watching | Status::Fired | Status::Expired => continue,
            };
            worst = worst.max(verdict);
            blockers.push(Blocker {
                checklist: None,
                check: None,
                title: format!("trigger {}", trigger.id),
                why,
                because: memory.because(trigger, now),
                owner: Some(if memory.is_asking(trigger) {
                    trigger.ask.role.clone()
                } else {
                    Name::of("incident_commander")
                }),
                contacts: Vec::new(),
            });
        }
        worst
    }

    fn message_report(&self) -> MessageReport {
        let messages = self.outbox.messages();
        let count = |is: fn(&Delivery) -> bool| messages.iter().filter(|m| is(&m.delivery)).count();
        MessageReport {
            waiting: count(|d| matches!(d, Delivery::Waiting)),
            oldest_waiting: self.outbox.waiting().map(|m| m.at).min(),
            given_up: count(|d| matches!(d, Delivery::GivenUp { .. })),
            last: messages.iter().rev().take(MESSAGES).cloned().collect(),
        }
    }

    fn alarms(&self, now: Moment) -> Vec<String> {
        let pairs = self.plan.triggers.iter().zip(&self.triggers);
        let blind = pairs
            .filter(|(_, memory)| matches!(memory.status, Status::Blind | Status::Suspended))
            .map(|(trigger, memory)| {
                let status = memory.status.name();
                format!("trigger {} is {status}: {}", trigger.id, memory.because(trigger, now))
            });
        let waiting = self.runs.iter().filter_map(|run| {
            let step = run.procedure.steps.get(run.asking()?)?;
            // What people do on the launch day by plan is no alarm.
            (run.is_rollback() || !step.is_manual())
                .then(|| format!("run {} waits for a person at the step `{}`", run.id, step.id))
        });
        let undelivered = self.message_report();
        let late =
            undelivered.oldest_waiting.filter(|at| elapsed(*at, now.wall) > LATE).map(|at| {
                let since = format_duration(elapsed(at, now.wall));
                let channels: BTreeSet<&str> =
                    self.outbox.waiting().map(|message| message.channel.as_str()).collect();
                let channels = channels.into_iter().collect::<Vec<_>>().join(", ");
                let waiting = match undelivered.waiting {
                    1 => "1 message waits".to_owned(),
                    n => format!("{n} messages wait"),
                };
                format!("{waiting} to be delivered to {channels}, the oldest for {since}")
            });
        let problem = self.plan_problem.iter().cloned();
        problem
            .chain(late)
            .chain(waiting)
            .chain(self.suggestions(now))
            .chain(blind)
            .chain(self.unready())
            .chain(self.unheard(now))
            .collect()
    }

    fn trigger_reports(&self, now: Moment) -> Vec<TriggerReport> {
        let pairs = self.plan.triggers.iter().zip(&self.triggers);
        pairs
            .map(|(trigger, memory)| TriggerReport {
                id: trigger.id.clone(),
                state: memory.status,
                because: memory.because(trigger, now),
                since: memory.unknown_since.or(memory.breach_since),
                credit: memory.credit.as_secs_f64(),
                lasts: trigger.lasts.as_secs_f64(),
                mode: trigger.mode,
                check: trigger.watch.clock().clone(),
                watches: trigger.watch.to_string(),
                flags: memory.flags(trigger, now),
                hold: memory.hold.clone(),
                procedure: trigger.procedure.clone(),
            })
            .collect()
    }
}

/// Which checklists answer the question of a phase.
fn answers(phase: Phase) -> Option<Gates> {
    match phase {
        Phase::Preparing => Some(Gates::Launch),
        Phase::Launching => Some(Gates::Live),
        Phase::Watching => Some(Gates::Watch),
        Phase::RollingBack | Phase::RolledBack | Phase::Closed => None,
    }
}

fn question(phase: Phase) -> &'static str {
    match phase {
        Phase::Preparing => "May we launch?",
        Phase::Launching => "May we declare success?",
        Phase::Watching => "Is it still healthy?",
        Phase::RollingBack => "Is the rollback done?",
        Phase::RolledBack => "May we launch again?",
        Phase::Closed => "The launch is closed.",
    }
}

/// What a check's numbers are held against, those that fail first.
fn limits(check: &Check) -> Vec<LimitReport> {
    let all = check.expect.iter().map(|e| (e, false)).chain(check.warn.iter().map(|e| (e, true)));
    all.flat_map(|(expectation, warns)| {
        expectation.limits().into_iter().map(move |limit| LimitReport {
            reading: limit.reading.name.clone(),
            unit: limit.reading.kind.unit(),
            value: limit.value,
            operator: limit.operator.into(),
            warns,
        })
    })
    .collect()
}
