//! `filesystem`: how much room is left where this daemon runs, and for how long at the present growth.
//!
//! It asks the kernel (`statvfs`), writes nothing, and sees this machine alone.

pub mod growth;

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use launchgate_core::observation::{Cause, Failure};
use launchgate_core::problem::{KeyPath, Problem};
use launchgate_core::reading::{ReadingSpec, ReadingType, Readings, Unit};
use rustix::fs::{StatVfs, StatVfsMountFlags, statvfs};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Context, Probe};

/// The most paths of one check.
const MAX_PATHS: usize = 32;
/// How many samples are remembered of a path, and how far apart they are at least, in seconds.
const SAMPLES: usize = 96;
const APART: f64 = 900.0;
/// What growth is told from: so many samples over so many seconds.
const LEAST: usize = 8;
const SPAN: f64 = 6.0 * 3_600.0;

/// Settings of the `filesystem` probe.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The paths whose file systems are looked at; relative ones count from the launch file's folder.
    pub paths: Vec<PathBuf>,
}

/// The `filesystem` probe; see the module's documentation.
#[derive(Debug)]
pub struct Filesystem {
    paths: Vec<PathBuf>,
}

/// What the kernel says of one file system.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Room {
    /// In bytes.
    size: f64,
    /// What may still be written by those who are not root, in bytes.
    free: f64,
    /// In percent; none where there is no such limit.
    inodes_free: Option<f64>,
    read_only: bool,
}

/// What is remembered of one path: when, in seconds since 1970, and how much was used, in bytes.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Remembered {
    size: f64,
    used: Vec<(f64, f64)>,
}

impl Probe for Filesystem {
    const KIND: &'static str = "filesystem";
    const EXAMPLE: &'static str = "paths: [/var/lib/postgresql, /var/backups]\n";
    type Settings = Settings;

    fn new(settings: Settings) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        if settings.paths.is_empty() {
            problems.push(Problem::at("paths", "there is no path to look at"));
        }
        if settings.paths.len() > MAX_PATHS {
            problems.push(Problem::at("paths", format!("more than {MAX_PATHS} paths")));
        }
        for (i, path) in settings.paths.iter().enumerate() {
            if settings.paths[..i].contains(path) {
                let message = format!("{} is listed already", path.display());
                problems.push(Problem::new(KeyPath::root().entry("paths").index(i), message));
            }
        }
        if problems.is_empty() { Ok(Self { paths: settings.paths }) } else { Err(problems) }
    }

    fn readings(&self) -> Vec<ReadingSpec> {
        use ReadingType::{Flag, Number};
        let spec = ReadingSpec::new;
        vec![
            spec("free", Number(Unit::Bytes), "what can still be written where least can"),
            spec(
                "free_share",
                Number(Unit::Percent),
                "the least share of a file system that is free",
            ),
            spec(
                "inodes_free_share",
                Number(Unit::Percent),
                "the least share of files that can still be made",
            ),
            spec("writable", Flag, "whether none is mounted for reading alone"),
            spec("full_in", Number(Unit::Time), "until the first is full at its present growth"),
            spec("growing", Flag, "whether any of them grows"),
        ]
    }

    async fn observe(&self, cx: &Context) -> Result<Readings, Failure> {
        let mut rooms = Vec::new();
        for path in &self.paths {
            let full = cx.folder.join(path);
            // It blocks where a network file system hangs: not on our thread.
            let asked = full.clone();
            let answer = tokio::task::spawn_blocking(move || statvfs(&asked)).await;
            let answer = answer
                .map_err(|e| Failure::new(Cause::ProbeError, e.to_string()))?
                .map_err(|e| unseen(&full, e))?;
            cx.trail.note(
                "the kernel",
                format!("statvfs {}", full.display()),
                "answered",
                std::time::Duration::ZERO,
            );
            rooms.push((path.display().to_string(), room(&answer)));
        }
        let memory = cx.memory.as_deref().cloned();
        let memory = memory.and_then(|memory| serde_json::from_value(memory).ok());
        Ok(read(&rooms, memory.unwrap_or_default(), cx.now))
    }
}

fn unseen(path: &Path, error: rustix::io::Errno) -> Failure {
    let cause = match error {
        rustix::io::Errno::ACCESS => Cause::Auth,
        rustix::io::Errno::NOENT | rustix::io::Errno::NOTDIR => Cause::NoData,
        _ => Cause::LocalFault,
    };
    Failure::new(cause, format!("{}: {error}", path.display()))
}

#[expect(clippy::cast_precision_loss, reason = "bytes beyond 2^53 may lose their last digits")]
fn room(answer: &StatVfs) -> Room {
    let block = answer.f_frsize as f64;
    let share = |free: u64, all: u64| (all > 0).then(|| 100.0 * free as f64 / all as f64);
    Room {
        // As `df` counts: what is kept for root is no room for anybody else.
        size: (answer.f_blocks - answer.f_bfree + answer.f_bavail) as f64 * block,
        free: answer.f_bavail as f64 * block,
        inodes_free: share(answer.f_favail, answer.f_files),
        read_only: answer.f_flag.contains(StatVfsMountFlags::RDONLY),
    }
}

/// Reads what is there, with what is remembered of earlier looks: the worst path decides.
fn read(
    rooms: &[(String, Room)],
    mut memory: std::collections::BTreeMap<String, Remembered>,
    now: Timestamp,
) -> Readings {
    memory.retain(|path, _| rooms.iter().any(|(known, _)| known == path));
    let least = |value: &dyn Fn(&Room) -> Option<f64>| {
        rooms.iter().filter_map(|(_, room)| value(room)).min_by(f64::total_cmp)
    };
    let share = |room: &Room| (room.size > 0.0).then(|| 100.0 * room.free / room.size);
    let mut readings = Readings::new().flag("writable", rooms.iter().all(|(_, r)| !r.read_only));
    for (name, value) in [
        ("free", least(&|room| Some(room.free))),
        ("free_share", least(&share)),
        ("inodes_free_share", least(&|room| room.inodes_free)),
    ] {
        if let Some(value) = value {
            readings = readings.number(name, value);
        }
    }
    let mut growths = Vec::new();
    for (path, room) in rooms {
        let known = memory.entry(path.clone()).or_default();
        known.sample(room, now.as_duration().as_secs_f64());
        let growth = growth::slope(&known.used, LEAST, SPAN);
        growths.push(growth.map(|growth| (growth, room.free / growth)));
        let free = Unit::Bytes.format(room.free);
        let says = match growth {
            Some(growth) if growth > 0.0 => {
                let daily = Unit::Bytes.format(growth * 86_400.0);
                let full = Unit::Time.format(room.free / growth);
                format!("{free} free, {daily} more a day: full in {full}")
            }
            Some(_) => format!("{free} free, it does not grow"),
            None => format!("{free} free"),
        };
        readings = readings.part(path, says, room.read_only || room.free <= 0.0);
    }
    let grows: Vec<f64> =
        growths.iter().flatten().filter(|(g, _)| *g > 0.0).map(|(_, t)| *t).collect();
    if let Some(soonest) = grows.iter().copied().min_by(f64::total_cmp) {
        readings = readings.flag("growing", true).number("full_in", soonest);
    } else if growths.iter().all(Option::is_some) {
        readings = readings.flag("growing", false);
    } else {
        readings = readings.note("growth is told from eight looks over six hours or more");
    }
    match serde_json::to_value(&memory) {
        Ok(memory) => readings.remember(memory),
        Err(_) => readings,
    }
}

impl Remembered {
    /// Takes a sample in, if the last one is old enough. A file system of another size is another one.
    fn sample(&mut self, room: &Room, now: f64) {
        if (self.size - room.size).abs() > self.size * 0.01 {
            *self = Self { size: room.size, used: Vec::new() };
        }
        let last = self.used.last().map(|(at, _)| *at);
        // A clock that was set back begins anew.
        if last.is_some_and(|at| at > now) {
            self.used.clear();
        }
        if self.used.last().is_none_or(|(at, _)| now - at >= APART) {
            self.used.push((now, room.size - room.free));
        }
        if self.used.len() > SAMPLES {
            // Every other one goes: the time that they span stays.
            let mut keep = false;
            self.used.retain(|_| {
                keep = !keep;
                keep
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::tests::context;

    const GIB: f64 = 1_073_741_824.0;

    fn room(free: f64) -> Room {
        Room { size: 100.0 * GIB, free: free * GIB, inodes_free: Some(90.0), read_only: false }
    }

    fn at(hour: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + hour * 3_600).expect("a time")
    }

    /// Looks once an hour, with the memory handed on as the daemon does.
    fn looks(frees: &[f64]) -> Readings {
        let mut memory = std::collections::BTreeMap::default();
        let mut last = Readings::new();
        for (hour, free) in (0..).zip(frees) {
            last = read(&[("/data".to_owned(), room(*free))], memory, at(hour));
            memory = serde_json::from_value(last.memory.clone().expect("a memory")).expect("ours");
        }
        last
    }

    fn shown(readings: &Readings, name: &str) -> String {
        let unit = if name == "full_in" { Unit::Time } else { Unit::One };
        readings.get(name).map_or_else(|| "-".to_owned(), |value| value.show(unit))
    }

    #[test]
    fn growth_is_told_from_hours_and_not_from_two_looks() {
        let steady: Vec<f64> = (0..10).map(|hour| 50.0 - f64::from(hour)).collect();
        let mut dump = vec![50.0; 10];
        dump[5] = 10.0;
        let shrinks: Vec<f64> = (0..10).map(|hour| 50.0 + f64::from(hour)).collect();
        let rows = [
            ("a gibibyte an hour, 41 left", steady.clone(), "true", "1d17h"),
            ("nothing moves", vec![50.0; 10], "false", "-"),
            ("a dump came and went", dump, "false", "-"),
            ("it shrinks", shrinks, "false", "-"),
            ("the first look", vec![50.0], "-", "-"),
            ("two looks", vec![50.0, 40.0], "-", "-"),
            ("five hours", steady[..6].to_vec(), "-", "-"),
        ];
        for (row, frees, growing, full_in) in rows {
            let readings = looks(&frees);
            assert_eq!(shown(&readings, "growing"), growing, "{row}");
            assert_eq!(shown(&readings, "full_in"), full_in, "{row}");
        }
    }

    #[test]
    fn memory_stays_small_and_spans_days() {
        let mut known = Remembered::default();
        for look in 0..10_000 {
            known.sample(&room(50.0), f64::from(look) * 60.0);
        }
        assert!(known.used.len() <= SAMPLES, "{}", known.used.len());
        let span = known.used.last().expect("samples").0 - known.used[0].0;
        assert!(span > 9_000.0 * 60.0, "{span}");
        known.sample(&Room { size: 200.0 * GIB, ..room(50.0) }, 700_000.0);
        assert_eq!(known.used.len(), 1, "another file system");
        known.sample(&room(50.0), 1.0);
        known.sample(&room(50.0), 0.0);
        assert_eq!(known.used.len(), 1, "a clock that went back");
    }

    #[test]
    fn the_worst_path_decides() {
        let small = Room { size: 10.0 * GIB, free: 5.0 * GIB, inodes_free: None, read_only: true };
        let rooms = [("/a".to_owned(), room(20.0)), ("/b".to_owned(), small)];
        let readings = read(&rooms, std::collections::BTreeMap::default(), at(0));
        assert_eq!(shown(&readings, "free_share"), "20");
        assert_eq!(shown(&readings, "inodes_free_share"), "90");
        assert_eq!(shown(&readings, "writable"), "false");
        assert!(readings.parts[1].odd && !readings.parts[0].odd);
    }

    #[tokio::test]
    async fn the_kernel_is_asked() {
        let probe =
            |path: &str| Filesystem::new(Settings { paths: vec![path.into()] }).expect("settings");
        let cx = context(std::time::Duration::from_secs(5));
        let readings = probe("/").observe(&cx).await.expect("there is a root");
        assert!(readings.get("free_share").is_some(), "{readings:?}");
        let failure = probe("/no/such/path").observe(&cx).await.expect_err("none");
        assert_eq!(failure.cause, Cause::NoData);
        let proc = probe("/proc").observe(&cx).await.expect("it is there");
        assert!(proc.get("free_share").is_none(), "a file system without size has no share");
    }
}
