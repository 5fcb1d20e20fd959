//! The start of authority of a zone: its serial, which is compared as RFC 1982 says, and its timers.

use hickory_resolver::proto::op::Message;
use hickory_resolver::proto::rr::{Name, RData};

/// A zone's SOA as one server gave it; times in seconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Soa {
    /// The zone's top.
    pub(crate) apex: Name,
    pub(crate) serial: u32,
    pub(crate) refresh: u32,
    pub(crate) retry: u32,
    pub(crate) expire: u32,
    /// For how long resolvers may keep that something does not exist (RFC 2308).
    pub(crate) negative_ttl: u32,
}

/// The SOA in an answer, wherever it stands.
pub(crate) fn read(message: &Message) -> Option<Soa> {
    message.answers.iter().chain(&message.authorities).find_map(|record| match &record.data {
        RData::SOA(soa) => Some(Soa {
            apex: record.name.clone(),
            serial: soa.serial,
            refresh: soa.refresh.cast_unsigned(),
            retry: soa.retry.cast_unsigned(),
            expire: soa.expire.cast_unsigned(),
            negative_ttl: soa.minimum.min(record.ttl),
        }),
        _ => None,
    })
}

/// How far the serials are apart, at most; nothing when two are exactly half of all numbers apart, of which RFC 1982
/// does not say which comes first.
pub(crate) fn spread(serials: &[u32]) -> Option<u32> {
    let mut most = 0;
    for (i, a) in serials.iter().enumerate() {
        for b in serials.iter().skip(i + 1) {
            let ahead = b.wrapping_sub(*a);
            if ahead == 1 << 31 {
                return None;
            }
            most = most.max(ahead.min(ahead.wrapping_neg()));
        }
    }
    Some(most)
}

/// What is unusual about the timers, for people.
pub(crate) fn remarks(soa: &Soa) -> Vec<String> {
    let mut remarks = Vec::new();
    let mut below = |what: &str, is: u32, least: u32| {
        if is < least {
            remarks.push(format!("the SOA's {what} is {is}s; {least}s or more is usual"));
        }
    };
    below("refresh", soa.refresh, 14_400);
    below("retry", soa.retry, 3_600);
    below("expire", soa.expire, 604_800);
    below("negative TTL", soa.negative_ttl, 300);
    if soa.negative_ttl > 3_600 {
        remarks.push(format!(
            "that a name does not exist is kept for {}s: a name that is added must not be asked for before",
            soa.negative_ttl
        ));
    }
    remarks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn serials_are_compared_around_the_corner() {
        const HALF: u32 = 1 << 31;
        let rows: [(&str, &[u32], Option<u32>); 8] = [
            ("none", &[], Some(0)),
            ("one", &[7], Some(0)),
            ("the same", &[7, 7], Some(0)),
            ("behind", &[2_026_112_302, 2_026_112_301], Some(1)),
            ("around the corner", &[u32::MAX, 2], Some(3)),
            ("just under half", &[0, HALF - 1], Some(HALF - 1)),
            ("exactly half", &[0, HALF], None),
            ("three", &[5, 9, 6], Some(4)),
        ];
        for (row, serials, expected) in rows {
            assert_eq!(spread(serials), expected, "{row}");
        }
    }

    #[test]
    fn unusual_timers_are_named() {
        let usual = Soa {
            apex: Name::root(),
            serial: 1,
            refresh: 14_400,
            retry: 3_600,
            expire: 604_800,
            negative_ttl: 3_600,
        };
        let rows = [
            ("usual", usual.clone(), 0),
            ("long negative", Soa { negative_ttl: 86_400, ..usual.clone() }, 1),
            ("short all", Soa { refresh: 1, retry: 1, expire: 1, negative_ttl: 1, ..usual }, 4),
        ];
        for (row, soa, count) in rows {
            assert_eq!(remarks(&soa).len(), count, "{row}");
        }
    }
}
