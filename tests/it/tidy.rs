//! The house's own rules, held: floors, lengths, forgotten files, and pages for every probe. What docs say is held by
//! [`docs`], what we are made of by [`licences`].

mod docs;
mod licences;
mod port;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use launchgate_probes::builtin;

const MAX_LINES: usize = 600;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Every file below a folder with this extension, as a path from the root, with its text.
fn files(folder: &str, extension: &str) -> Vec<(String, String)> {
    fn walk(folder: &Path, extension: &str, found: &mut Vec<PathBuf>) {
        for entry in
            std::fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()))
        {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() && name != "target" && !name.starts_with('.') {
                walk(&path, extension, found);
            } else if path.extension().is_some_and(|e| e == extension) {
                found.push(path);
            }
        }
    }
    let mut found = Vec::new();
    walk(&root().join(folder), extension, &mut found);
    found.sort();
    let named = found.into_iter().map(|path| {
        let name = path.strip_prefix(root()).unwrap().to_string_lossy().into_owned();
        (name, std::fs::read_to_string(&path).unwrap())
    });
    named.collect()
}

fn sources() -> Vec<(String, String)> {
    ["core", "fuzz", "probes", "src", "tests"]
        .iter()
        .flat_map(|folder| files(folder, "rs"))
        .collect()
}

/// The lines that are no comments.
fn code(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter(|line| !line.trim_start().starts_with("//"))
}

fn offenders(files: &[(String, String)], of: impl Fn(&str) -> bool, words: &[&str]) -> Vec<String> {
    let concerned = files.iter().filter(|(name, _)| of(name));
    concerned
        .flat_map(|(name, text)| {
            let hits = code(text).filter(|line| words.iter().any(|word| line.contains(word)));
            hits.map(move |line| format!("{name}: {}", line.trim()))
        })
        .collect()
}

/// What holds, where, and the words that would break it.
type Rule<'a> = (&'a str, fn(&str) -> bool, &'a [&'a str]);

#[test]
fn the_floors_hold() {
    let all = sources();
    let rules: [Rule<'_>; 6] = [
        (
            "core has no clock, IO or async",
            |f| f.starts_with("core/src"),
            &[
                "tokio",
                "std::fs",
                "std::net",
                "std::io",
                "SystemTime",
                "Instant",
                "Timestamp::now",
                "Zoned::now",
                "async fn",
                " rand::",
                "println!",
                "tracing",
            ],
        ),
        (
            "core uses nothing of ours",
            |f| f.starts_with("core/"),
            &["launchgate_probes", "launchgate::"],
        ),
        (
            "probes use core alone",
            |f| f.starts_with("probes/"),
            &["launchgate::", "launchgate_daemon"],
        ),
        (
            "nobody but the store knows SQL",
            |f| f.starts_with("src/") && !f.starts_with("src/store"),
            &["rusqlite", "SELECT ", "INSERT "],
        ),
        (
            "renderers judge nothing",
            |f| f.starts_with("src/render"),
            &["crate::engine", "crate::store", "crate::settings", "launchgate_probes"],
        ),
        (
            "the page and the API draw reports and hand orders on",
            |f| f.starts_with("src/web") && !f.starts_with("src/web/tests"),
            &[
                "crate::store",
                "crate::settings",
                "crate::runner",
                "crate::executor",
                "crate::actions",
                "launchgate_probes",
            ],
        ),
    ];
    for (rule, of, words) in rules {
        let found = offenders(&all, of, words);
        // The sample that the renderers' tests draw is compiled from a launch file.
        let found: Vec<&String> =
            found.iter().filter(|f| !f.starts_with("src/render/sample")).collect();
        assert!(found.is_empty(), "{rule}:\n{found:#?}");
    }
}

#[test]
fn the_manifests_hold_the_floors_too() {
    let rows: [(&str, &[&str]); 2] =
        [("core/Cargo.toml", &[]), ("probes/Cargo.toml", &["launchgate-core"])];
    for (manifest, allowed) in rows {
        let text = std::fs::read_to_string(root().join(manifest)).unwrap();
        let ours: Vec<&str> = text
            .lines()
            .filter(|line| line.starts_with("launchgate"))
            .filter_map(|line| line.split(['.', ' ', '=']).next())
            .collect();
        assert_eq!(ours, allowed, "{manifest}");
    }
}

#[test]
fn a_file_is_one_noun_and_not_a_novel() {
    let all = sources();
    let long: Vec<String> = all
        .iter()
        .map(|(name, text)| (name, text.lines().count()))
        .filter(|(_, lines)| *lines > MAX_LINES)
        .map(|(name, lines)| format!("{name}: {lines}"))
        .collect();
    assert!(long.is_empty(), "{long:#?}");
    let mut lengths: Vec<usize> = all.iter().map(|(_, text)| text.lines().count()).collect();
    lengths.sort_unstable();
    let median = lengths[lengths.len() / 2];
    assert!(median <= 200, "the median is {median} lines");
    let mute: Vec<&String> =
        all.iter().filter(|(_, text)| !text.starts_with("//!")).map(|(name, _)| name).collect();
    assert!(mute.is_empty(), "files without a first sentence: {mute:#?}");
}

#[test]
fn no_file_is_forgotten() {
    let all = sources();
    let known: BTreeSet<&str> = all.iter().map(|(name, _)| name.as_str()).collect();
    let roots = [
        "core/src/lib.rs",
        "probes/src/lib.rs",
        "src/lib.rs",
        "src/main.rs",
        "tests/it/main.rs",
        "core/benches/apply.rs",
        "fuzz/src/main.rs",
        "core/tests/simulation/main.rs",
    ];
    let mut reached: BTreeSet<String> = roots.iter().map(ToString::to_string).collect();
    let mut queue: Vec<String> = reached.iter().cloned().collect();
    while let Some(name) = queue.pop() {
        let text = &all.iter().find(|(n, _)| *n == name).unwrap_or_else(|| panic!("{name}")).1;
        let path = Path::new(&name);
        let stem = path.file_stem().unwrap().to_string_lossy();
        let own = matches!(&*stem, "mod" | "lib" | "main");
        let folder = if own { path.parent().unwrap().to_owned() } else { path.with_extension("") };
        let mut special = None;
        for line in text.lines().map(str::trim) {
            if let Some(rest) = line.strip_prefix("#[path = \"") {
                special = rest.split('"').next().map(|file| path.parent().unwrap().join(file));
                continue;
            }
            let Some(module) = line.strip_suffix(';').and_then(|l| l.rsplit_once("mod ")) else {
                continue;
            };
            if !module.0.is_empty() && !module.0.starts_with("pub") {
                continue;
            }
            let candidates = match special.take() {
                Some(file) => vec![file],
                None => vec![
                    folder.join(format!("{}.rs", module.1)),
                    folder.join(module.1).join("mod.rs"),
                ],
            };
            for candidate in candidates {
                let candidate = candidate.to_string_lossy().into_owned();
                if known.contains(candidate.as_str()) && reached.insert(candidate.clone()) {
                    queue.push(candidate);
                }
            }
        }
    }
    let forgotten: Vec<&&str> = known.iter().filter(|name| !reached.contains(**name)).collect();
    assert!(forgotten.is_empty(), "{forgotten:#?}");
}

#[test]
fn nothing_is_left_for_later_and_no_test_sleeps() {
    // Written in two parts, so that this file does not find itself.
    let later = ["TO", "FIX", "XX"].map(|w| match w {
        "TO" => "TODO".to_owned(),
        "FIX" => "FIXME".to_owned(),
        _ => "XXX".to_owned(),
    });
    let all = sources();
    for (name, text) in all.iter().filter(|(name, _)| name != "tests/it/tidy.rs") {
        for word in
            later.iter().map(String::as_str).chain(["todo!(", "unimplemented!(", "#[ignore"])
        {
            assert!(!text.contains(word), "{name} holds {word}");
        }
    }
    let asleep = offenders(
        &all,
        |f| {
            f.starts_with("tests/it")
                && !["tests/it/tidy.rs", "tests/it/rig/process.rs"].contains(&f)
        },
        &["thread::sleep(", "time::sleep("],
    );
    assert!(asleep.is_empty(), "{asleep:#?}");
}

#[test]
fn every_probe_has_its_page_and_an_example_that_works() {
    for kind in builtin().kinds() {
        let page = root().join(format!("docs/probes/{kind}.md"));
        let text =
            std::fs::read_to_string(&page).unwrap_or_else(|e| panic!("{}: {e}", page.display()));
        assert!(text.starts_with(&format!("# `{kind}`: ")), "{kind}");
        let example = builtin().example(kind).unwrap();
        let settings = launchgate::settings::document::value(example).unwrap();
        if let Err(problems) = builtin().build(kind, settings) {
            panic!("the example of {kind}: {problems:?}");
        }
    }
}

#[test]
fn every_probe_was_seen_good_bad_and_unable_to_tell() {
    let text = std::fs::read_to_string(root().join("docs/probe-outcomes.md")).expect("the table");
    let rows: Vec<&str> = text.lines().filter(|line| line.starts_with("| `")).collect();
    let kinds: Vec<String> = builtin().kinds().map(|kind| format!("| `{kind}` |")).collect();
    for kind in &kinds {
        assert_eq!(rows.iter().filter(|row| row.starts_with(kind)).count(), 1, "{kind}");
    }
    assert_eq!(rows.len(), kinds.len(), "a row for a probe that there is not");
    let code: String = sources().into_iter().map(|(_, text)| text).collect();
    for row in rows {
        let tests = row.rsplit('|').nth(1).unwrap_or_default();
        let names: Vec<&str> = tests.split('`').skip(1).step_by(2).collect();
        assert!(!names.is_empty(), "{row}");
        for name in names {
            assert!(code.contains(&format!("fn {name}(")), "no test is called {name}");
        }
    }
}
