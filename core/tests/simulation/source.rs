//! A source of samples: what is true of it, what it says, and the ways in which the two differ.

use std::time::Duration;

use jiff::Timestamp;
use launchgate_core::observation::{Cause, Failure, Observation};
use launchgate_core::reading::Readings;
use launchgate_core::time::{Moment, elapsed};

use crate::clock::{Second, signed, stamp};
use crate::dice::Dice;

/// What a look meets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Weather {
    Good,
    Bad,
    Nan,
    Down,
}

#[derive(Debug, Clone)]
pub(crate) struct Source {
    pub(crate) weather: Weather,
    /// Whether it dates its samples itself.
    dates: bool,
    /// Its clock: off by so many seconds, and so many percent fast since a time.
    pub(crate) off: i64,
    pub(crate) fast: i64,
    pub(crate) fast_since: Second,
    /// What it would answer about the past, where it dates its samples.
    history: Vec<(Timestamp, Weather)>,
    last: Option<(Timestamp, Weather)>,
}

/// One look: what it brought, and whether a breach in it is beyond doubt.
pub(crate) struct Look {
    pub(crate) observation: Observation,
    pub(crate) clean: bool,
}

impl Source {
    pub(crate) fn new(dates: bool) -> Self {
        Self {
            weather: Weather::Good,
            dates,
            off: 0,
            fast: 0,
            fast_since: 0,
            history: Vec::new(),
            last: None,
        }
    }

    /// The weather changes; how long the new one lasts.
    pub(crate) fn turn(&mut self, dice: &mut Dice) -> Second {
        let (weather, least, most) = match dice.between(0, 9) {
            0..=3 => (Weather::Bad, 60, 1_500),
            4..=6 => (Weather::Good, 30, 900),
            7 => (Weather::Nan, 15, 400),
            _ => (Weather::Down, 15, 1_200),
        };
        self.weather = weather;
        dice.between(least, most)
    }

    fn clock(&self, at: Second) -> Timestamp {
        let drift = signed(at.saturating_sub(self.fast_since)) * self.fast * 10;
        stamp(signed(at) * 1_000 + self.off * 1_000 + drift)
    }

    /// Notes what is true now, so that it can be asked for later.
    pub(crate) fn note(&mut self, at: Second) {
        if self.dates {
            self.history.push((self.clock(at), self.weather));
        }
    }

    /// Looks; with `odd` the sample is repeated, older, newer or late.
    pub(crate) fn look(&mut self, at: Second, now: Moment, odd: bool, dice: &mut Dice) -> Look {
        let mut sample = (if self.dates { self.clock(at) } else { now.wall }, self.weather);
        let mut seen = now;
        if odd {
            let by = dice.between(1, 100);
            match dice.between(0, 3) {
                0 => sample = self.last.unwrap_or(sample),
                1 => sample.0 -= Duration::from_secs(by),
                2 => sample.0 += Duration::from_secs(by / 5),
                _ => seen = earlier(now, by / 4),
            }
        }
        let readings = match sample.1 {
            Weather::Good => Ok(Readings::new().number("value", 1.0)),
            Weather::Bad => Ok(Readings::new().number("value", 9.0)),
            Weather::Nan => Ok(Readings::new().number("value", f64::NAN)),
            Weather::Down => Err(Failure::new(Cause::Refused, "no connection")),
        };
        let dated = self.dates || sample.0 != now.wall;
        let outcome = readings.map(|r| if dated { r.sampled_at(sample.0) } else { r });
        self.last = Some(sample);
        let fresh = elapsed(sample.0, now.wall) <= Duration::from_secs(70)
            && elapsed(now.wall, sample.0) <= Duration::from_secs(5);
        let clean = !odd && fresh && sample.1 == Weather::Bad;
        Look { observation: Observation { at: seen, took: Duration::ZERO, outcome }, clean }
    }

    /// What it says of the time between two others.
    pub(crate) fn between(&self, from: Timestamp, to: Timestamp, now: Moment) -> Vec<Observation> {
        let within = self.history.iter().filter(|(at, _)| *at > from && *at < to);
        let told = within.filter_map(|(at, weather)| {
            let value = match weather {
                Weather::Good => 1.0,
                Weather::Bad => 9.0,
                Weather::Nan => f64::NAN,
                Weather::Down => return None,
            };
            let outcome = Ok(Readings::new().number("value", value).sampled_at(*at));
            Some(Observation { at: now, took: Duration::ZERO, outcome })
        });
        told.collect()
    }
}

fn earlier(now: Moment, by: Second) -> Moment {
    let by = Duration::from_secs(by).min(now.uptime);
    Moment { wall: now.wall - by, uptime: now.uptime.saturating_sub(by), boot: now.boot }
}
