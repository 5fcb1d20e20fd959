//! Every row of the runbook stands in `go-live.yaml`: a comment `# rows: I4, B1` beside an item names the rows that it carries
//! out, the item has compiled, and it is of a kind that docs/runbook-coverage.md names for the row.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use launchgate::settings::launch::compile_text;
use launchgate_core::check::Question;
use launchgate_core::name::Name;
use launchgate_core::plan::Plan;
use launchgate_probes::builtin;

use super::{example, text};

/// A tag, with where the item beside it stands in the file.
struct Tag {
    line: usize,
    rows: Vec<String>,
    place: Place,
}

/// The keys that lead to an item, and, of an item of a list, what it says of itself.
#[derive(Debug, Default, Clone)]
struct Place {
    keys: Vec<String>,
    says: BTreeMap<String, String>,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.keys.join("/"))?;
        let own = ["step", "name", "on", "until"].iter().find_map(|key| self.says.get(*key));
        own.map_or(Ok(()), |own| write!(f, "[{own}]"))
    }
}

impl Place {
    fn key(&self, depth: usize) -> &str {
        self.keys.get(depth).map(String::as_str).unwrap_or_default()
    }

    /// Whether the plan holds the item.
    fn is_in(&self, plan: &Plan) -> bool {
        let name = |depth| Name::try_new(self.key(depth)).ok();
        let own = |key: &str| self.says.get(key).map(String::as_str).unwrap_or_default();
        match self.key(0) {
            "launch" => !plan.title.is_empty() && plan.window.is_some() && plan.kind.is_some(),
            "people" => !plan.people.is_empty(),
            "links" => !plan.links.is_empty(),
            "contacts" => !plan.contacts.is_empty(),
            "watch" => !plan.watch.is_empty(),
            "checklists" => {
                let list = name(1).and_then(|id| plan.checklist(&id));
                list.is_some_and(|list| {
                    self.key(2) == "escalate"
                        || list.checks.iter().any(|c| c.path.check.as_str() == self.key(3))
                })
            }
            "triggers" => name(1).is_some_and(|id| plan.trigger(&id).is_some()),
            "procedures" => {
                let procedure = name(1).and_then(|id| plan.procedures.get(&id));
                procedure.is_some_and(|p| p.steps.iter().any(|s| s.id.as_str() == own("step")))
            }
            "announcements" => {
                let key = self.says.get("name").map_or_else(|| own("on"), String::as_str);
                plan.announcements.iter().any(|a| a.key == key)
            }
            _ => false,
        }
    }

    /// What carries the rows out: a probe, an action, a section.
    fn kind(&self, plan: &Plan) -> String {
        let check = plan.checks().find(|(list, check)| {
            self.key(0) == "checklists"
                && list.id.as_str() == self.key(1)
                && check.path.check.as_str() == self.key(3)
        });
        match check.map(|(_, check)| &check.question) {
            Some(Question::Probe { kind, .. }) => kind.to_string(),
            Some(Question::SignOff(_)) => "sign_off".to_owned(),
            Some(Question::Rehearsal(_)) => "rehearsal".to_owned(),
            None => self.says.get("do").cloned().unwrap_or_else(|| self.key(0).to_owned()),
        }
    }
}

/// `key: value` pairs at the beginning of a line, whether in braces or not, without those in further braces.
fn pairs(line: &str) -> Vec<(String, String)> {
    let flat = line.trim_start_matches("- ").trim_start_matches("{ ");
    let flat = flat.split(['{', '[', '"']).next().unwrap_or_default();
    let pair = |text: &str| {
        let (key, value) = text.split_once(':')?;
        let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        let key = key.trim();
        (!key.is_empty() && key.chars().all(fits))
            .then(|| (key.to_owned(), value.trim().trim_end_matches(',').to_owned()))
    };
    flat.split(", ").map_while(pair).collect()
}

/// Every tag of a launch file that is indented by two, as ours are.
fn tags(text: &str) -> Vec<Tag> {
    let mut open: Vec<(usize, String)> = Vec::new();
    let mut found = Vec::new();
    let lines: Vec<&str> = text.lines().collect();
    for (i, line) in lines.iter().enumerate() {
        let code = line.trim_start();
        if code.is_empty() || code.starts_with('#') {
            assert!(!code.contains("# rows: ") || code.contains('`'), "line {}: a free tag", i + 1);
            continue;
        }
        let indent = line.len() - code.len();
        open.retain(|(at, _)| *at < indent);
        let (code, tag) = match code.split_once(" # rows: ") {
            Some((code, tag)) => (code, Some(tag)),
            None => (code, None),
        };
        let mut place =
            Place { keys: open.iter().map(|(_, k)| k.clone()).collect(), ..Place::default() };
        if code.starts_with("- ") {
            place.says = pairs(code).into_iter().collect();
            // The rest of an item in block style stands below, deeper than the dash.
            let below =
                lines[i + 1..].iter().take_while(|l| l.starts_with(&" ".repeat(indent + 2)));
            place.says.extend(below.flat_map(|l| pairs(l.trim_start())).filter(|(k, _)| k == "do"));
        } else if let Some((key, _)) = pairs(code).into_iter().next() {
            place.keys.push(key.clone());
            open.push((indent, key));
        }
        if let Some(rows) = tag {
            let rows = rows.split(", ").map(str::to_owned).collect();
            found.push(Tag { line: i + 1, rows, place });
        }
    }
    found
}

/// `P1-P8` is eight rows.
fn each(id: &str) -> Vec<String> {
    let number = |id: &str| id[1..].parse::<u32>().ok();
    match id.split_once('-') {
        Some((from, to)) => {
            let (Some(first), Some(last)) = (number(from), number(to)) else {
                panic!("`{id}` is no row")
            };
            (first..=last).map(|n| format!("{}{n}", &id[..1])).collect()
        }
        None => vec![id.to_owned()],
    }
}

/// The rows of docs/runbook-coverage.md: each with what its last column says.
fn table() -> BTreeMap<String, String> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/runbook-coverage.md");
    let page = std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{path}: {e}"));
    let lines = page.lines().filter(|line| line.starts_with("| ")).skip(1);
    let mut rows = BTreeMap::new();
    for line in lines {
        let cells: Vec<&str> = line.splitn(5, " | ").collect();
        let (Some(id), Some(how)) = (cells.first(), cells.get(3)) else { panic!("{line}") };
        for id in each(id.trim_start_matches("| ").trim()) {
            assert!(rows.insert(id, (*how).to_owned()).is_none(), "twice: {line}");
        }
    }
    rows
}

/// The kinds of check and of step that a text names in backticks.
fn kinds(how: &str) -> BTreeSet<&str> {
    let others = ["sign_off", "rehearsal", "notify", "wait", "gate", "manual", "milestone"];
    let known: BTreeSet<&str> = builtin().kinds().chain(others).collect();
    how.split('`').skip(1).step_by(2).filter(|word| known.contains(word)).collect()
}

#[test]
fn the_go_live_carries_every_row_of_the_runbook() {
    let text = text("go-live.yaml");
    let folder = example("");
    let compiled = compile_text("go-live.yaml", &text, folder, &builtin());
    let plan = compiled.unwrap_or_else(|problems| panic!("{problems}")).plan;
    let (rows, tags) = (table(), tags(&text));
    let mut wrong = Vec::new();
    let mut carried: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for Tag { line, rows: named, place } in &tags {
        if !place.is_in(&plan) {
            wrong.push(format!("line {line}: {place} is no item of the plan"));
        }
        for row in named {
            if !rows.contains_key(row) {
                wrong.push(format!("line {line}: {place}: there is no row `{row}`"));
            }
            carried.entry(row).or_default().insert(place.kind(&plan));
        }
    }
    for (row, how) in &rows {
        let (Some(by), named) = (carried.get(row.as_str()), kinds(how)) else {
            wrong.push(format!("nothing carries {row}: {how}"));
            continue;
        };
        if !named.is_empty() && !named.iter().any(|kind| by.contains(*kind)) {
            wrong.push(format!("{row} is carried by {by:?} and covered by {named:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(carried.len(), rows.len());
    let (checks, items) = (plan.checks().count(), tags.len());
    println!(
        "docs/runbook-coverage.md has {} rows, go-live.yaml carries {} by {items} items ({checks} checks)",
        rows.len(),
        carried.len()
    );
}

#[test]
fn tags_are_told_from_comments_and_from_what_does_not_compile() {
    let text = "triggers:\n  a: # rows: R1\n    for: 5m\nprocedures:\n  p:\n    steps:\n      \
                - { step: x, do: notify, with: { to: [y] } } # rows: P1, P2\n      - step: z # rows: P3\n        do: exec\n";
    let found: Vec<String> = tags(text)
        .iter()
        .map(|tag| {
            let does = tag.place.says.get("do").cloned().unwrap_or_default();
            format!("{} {} {does} {}", tag.line, tag.place, tag.rows.join("+"))
        })
        .collect();
    assert_eq!(
        found,
        [
            "2 triggers/a  R1",
            "7 procedures/p/steps[x] notify P1+P2",
            "8 procedures/p/steps[z] exec P3"
        ]
    );
    assert_eq!(each("Z2-Z4"), ["Z2", "Z3", "Z4"]);
}
