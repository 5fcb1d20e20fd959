//! The examples as templates: what is made up in them gives way to answers.

use std::path::Path;

use launchgate_core::name::Name;

use super::Template;
use super::answers::{Answers, quoted};
use crate::cli::exit::Failed;

const QUICKSTART: &str = include_str!("../../../config/examples/quickstart.yaml");
const GO_LIVE: &str = include_str!("../../../config/examples/go-live.yaml");

/// The launch file.
pub(super) fn filled(kind: Template, file: &Path, answers: &Answers) -> Result<String, Failed> {
    let (template, pairs) = match kind {
        Template::Quickstart => (QUICKSTART, quickstart(file, answers)),
        Template::GoLive => (GO_LIVE, go_live(file, answers)),
    };
    fill(template, &pairs)
        .map_err(|missing| Failed::internal(format!("the template lacks `{missing}`")))
}

/// Puts something in the place of each text, all at once, so that nothing that was put in is replaced again.
fn fill(template: &str, pairs: &[(&str, String)]) -> Result<String, String> {
    if let Some((missing, _)) = pairs.iter().find(|(text, _)| !template.contains(text)) {
        return Err((*missing).to_owned());
    }
    let (mut out, mut rest) = (String::new(), template);
    loop {
        let found = pairs.iter().filter_map(|(text, new)| Some((rest.find(text)?, *text, new)));
        let Some((at, text, new)) =
            found.min_by_key(|(at, text, _)| (*at, usize::MAX - text.len()))
        else {
            return Ok(out + rest);
        };
        out += &rest[..at];
        out += new;
        rest = &rest[at + text.len()..];
    }
}

/// When it goes live, as people write it.
fn when(answers: &Answers) -> String {
    let go_live = &answers.go_live;
    match go_live.time_zone().iana_name() {
        Some(zone) => format!("{}[{zone}]", go_live.datetime()),
        None => go_live.to_string(),
    }
}

fn commanders(answers: &Answers) -> String {
    let names: Vec<&str> = answers.commanders.iter().map(Name::as_str).collect();
    format!("incident_commander: [{}]", names.join(", "))
}

fn go_live(file: &Path, answers: &Answers) -> Vec<(&'static str, String)> {
    let previous = answers.previous_version.as_deref().unwrap_or_default();
    let mut pairs = vec![
        ("go-live.yaml", file.display().to_string()),
        ("launch: shop-2-4", format!("launch: {}", answers.name)),
        (
            "title: The shop, version 2.4, to production",
            format!("title: {}", quoted(&answers.title)),
        ),
        ("2026-12-01T09:00:00[Europe/London]", when(answers)),
        ("version: \"2.4.0\"", format!("version: {}", quoted(&answers.version))),
        ("previous_version: \"2.3.7\"", format!("previous_version: {}", quoted(previous))),
        ("shop.example", answers.domain.clone()),
        ("incident_commander: [alice, bob]", commanders(answers)),
    ];
    if let Some(prometheus) = &answers.prometheus {
        pairs.push((
            "prometheus: http://prometheus.internal:9090",
            format!("prometheus: {}", quoted(prometheus)),
        ));
    }
    if let Some(postgres) = &answers.postgres {
        pairs.push(("{ env: PRIMARY_DATABASE_URL }", postgres.clone()));
    }
    pairs
}

fn quickstart(file: &Path, answers: &Answers) -> Vec<(&'static str, String)> {
    let version = format!("version: {}\n", quoted(&answers.version));
    let (version, back) = match &answers.previous_version {
        Some(previous) => (
            format!("{version}previous_version: {}\n", quoted(previous)),
            "instructions: \"Deploy ${previous_version} again\"",
        ),
        None => (version, "instructions: Go back"),
    };
    vec![
        ("# Try it: launchgate check quickstart.yaml\n", head(file)),
        ("launch: quickstart", format!("launch: {}", answers.name)),
        ("title: The shop moves to its new home", format!("title: {}", quoted(&answers.title))),
        ("version: \"2.4.0\"\n", version),
        ("2026-12-01T09:00:00[Europe/London]", when(answers)),
        ("incident_commander: [alice, bob]", commanders(answers)),
        ("example.com", answers.domain.clone()),
        ("triggers:", more_checks(answers)),
        ("procedures:\n", more_triggers(answers)),
        ("instructions: Go back", back.to_owned()),
    ]
}

fn head(file: &Path) -> String {
    let file = file.display();
    format!(
        "# A launch file to start from.\n\
         #\n\
         #   launchgate validate {file}   says what is wrong with it, with its place\n\
         #   launchgate check {file}      looks once at everything: exit code 0 GO, 1 NO-GO, 2 HOLD\n\
         #   launchgate serve {file}      keeps looking, and shows it on a page\n\
         #\n\
         # `launchgate schema --format markdown` has every key and every kind of probe, `launchgate init --template\n\
         # go-live` a whole go-live to take checks from.\n\n"
    )
}

fn more_checks(answers: &Answers) -> String {
    let mut text = String::new();
    if let Some(postgres) = &answers.postgres {
        text += &format!(
            "      database: # ask what must hold in your data, such as that no order lacks its lines\n        \
             title: The database answers\n        \
             probe: sql\n        \
             with:\n          \
             source: {{ kind: postgres, url: {postgres} }}\n          \
             query: select 1 as answer\n          \
             columns: {{ answer: {{}} }}\n        \
             expect: [\"answer == 1\"]\n"
        );
    }
    if let Some(prometheus) = &answers.prometheus {
        text += &format!(
            "  live:\n    \
             title: May we declare success?\n    \
             due: H+1h # an hour after the deployment began\n    \
             checks:\n      \
             error-rate:\n        \
             title: Hardly any request fails\n        \
             probe: prometheus\n        \
             with:\n          \
             source: {{ kind: prometheus, url: {} }}\n          \
             error_rate: {{ total: http_requests_total, errors: 'http_requests_total{{code=~\"5..\"}}' }}\n        \
             expect: [\"value < 1%\"]\n        \
             every: 15s\n",
            quoted(prometheus)
        );
    }
    text + "triggers:"
}

fn more_triggers(answers: &Answers) -> String {
    let errors =
        "  errors: { watch: { check: error-rate, breach: \"value > 5%\" }, for: 5m, run: back }\n";
    format!("{}procedures:\n", if answers.prometheus.is_some() { errors } else { "" })
}

#[cfg(test)]
mod tests {
    use launchgate_probes::builtin;

    use super::*;
    use crate::settings::launch::compile_text;

    fn answers() -> Answers {
        Answers {
            title: "It's \"new\": # and # 2.4".to_owned(),
            name: Name::of("new"),
            domain: "new.test".to_owned(),
            go_live: "2030-01-08T09:00[Asia/Tokyo]".parse().unwrap(),
            commanders: vec![Name::of("zoe"), Name::of("yann")],
            version: "9: shop.example".to_owned(),
            previous_version: Some("8".to_owned()),
            prometheus: Some("https://prometheus.test".to_owned()),
            postgres: Some("{ env: DB }".to_owned()),
        }
    }

    #[test]
    fn templates_hold_what_was_answered_and_compile() {
        let bare = Answers { prometheus: None, postgres: None, ..answers() };
        for (row, kind, answers) in [
            ("quick start", Template::Quickstart, answers()),
            ("quick start alone", Template::Quickstart, bare),
            ("go-live", Template::GoLive, answers()),
        ] {
            let text = filled(kind, Path::new("x.yaml"), &answers).unwrap();
            let compiled = compile_text("x.yaml", &text, ".".into(), &builtin());
            let plan = compiled.unwrap_or_else(|problems| panic!("{row}: {problems}")).plan;
            assert_eq!(
                (plan.title.as_str(), plan.version.as_str()),
                (&*answers.title, "9: shop.example"),
                "{row}"
            );
            assert_eq!(plan.previous_version.as_deref(), Some("8"), "{row}");
            assert_eq!((plan.launch.as_str(), &plan.go_live), ("new", &answers.go_live), "{row}");
            assert_eq!(plan.people[&Name::of("incident_commander")], answers.commanders, "{row}");
            let made_up =
                ["shop.example", "prometheus.internal", "PRIMARY", "example.com", "2.3.7"];
            let left = text.replace("9: shop.example", "");
            let left: Vec<_> = made_up.iter().filter(|made| left.contains(**made)).collect();
            assert!(left.is_empty(), "{row}: {left:?}");
        }
    }

    #[test]
    fn what_was_put_in_is_not_replaced_again() {
        let pairs = [("a", "b".to_owned()), ("b", "a".to_owned()), ("ab", "x".to_owned())];
        assert_eq!(fill("a b ab", &pairs).as_deref(), Ok("b a x"));
        assert_eq!(fill("b", &pairs).err().as_deref(), Some("a"));
    }
}
