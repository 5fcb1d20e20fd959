//! What a launch file cannot do without, as it is given or asked for. Every answer is looked at when it is given; without a
//! terminal everything that is missing or wrong is told at once.

use std::io::{BufRead, Read as _};

use jiff::civil::DateTime;
use jiff::tz::{self, TimeZone};
use jiff::{Timestamp, Zoned};
use launchgate_core::name::Name;
use launchgate_core::problem::did_you_mean;

use super::{Init, Template};
use crate::cli::exit::Failed;
use crate::cli::terminal::Terminal;

/// The longest answer, in bytes.
const LONGEST: u64 = 4096;
/// The longest title, in characters.
const LONGEST_TITLE: usize = 200;

/// Everything that a launch file is made of.
#[derive(Debug)]
pub(super) struct Answers {
    pub(super) title: String,
    pub(super) name: Name,
    pub(super) domain: String,
    pub(super) go_live: Zoned,
    pub(super) commanders: Vec<Name>,
    pub(super) version: String,
    pub(super) previous_version: Option<String>,
    pub(super) prometheus: Option<String>,
    pub(super) postgres: Option<String>,
}

/// A question, by its option.
struct Question {
    option: &'static str,
    asks: &'static str,
    /// What an empty answer stands for.
    usual: Option<String>,
    /// Whether there may be none.
    optional: bool,
}

const fn needed(option: &'static str, asks: &'static str) -> Question {
    Question { option, asks, usual: None, optional: false }
}

const fn optional(option: &'static str, asks: &'static str) -> Question {
    Question { option, asks, usual: None, optional: true }
}

/// Takes what is given, and asks for the rest where somebody is there.
pub(super) struct Clerk<R> {
    asks: bool,
    terminal: Terminal,
    input: R,
    missing: Vec<&'static str>,
    problems: Vec<String>,
}

impl<R: BufRead> Clerk<R> {
    pub(super) fn new(asks: bool, terminal: Terminal, input: R) -> Self {
        Self { asks, terminal, input, missing: Vec::new(), problems: Vec::new() }
    }

    /// Every answer, each as it should be.
    pub(super) fn answers(mut self, given: Init, now: Timestamp) -> Result<Answers, Failed> {
        let title = self.take(
            &needed("--title", "What is launched? A title for people"),
            given.title,
            title,
        );
        let name = self.name(given.name, title.as_deref());
        let question = needed("--domain", "Which domain, such as shop.example?");
        let domain = self.take(&question, given.domain, domain);
        let go_live = self.go_live(given.go_live, given.zone, now);
        let given_commanders = (!given.commanders.is_empty()).then(|| given.commanders.join(","));
        let question =
            needed("--commander", "Who is incident commander? Several, with commas, stand in");
        let commanders = self.take(&question, given_commanders, people);
        let version_number = given.version_number;
        let version =
            self.take(&needed("--version-number", "Which version?"), version_number, version);
        let back = "And which version to go back to?";
        let question = match given.template {
            Template::GoLive => needed("--previous-version", back),
            Template::Quickstart => optional("--previous-version", back),
        };
        let previous_version = self.take(&question, given.previous_version, self::version);
        let question = optional("--prometheus", "A Prometheus, http://HOST:9090?");
        let prometheus = self.take(&question, given.prometheus, address);
        let question =
            optional("--postgres", "A PostgreSQL, postgres://USER@HOST/NAME or env:VARIABLE?");
        let postgres = self.take(&question, given.postgres, database);
        let all = (title, name, domain, go_live, commanders, version);
        let (Some(title), Some(name), Some(domain), Some(go_live), Some(commanders), Some(version)) =
            all
        else {
            return Err(self.refusal());
        };
        if !(self.problems.is_empty() && self.missing.is_empty()) {
            return Err(self.refusal());
        }
        Ok(Answers {
            title,
            name,
            domain,
            go_live,
            commanders,
            version,
            previous_version,
            prometheus,
            postgres,
        })
    }

    fn name(&mut self, given: Option<String>, title: Option<&str>) -> Option<Name> {
        let made = title.and_then(slug);
        let given = given.or_else(|| made.clone().filter(|_| !self.asks));
        if given.is_none() && title.is_none() && !self.asks {
            // It is made of the title, which is missing already.
            return None;
        }
        let question = Question { usual: made, ..needed("--name", "The launch's name?") };
        self.take(&question, given, lower_case)
    }

    fn go_live(
        &mut self,
        given: Option<String>,
        zone: Option<String>,
        now: Timestamp,
    ) -> Option<Zoned> {
        let in_zone = given.as_ref().is_some_and(|text| text.contains('['));
        let zone = match zone {
            None if in_zone => None,
            Some(_) if in_zone => {
                self.problems.push("--zone: the time of --go-live says its zone itself".to_owned());
                None
            }
            zone => {
                let here = TimeZone::system().iana_name().map(str::to_owned);
                let asks = "In which time zone, such as Europe/London?";
                let question = Question { usual: here, ..needed("--zone", asks) };
                self.take(&question, zone, self::zone)
            }
        };
        let question = needed("--go-live", "When does it go live, such as 2026-12-01T09:00?");
        let taken = self.take(&question, given, |text| instant(text, zone.as_ref(), now));
        taken.flatten()
    }

    /// One answer: the one given, or one that is asked for until it is right.
    fn take<T>(
        &mut self,
        question: &Question,
        given: Option<String>,
        read: impl Fn(&str) -> Result<T, String>,
    ) -> Option<T> {
        if let Some(text) = given {
            match read(text.trim()) {
                Ok(answer) => return Some(answer),
                Err(problem) if !self.asks => {
                    // What may hold a password is not repeated.
                    let shown =
                        if text.contains('@') { String::new() } else { format!(" `{text}`") };
                    self.problems.push(format!("{}{shown}: {problem}", question.option));
                    return None;
                }
                Err(problem) => {
                    self.terminal.complain(&format!("{}: {problem}\n", question.option));
                }
            }
        } else if !self.asks {
            if !question.optional {
                self.missing.push(question.option);
            }
            return None;
        }
        loop {
            let text = self.ask(question)?;
            let text = match (text.trim(), &question.usual) {
                ("", Some(usual)) => usual.clone(),
                ("", None) if question.optional => return None,
                (text, _) => text.to_owned(),
            };
            match read(&text) {
                Ok(answer) => return Some(answer),
                Err(problem) => self.terminal.complain(&format!("  {problem}\n")),
            }
        }
    }

    /// A line; `None` when nobody answers any more, after which nothing is asked.
    fn ask(&mut self, question: &Question) -> Option<String> {
        let usual = match &question.usual {
            Some(usual) => format!(" [{usual}]"),
            None if question.optional => " [none]".to_owned(),
            None => String::new(),
        };
        self.terminal.complain(&format!("{}{usual} ", question.asks));
        let mut line = String::new();
        match self.input.by_ref().take(LONGEST).read_line(&mut line) {
            Ok(read) if read > 0 => Some(line),
            Ok(_) | Err(_) => {
                self.asks = false;
                self.terminal.complain("\n");
                self.missing.extend((!question.optional).then_some(question.option));
                None
            }
        }
    }

    fn refusal(&self) -> Failed {
        let mut message = "nothing was written".to_owned();
        for problem in &self.problems {
            message += &format!("\n  {problem}");
        }
        if !self.missing.is_empty() {
            message += &format!("\n  missing: {}", self.missing.join(", "));
        }
        Failed::usage(message)
    }
}

fn title(text: &str) -> Result<String, String> {
    one_line(text)?;
    if text.chars().count() > LONGEST_TITLE {
        return Err(format!("a title has {LONGEST_TITLE} characters at most"));
    }
    Ok(text.to_owned())
}

/// A text that stands in a launch file as it is.
fn one_line(text: &str) -> Result<(), String> {
    if text.is_empty() {
        return Err("it cannot be left out".to_owned());
    }
    if text.chars().any(char::is_control) {
        return Err("it has to be one line".to_owned());
    }
    if text.contains("${") {
        return Err("`${` stands for a variable of the launch file".to_owned());
    }
    Ok(())
}

/// A name made of a title.
fn slug(title: &str) -> Option<String> {
    let words = title.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let mut name = String::new();
    for word in words.map(str::to_ascii_lowercase) {
        if name.len() + 1 + word.len() > 48 {
            break;
        }
        if !name.is_empty() {
            name.push('-');
        }
        name += &word;
    }
    (!name.is_empty()).then_some(name)
}

fn lower_case(text: &str) -> Result<Name, String> {
    let name = Name::try_new(text).map_err(|e| match slug(text) {
        Some(name) => format!("{e}: `{name}` would do"),
        None => e.to_string(),
    })?;
    let lower = text.to_ascii_lowercase();
    if lower == text { Ok(name) } else { Err(format!("names are lower case: `{lower}`")) }
}

fn people(text: &str) -> Result<Vec<Name>, String> {
    let mut people: Vec<Name> = Vec::new();
    for person in text.split(',').map(str::trim) {
        let person = lower_case(person)?;
        if people.contains(&person) {
            return Err(format!("`{person}` is named twice"));
        }
        people.push(person);
    }
    Ok(people)
}

fn domain(text: &str) -> Result<String, String> {
    let host = text.split_once("://").map_or(text, |(_, rest)| rest);
    let host = host.split(['/', ':']).next().unwrap_or_default().trim_end_matches('.');
    let lower = host.to_ascii_lowercase();
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let is_address = lower.parse::<std::net::IpAddr>().is_ok();
    let fits = lower.len() <= 253 && lower.contains('.') && lower.split('.').all(label);
    match (fits && !is_address, lower == text) {
        (true, true) => Ok(lower),
        (true, false) => Err(format!("a domain alone is wanted: `{lower}`")),
        (false, _) => {
            Err("it is no domain: write it like `shop.example`, `xn--…` where it has other letters"
                .to_owned())
        }
    }
}

fn zone(text: &str) -> Result<TimeZone, String> {
    tz::db().get(text).map_err(|_| {
        let names: Vec<String> = tz::db().available().map(|name| name.to_string()).collect();
        let hint = did_you_mean(text, names.iter().map(String::as_str));
        let hint = hint.unwrap_or_else(|| "write it like `Europe/London`".to_owned());
        format!("there is no such time zone: {hint}")
    })
}

/// When it goes live, if the zone is known.
fn instant(text: &str, zone: Option<&TimeZone>, now: Timestamp) -> Result<Option<Zoned>, String> {
    let like = "write it like `2026-12-01T09:00`";
    let go_live = if text.contains('[') {
        text.parse::<Zoned>().map_err(|e| format!("{e}: {like}[Europe/London]"))?
    } else {
        let civil =
            text.parse::<DateTime>().map_err(|_| format!("it is no date with a time: {like}"))?;
        if !text.contains(':') {
            return Err(format!("it has no time: {like}"));
        }
        let Some(zone) = zone else { return Ok(None) };
        zone.to_ambiguous_zoned(civil).unambiguous().map_err(|_| {
            "on that day the clocks change, and this time comes twice or not at all: take another".to_owned()
        })?
    };
    if go_live.timestamp() <= now {
        return Err(format!(
            "that is past: it is {} there",
            now.to_zoned(go_live.time_zone().clone()).strftime("%Y-%m-%dT%H:%M")
        ));
    }
    Ok(Some(go_live))
}

fn version(text: &str) -> Result<String, String> {
    one_line(text).map(|()| text.to_owned())
}

fn address(text: &str) -> Result<String, String> {
    one_line(text)?;
    let host = ["http://", "https://"].into_iter().find_map(|scheme| text.strip_prefix(scheme));
    let Some(host) = host.filter(|host| !host.is_empty()) else {
        return Err("it is no address: write it like `http://prometheus.internal:9090`".to_owned());
    };
    if host.contains('@') {
        return Err(
            "a password has no place in an address: `basic` of the source takes it by reference"
                .to_owned(),
        );
    }
    match text.split_once("/api/v1") {
        Some((prefix, _)) => Err(format!("it stands without `/api/v1`: `{prefix}`")),
        None => Ok(text.trim_end_matches('/').to_owned()),
    }
}

/// A database, as it stands in a launch file.
fn database(text: &str) -> Result<String, String> {
    one_line(text)?;
    if let Some(variable) = text.strip_prefix("env:") {
        let fits = |c: char| c.is_ascii_alphanumeric() || c == '_';
        return if !variable.is_empty() && variable.chars().all(fits) {
            Ok(format!("{{ env: {variable} }}"))
        } else {
            Err("a variable is named like `PRIMARY_DATABASE_URL`".to_owned())
        };
    }
    let rest =
        ["postgres://", "postgresql://"].into_iter().find_map(|scheme| text.strip_prefix(scheme));
    let Some(rest) = rest else {
        return Err(
            "it is no address: write it like `postgres://monitor@db.internal/shop`".to_owned()
        );
    };
    match rest.split_once('@') {
        Some((user, _)) if user.contains(':') => {
            Err("a password has no place in a launch file: put the address into a variable, and write `env:NAME`".to_owned())
        }
        _ => Ok(quoted(text)),
    }
}

/// A text as YAML takes it anywhere.
pub(super) fn quoted(text: &str) -> String {
    serde_json::Value::String(text.to_owned()).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A name, what was told, and what it should be: the answer, or a part of the problem.
    type Row = (&'static str, Result<String, String>, Result<&'static str, &'static str>);

    #[test]
    fn answers_are_right_or_say_what_would_be() {
        let now: Timestamp = "2026-11-24T09:00:00Z".parse().unwrap();
        let london = zone("Europe/London").unwrap();
        let when = |text: &str| {
            let taken = instant(text, Some(&london), now);
            taken.map(|at| at.map(|at| at.to_string()).unwrap_or_default())
        };
        let shown =
            |people: Vec<Name>| people.iter().map(Name::to_string).collect::<Vec<_>>().join("+");
        let rows: [Row; 24] = [
            ("title", title("The shop"), Ok("The shop")),
            ("no title", title(""), Err("cannot be left out")),
            ("a title that refers", title("to ${x}"), Err("variable")),
            ("domain", domain("shop.example"), Ok("shop.example")),
            ("a URL", domain("https://Shop.example/"), Err("`shop.example`")),
            ("an address", domain("192.0.2.1"), Err("no domain")),
            ("one label", domain("shop"), Err("no domain")),
            ("a blank", domain("my shop.example"), Err("no domain")),
            (
                "zone",
                zone("europe/paris").map(|z| z.iana_name().unwrap_or_default().to_owned()),
                Ok("Europe/Paris"),
            ),
            ("another zone", zone("Europe/Lundon").map(|_| String::new()), Err("`Europe/London`")),
            ("time", when("2026-12-01T09:00"), Ok("2026-12-01T09:00:00+00:00[Europe/London]")),
            (
                "with a blank",
                when("2026-12-01 09:00"),
                Ok("2026-12-01T09:00:00+00:00[Europe/London]"),
            ),
            (
                "in its own zone",
                when("2026-12-01T09:00[Asia/Tokyo]"),
                Ok("2026-12-01T09:00:00+09:00[Asia/Tokyo]"),
            ),
            ("past", when("2026-11-24T08:59"), Err("that is past: it is 2026-11-24T09:00 there")),
            ("a day alone", when("2026-12-01"), Err("no time")),
            ("twice", when("2027-10-31T01:30"), Err("the clocks change")),
            ("not at all", when("2027-03-28T01:30"), Err("the clocks change")),
            ("people", people("alice, bob").map(shown), Ok("alice+bob")),
            ("twice the same", people("alice,alice").map(shown), Err("twice")),
            ("upper case", people("Alice").map(shown), Err("`alice`")),
            ("blank in a name", people("alice b").map(shown), Err("`alice-b` would do")),
            ("prometheus", address("http://p:9090/"), Ok("http://p:9090")),
            ("its API", address("http://p:9090/api/v1/query"), Err("`http://p:9090`")),
            ("a password", database("postgres://a:b@c/d"), Err("env:NAME")),
        ];
        for (row, told, expected) in rows {
            match (&told, expected) {
                (Ok(told), Ok(expected)) => assert_eq!(told, expected, "{row}"),
                (Err(told), Err(expected)) => assert!(told.contains(expected), "{row}: {told}"),
                _ => panic!("{row}: {told:?}"),
            }
        }
        assert_eq!(database("env:DB").as_deref(), Ok("{ env: DB }"));
        assert_eq!(slug("The shop, version 2.4!").as_deref(), Some("the-shop-version-2-4"));
    }
}
