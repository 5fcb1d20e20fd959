//! What the project is made of: every package's licence is on the list of `deny.toml`, it comes from the registry with its
//! checksum, it is not banned, and two versions of it are there for a reason.
//!
//! It holds what `cargo deny` holds, where that is not installed. What was withdrawn from the registry, and advisories, it
//! cannot see: both take the network.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

use super::root;

/// The lists of `deny.toml`.
#[derive(Debug, Default)]
struct Lists {
    allow: BTreeSet<String>,
    /// Further licences of single packages.
    exceptions: Vec<(String, String)>,
    banned: BTreeSet<String>,
    /// Versions beside a later one: a package and how its version begins.
    skip: BTreeSet<(String, String)>,
    registries: BTreeSet<String>,
    /// Entries without a reason.
    groundless: Vec<String>,
}

/// What stands in quotes on a line.
fn quoted(line: &str) -> Vec<&str> {
    line.split('"').skip(1).step_by(2).collect()
}

impl Lists {
    /// Reads the file, which has an entry on a line and comments on lines of their own.
    fn read(text: &str) -> Self {
        let (mut lists, mut section, mut list, mut above) = (Self::default(), "", "", "");
        for line in text.lines().map(str::trim) {
            if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
                (section, list) = (name, "");
            } else if let Some((key, _)) =
                line.split_once(" = [").filter(|_| !line.starts_with('{'))
            {
                list = key;
            }
            let words = quoted(line);
            match (section, list, words.as_slice()) {
                _ if line.starts_with('#') => {}
                ("licenses", "allow", [licence]) => {
                    lists.allow.insert((*licence).to_owned());
                }
                ("licenses", "exceptions", [package, licences @ ..]) => {
                    let of = |licence: &&str| ((*package).to_owned(), (*licence).to_owned());
                    lists.exceptions.extend(licences.iter().map(of));
                    if !above.starts_with('#') {
                        lists.groundless.push(line.to_owned());
                    }
                }
                ("bans", "deny", [package, _reason]) => {
                    lists.banned.insert((*package).to_owned());
                }
                ("bans", "skip", [package, reason]) if !reason.is_empty() => {
                    let (name, version) = package.split_once('@').unwrap_or((package, ""));
                    lists.skip.insert((name.to_owned(), format!("{version}.")));
                }
                ("bans", "deny" | "skip", [_, ..]) => lists.groundless.push(line.to_owned()),
                ("sources", "allow-registry", [registry]) => {
                    lists.registries.insert((*registry).to_owned());
                }
                _ => {}
            }
            above = line;
        }
        lists
    }
}

/// Whether an SPDX expression can be met by licences that are allowed; what it is wrong about if it is none.
fn is_met(expression: &str, allowed: &dyn Fn(&str) -> bool) -> Result<bool, String> {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let mut words: Vec<&str> = spaced.split_whitespace().rev().collect();
    let met = either(&mut words, allowed)?;
    words.pop().map_or(Ok(met), |word| Err(format!("`{word}` where it should end")))
}

/// Alternatives, the next word last.
fn either(words: &mut Vec<&str>, allowed: &dyn Fn(&str) -> bool) -> Result<bool, String> {
    let mut met = both(words, allowed)?;
    while words.pop_if(|word| *word == "OR").is_some() {
        met |= both(words, allowed)?;
    }
    Ok(met)
}

fn both(words: &mut Vec<&str>, allowed: &dyn Fn(&str) -> bool) -> Result<bool, String> {
    let mut met = one(words, allowed)?;
    while words.pop_if(|word| *word == "AND").is_some() {
        met &= one(words, allowed)?;
    }
    Ok(met)
}

fn one(words: &mut Vec<&str>, allowed: &dyn Fn(&str) -> bool) -> Result<bool, String> {
    match words.pop() {
        Some("(") => {
            let met = either(words, allowed)?;
            words.pop_if(|word| *word == ")").map(|_| met).ok_or("a `(` without its `)`".to_owned())
        }
        Some(word @ ("AND" | "OR" | "WITH" | ")")) => {
            Err(format!("`{word}` in place of a licence"))
        }
        Some(licence) if words.pop_if(|word| *word == "WITH").is_some() => {
            let exception = words.pop().ok_or("`WITH` and nothing behind it")?;
            Ok(allowed(&format!("{licence} WITH {exception}")))
        }
        Some(licence) => Ok(allowed(licence)),
        None => Err("it ends where a licence should stand".to_owned()),
    }
}

fn lists() -> Lists {
    Lists::read(&std::fs::read_to_string(root().join("deny.toml")).unwrap())
}

/// Every package that the lock file names, for any platform.
fn packages() -> Vec<Value> {
    let mut command = Command::new(env!("CARGO"));
    command.args(["metadata", "--offline", "--locked", "--format-version", "1"]);
    let output = command.current_dir(root()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "`cargo fetch --locked` brings what is missing: {said}");
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    metadata["packages"].as_array().unwrap().clone()
}

fn text<'v>(package: &'v Value, key: &str) -> &'v str {
    package[key].as_str().unwrap_or_default()
}

#[test]
fn every_licence_is_on_the_list_and_every_source_is_the_registry() {
    let (lists, mut wrong) = (lists(), Vec::new());
    let mut used: BTreeSet<String> = BTreeSet::new();
    let packages = packages();
    assert!(packages.len() > 100 && lists.allow.len() > 3, "{lists:?}");
    for package in &packages {
        let (name, version) = (text(package, "name"), text(package, "version"));
        let allowed = |licence: &str| {
            let own = (name.to_owned(), licence.to_owned());
            lists.allow.contains(licence) || lists.exceptions.contains(&own)
        };
        let licence = text(package, "license");
        match is_met(licence, &allowed) {
            Ok(true) => used.extend([name.to_owned()]),
            Ok(false) => wrong.push(format!("{name} {version}: `{licence}` is not on the list")),
            Err(why) => wrong.push(format!("{name} {version}: `{licence}`: {why}")),
        }
        let source = text(package, "source").trim_start_matches("registry+");
        let ours = package["source"].is_null() && name.starts_with("launchgate");
        if !ours && !lists.registries.contains(source) {
            wrong.push(format!("{name} {version} comes from `{source}`"));
        }
        if lists.banned.contains(name) {
            wrong.push(format!("{name} {version} is banned"));
        }
    }
    let idle = lists.exceptions.iter().filter(|(name, _)| !used.contains(name));
    wrong.extend(
        idle.map(|(name, _)| format!("{name}: an exception for a package that is not there")),
    );
    wrong.extend(lists.groundless.iter().map(|entry| format!("no reason: {entry}")));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn two_versions_of_a_package_are_there_for_a_reason() {
    let (lists, packages) = (lists(), packages());
    let mut versions: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for package in &packages {
        versions.entry(text(package, "name")).or_default().push(text(package, "version"));
    }
    let (mut idle, mut wrong) = (lists.skip.clone(), Vec::new());
    for (name, all) in versions.iter().filter(|(_, all)| all.len() > 1) {
        let mut rest = Vec::new();
        for version in all {
            let begins = |(n, begin): &&(String, String)| n == name && version.starts_with(begin);
            match lists.skip.iter().find(begins) {
                Some(entry) => drop(idle.remove(entry)),
                None => rest.push(version),
            }
        }
        if rest.len() != 1 {
            wrong.push(format!("{name}: {all:?}, of which all but one need a reason"));
        }
    }
    wrong.extend(idle.iter().map(|(name, version)| format!("{name} {version}: no longer there")));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_is_locked_has_its_checksum() {
    let lock = std::fs::read_to_string(root().join("Cargo.lock")).unwrap();
    let loose: Vec<&str> = lock
        .split("[[package]]")
        .filter(|package| package.contains("\nsource = ") && !package.contains("\nchecksum = "))
        .collect();
    assert!(loose.is_empty(), "{loose:#?}");
}

#[test]
fn expressions_of_licences_are_met_or_not() {
    let allowed =
        |licence: &str| ["MIT", "ISC", "Apache-2.0 WITH LLVM-exception"].contains(&licence);
    let rows = [
        ("one", "MIT", Ok(true)),
        ("another", "GPL-3.0-only", Ok(false)),
        ("either", "GPL-3.0-only OR MIT", Ok(true)),
        ("either, in the old way", "GPL-3.0-only/MIT", Ok(true)),
        ("both", "MIT AND ISC", Ok(true)),
        ("both, and one is not allowed", "MIT AND GPL-3.0-only", Ok(false)),
        ("and before or", "MIT OR ISC AND GPL-3.0-only", Ok(true)),
        ("and before or, the other way", "GPL-3.0-only AND MIT OR Zlib", Ok(false)),
        ("in parentheses", "(MIT OR GPL-3.0-only) AND ISC", Ok(true)),
        ("in parentheses, and one is not", "(MIT OR ISC) AND GPL-3.0-only", Ok(false)),
        ("within parentheses", "((MIT) AND (GPL-3.0-only OR (ISC)))", Ok(true)),
        ("with an exception", "Apache-2.0 WITH LLVM-exception", Ok(true)),
        ("without it", "Apache-2.0", Ok(false)),
        ("with another", "MIT WITH GCC-exception-2.0", Ok(false)),
        ("a longer name", "MIT-0", Ok(false)),
        ("in another case", "mit", Ok(false)),
        ("none", "", Err("it ends where a licence should stand")),
        ("half", "MIT OR", Err("it ends where a licence should stand")),
        ("no licence", "AND MIT", Err("`AND` in place of a licence")),
        ("two", "MIT ISC", Err("`ISC` where it should end")),
        ("left open", "(MIT", Err("a `(` without its `)`")),
        ("closed too often", "MIT)", Err("`)` where it should end")),
        ("with nothing", "MIT WITH", Err("`WITH` and nothing behind it")),
    ];
    for (row, expression, met) in rows {
        assert_eq!(is_met(expression, &allowed), met.map_err(str::to_owned), "{row}");
    }
}

#[test]
fn entries_without_a_reason_are_found() {
    let lists = Lists::read(
        "[licenses]\nallow = [\n\"MIT\",\n]\nexceptions = [\n# Why.\n{ crate = \"a\", allow = [\"X\"] },\n\
         { crate = \"b\", allow = [\"Y\"] },\n]\n[bans]\ndeny = [\n{ crate = \"c\" },\n]\nskip = [\n\
         { crate = \"d@1\", reason = \"e\" },\n{ crate = \"f@1\" },\n]\n",
    );
    let skip = [("d".to_owned(), "1.".to_owned())];
    assert_eq!(lists.skip, BTreeSet::from(skip));
    assert_eq!(lists.allow, BTreeSet::from(["MIT".to_owned()]));
    let groundless =
        ["{ crate = \"b\", allow = [\"Y\"] },", "{ crate = \"c\" },", "{ crate = \"f@1\" },"];
    assert_eq!(lists.groundless, groundless);
}
