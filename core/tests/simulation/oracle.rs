//! What a trigger may credit, said a second time from the rules alone and with none of the kernel's code.
//!
//! It keeps the breaches since the last good sample, each with what it earned: the time since the breach before it, by
//! the source's clock and by ours, whichever is less, and nothing when either says more than the longest gap.

use std::time::Duration;

use jiff::Timestamp;
use launchgate_core::observation::Observation;
use launchgate_core::reading::Value;
use launchgate_core::time::Moment;

/// How far a sample may lie ahead, and how far a source's clock may part from ours while it goes on as ours does.
const SKEW: Duration = Duration::from_secs(5);

#[derive(Debug, Clone)]
pub(crate) struct Oracle {
    pub(crate) lasts: Duration,
    pub(crate) max_gap: Duration,
    pub(crate) retention: Duration,
    pub(crate) resets: bool,
    /// How many breaches it takes.
    pub(crate) looks: u32,
    pub(crate) armed: bool,
    pub(crate) fired: bool,
    mark: Option<Timestamp>,
    behind: Option<(Timestamp, Moment, u32)>,
    /// When the sample that now counts was seen; it counts for as long as the longest gap.
    seen: Option<Moment>,
    log: Vec<Breach>,
    /// The place in the log of the breach that follows a gap without samples.
    gap: Option<usize>,
    /// Whether the newest sample is a breach that was just seen.
    pub(crate) live: bool,
}

#[derive(Debug, Clone)]
struct Breach {
    at: Timestamp,
    seen: Moment,
    earned: Duration,
    looks: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    Breach,
    Good,
    Unknown,
}

impl Oracle {
    pub(crate) fn new(lasts: u64, every: u64, resets: bool) -> Self {
        Self {
            lasts: Duration::from_secs(lasts),
            max_gap: Duration::from_secs(2 * every + 10),
            retention: Duration::from_secs(lasts.clamp(900, 3_600)),
            resets,
            looks: u32::try_from(lasts / every * 4 / 5 + 1).expect("a few looks"),
            armed: false,
            fired: false,
            mark: None,
            behind: None,
            seen: None,
            log: Vec::new(),
            gap: None,
            live: false,
        }
    }

    pub(crate) fn credit(&self) -> Duration {
        self.log.iter().map(|breach| breach.earned).sum()
    }

    /// Whether what was seen is enough to fire now.
    pub(crate) fn is_due(&self) -> bool {
        let looks: u32 = self.log.iter().map(|breach| breach.looks).sum();
        self.live && self.credit() >= self.lasts && looks >= self.looks
    }

    pub(crate) fn arm(&mut self) {
        self.forget();
        (self.armed, self.fired, self.behind, self.seen) = (true, false, None, None);
    }

    pub(crate) fn fire(&mut self) {
        self.fired = true;
    }

    pub(crate) fn disarm(&mut self) {
        self.forget();
        self.armed = false;
    }

    fn forget(&mut self) {
        self.log.clear();
        self.gap = None;
        self.live = false;
    }

    /// Credit that no sample has renewed for too long is dropped.
    pub(crate) fn time(&mut self, now: Moment) {
        self.live = false;
        if self.log.last().is_some_and(|breach| age(now, breach.seen) > self.retention) {
            self.forget();
        }
    }

    pub(crate) fn sample(&mut self, seen: &Observation, now: Moment) {
        let at = dated(seen);
        let class = if seen.outcome.is_err()
            || millis(at) - millis(now.wall) > whole(SKEW)
            || millis(now.wall) - millis(at) > whole(self.max_gap)
        {
            Class::Unknown
        } else {
            classify(seen)
        };
        if class == Class::Unknown {
            return self.unknown();
        }
        match self.mark {
            Some(mark) if at == mark => self.nothing_new(now),
            Some(mark) if at < mark => self.under_the_mark(at, seen.at, now),
            _ => {
                (self.behind, self.mark, self.seen) = (None, Some(at), Some(seen.at));
                if age(now, seen.at) > self.max_gap {
                    self.unknown();
                } else if class == Class::Good {
                    self.forget();
                } else if self.armed && !self.fired {
                    self.breach(at, seen.at);
                }
            }
        }
    }

    fn nothing_new(&mut self, now: Moment) {
        if self.seen.is_none_or(|seen| age(now, seen) > self.max_gap) {
            self.unknown();
        }
    }

    fn unknown(&mut self) {
        if self.resets {
            self.forget();
        }
    }

    fn breach(&mut self, at: Timestamp, seen: Moment) {
        let mut earned = Duration::ZERO;
        if let Some(before) = self.log.last() {
            let (source, ours) = (span(before.at, at), passed(before.seen, seen));
            if source <= self.max_gap && ours <= self.max_gap {
                earned = source.min(ours);
            } else {
                self.gap = Some(self.log.len());
            }
        }
        self.log.push(Breach { at, seen, earned, looks: 1 });
        self.live = true;
    }

    /// A late sample says nothing; the third that goes on as our clock does begins a new timeline, with nothing credited.
    fn under_the_mark(&mut self, at: Timestamp, seen: Moment, now: Moment) {
        let follows = self.behind.is_some_and(|(earlier, when, _)| {
            let source = span(earlier, at);
            let ours = if when.boot == seen.boot {
                seen.uptime.saturating_sub(when.uptime)
            } else {
                span(when.wall, seen.wall)
            };
            !source.is_zero() && source <= self.max_gap && source.abs_diff(ours) <= SKEW
        });
        let count = 1 + self.behind.filter(|_| follows).map_or(0, |(_, _, count)| count);
        self.behind = Some((at, seen, count));
        match count {
            1 => self.nothing_new(now),
            2 => self.unknown(),
            _ => {
                (self.mark, self.behind, self.seen) = (Some(at), None, None);
                self.forget();
            }
        }
    }

    /// What the source says of the last gap is credited as if it had been seen, and never more than has passed here.
    pub(crate) fn fill(&mut self, history: &[Observation]) {
        let Some(place) = self.gap.take() else { return };
        let (from, to) = (self.log[place - 1].clone(), self.log[place].clone());
        let mut inside: Vec<(Timestamp, Class)> = history
            .iter()
            .map(|seen| match (dated(seen), classify(seen)) {
                (at, Class::Unknown) if self.resets => (at, Class::Good),
                known => known,
            })
            .filter(|(at, class)| *at > from.at && *at < to.at && *class != Class::Unknown)
            .collect();
        inside.sort_by_key(|(at, class)| (*at, *class == Class::Breach));
        inside.dedup_by_key(|(at, _)| *at);
        let ended = inside.iter().rposition(|(_, class)| *class == Class::Good);
        let after = ended.map_or(0, |good| good + 1);
        let mut stamps: Vec<Timestamp> = inside[after..].iter().map(|(at, _)| *at).collect();
        let looks = u32::try_from(stamps.len()).expect("a gap is short");
        if ended.is_none() {
            stamps.insert(0, from.at);
        }
        stamps.push(to.at);
        let pairs = stamps.windows(2).map(|pair| span(pair[0], pair[1]));
        let sum: Duration = pairs.filter(|between| *between <= self.max_gap).sum();
        self.log[place].earned += sum.min(passed(from.seen, to.seen));
        self.log[place].looks += looks;
        if ended.is_some() {
            self.log.drain(..place);
        }
    }
}

fn dated(seen: &Observation) -> Timestamp {
    match &seen.outcome {
        Ok(readings) => readings.sampled_at.unwrap_or(seen.at.wall),
        Err(_) => seen.at.wall,
    }
}

fn classify(seen: &Observation) -> Class {
    match seen.outcome.as_ref().ok().and_then(|readings| readings.get("value")) {
        Some(Value::Number(number)) if *number > 5.0 => Class::Breach,
        Some(Value::Number(_)) => Class::Good,
        _ => Class::Unknown,
    }
}

fn millis(at: Timestamp) -> i64 {
    at.as_millisecond()
}

fn whole(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).expect("a short time")
}

/// From one time to a later one; nothing if it is not later.
fn span(from: Timestamp, to: Timestamp) -> Duration {
    Duration::from_millis(u64::try_from(millis(to) - millis(from)).unwrap_or(0))
}

/// What has surely passed: of two clocks the one that says less; after a boot there is but one.
fn passed(from: Moment, to: Moment) -> Duration {
    let wall = span(from.wall, to.wall);
    if from.boot == to.boot { wall.min(to.uptime.saturating_sub(from.uptime)) } else { wall }
}

/// How old something may be: of two clocks the one that says more.
fn age(now: Moment, seen: Moment) -> Duration {
    let wall = span(seen.wall, now.wall);
    if now.boot == seen.boot { wall.max(now.uptime.saturating_sub(seen.uptime)) } else { wall }
}
