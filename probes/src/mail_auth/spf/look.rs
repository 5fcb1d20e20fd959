//! SPF as a section of the look: every sender, and a stranger.

use std::net::{IpAddr, Ipv4Addr};

use launchgate_core::observation::Failure;
use launchgate_core::reading::Readings;

use super::check::{Checked, Sender, Verdict, check_host};
use super::record;
use crate::mail_auth::names::{Names, texts};
use crate::mail_auth::section::Section;

/// An address that is nobody's (RFC 5737), and so nobody's mail server.
const STRANGER: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

/// Looks for each of `senders` and for the stranger, one after the other, since they ask nearly the same.
pub(in crate::mail_auth) async fn look(
    names: &impl Names,
    domain: &str,
    senders: &[IpAddr],
) -> Section {
    let mailbox = format!("postmaster@{domain}");
    let sender = |ip| Sender { ip, mailbox: &mailbox, helo: domain };
    let mut checks = Vec::new();
    for ip in senders {
        checks.push((*ip, check_host(names, sender(*ip), domain).await));
    }
    let stranger = check_host(names, sender(STRANGER), domain).await;
    let mut section = read(&checks, &stranger);
    match texts(names, domain).await {
        Ok(texts) => {
            // That of several is none, so there is no size then.
            let mut records = texts.iter().filter(|text| record::is_record(text));
            if let (Some(only), None) = (records.next(), records.next()) {
                #[expect(clippy::cast_precision_loss, reason = "a record is below 64 KiB")]
                let size = only.len() as f64;
                section.readings = section.readings.number("spf_record_size", size);
            }
        }
        Err(failure) => section.failure = Some(failure),
    }
    section
}

/// Reads all checks together: the worst sender decides, and one that nobody could say anything of leaves it open.
fn read(
    senders: &[(IpAddr, Result<Checked, Failure>)],
    stranger: &Result<Checked, Failure>,
) -> Section {
    let mut section = Section::default();
    let mut readings = Readings::new();
    for (ip, outcome) in senders {
        let odd = !matches!(outcome, Ok(c) if c.verdict == Verdict::Pass);
        readings = readings.part(format!("SPF of {ip}"), told(outcome), odd);
    }
    let odd = !matches!(stranger, Ok(c) if c.verdict != Verdict::Pass);
    readings = readings.part(format!("SPF of a stranger, {STRANGER}"), told(stranger), odd);
    let outcomes = || senders.iter().map(|(_, outcome)| outcome);
    let worst = outcomes().filter_map(|o| o.as_ref().ok()).map(|c| c.verdict).max();
    let all = outcomes().all(Result::is_ok);
    if let Some(worst) = worst.filter(|worst| all || *worst != Verdict::Pass) {
        readings = readings.text("spf_result", worst.name());
    }
    if let Ok(checked) = stranger {
        readings = readings.text("spf_stranger", checked.verdict.name());
    }
    let everybody = || outcomes().chain([stranger]);
    section.failure = everybody().find_map(|o| o.as_ref().err().cloned());
    if section.failure.is_none() {
        let known = || everybody().filter_map(|o| o.as_ref().ok());
        let most = |of: fn(&Checked) -> usize| known().map(of).max().unwrap_or(0);
        #[expect(clippy::cast_precision_loss, reason = "they are small")]
        let number = |count: usize| count as f64;
        readings = readings
            .number("spf_lookups", number(most(|c| c.lookups)))
            .number("spf_void_lookups", number(most(|c| c.voids)))
            .flag("spf_uses_ptr", known().any(|c| c.uses_ptr));
    }
    section.readings = readings;
    section
}

fn told(outcome: &Result<Checked, Failure>) -> String {
    match outcome {
        Ok(checked) if checked.why.is_empty() => checked.verdict.name().to_owned(),
        Ok(checked) => format!("{}: {}", checked.verdict.name(), checked.why),
        Err(failure) => format!("temperror: {failure}"),
    }
}

#[cfg(test)]
mod tests {
    use launchgate_core::observation::Cause;
    use launchgate_core::reading::Value;

    use super::*;

    /// The verdicts of a row, and the worst of them.
    type Row<'a> = (&'a str, &'a [Option<Verdict>], Option<&'a str>);

    #[test]
    fn the_worst_sender_decides_and_silence_leaves_it_open() {
        use Verdict::{Fail, Pass, PermError, SoftFail};
        let rows: [Row<'_>; 6] = [
            ("all pass", &[Some(Pass), Some(Pass)], Some("pass")),
            ("one does not", &[Some(Pass), Some(SoftFail)], Some("softfail")),
            ("two do not", &[Some(SoftFail), Some(Fail)], Some("fail")),
            ("spoilt", &[Some(PermError), Some(Fail)], Some("permerror")),
            ("one is unknown", &[Some(Pass), None], None),
            ("one is unknown and one is bad", &[Some(Fail), None], Some("fail")),
        ];
        let checked = |verdict| Checked {
            verdict,
            why: String::new(),
            lookups: 1,
            voids: 0,
            uses_ptr: false,
        };
        for (row, verdicts, result) in rows {
            let silent = || Failure::new(Cause::Timeout, "silence");
            let senders: Vec<_> =
                verdicts.iter().map(|v| (STRANGER, v.map(checked).ok_or_else(silent))).collect();
            let section = read(&senders, &Ok(checked(Fail)));
            let expected = result.map(|r| Value::Text(r.to_owned()));
            assert_eq!(section.readings.get("spf_result"), expected.as_ref(), "{row}");
            let complete = verdicts.iter().all(Option::is_some);
            assert_eq!(section.failure.is_none(), complete, "{row}");
            assert_eq!(section.readings.get("spf_lookups").is_some(), complete, "{row}");
        }
    }
}
