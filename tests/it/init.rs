//! `launchgate init`: what it writes, what it refuses to write, and what it asks.

use std::process::{Command, Output};

use crate::rig::process::{TempDir, need, program};

const ENOUGH: [&str; 14] = [
    "--title",
    "The shop, version 3",
    "--domain",
    "shop.test",
    "--go-live",
    "2030-01-08T09:00",
    "--zone",
    "Europe/London",
    "--commander",
    "zoe,yann",
    "--version-number",
    "3.0.0",
    "--output",
    "launch.yaml",
];

/// What it can do without.
const MORE: [&str; 6] = [
    "--previous-version",
    "2.9.1",
    "--prometheus",
    "http://127.0.0.1:9090",
    "--postgres",
    "env:SHOP_DB",
];

fn init(folder: &TempDir, arguments: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_launchgate"));
    told(
        command
            .current_dir(folder.path())
            .arg("init")
            .args(arguments)
            .stdin(std::process::Stdio::null()),
    )
}

fn told(command: &mut Command) -> (Option<i32>, String) {
    let Output { status, stdout, stderr } = command.output().unwrap();
    (status.code(), String::from_utf8_lossy(&[stdout, stderr].concat()).into_owned())
}

fn written(folder: &TempDir, name: &str) -> String {
    std::fs::read_to_string(folder.join(name)).unwrap_or_default()
}

/// What `validate` says of what was written.
fn validated(folder: &TempDir, name: &str) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_launchgate"));
    told(command.current_dir(folder.path()).arg("validate").arg(name))
}

#[test]
fn a_launch_file_is_written_from_options() {
    let folder = TempDir::new("init");
    let (code, said) = init(&folder, &[&ENOUGH[..], &MORE].concat());
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(
        said,
        "launch.yaml: 2 checklists, 4 checks, 2 triggers, 1 procedures\n\
         now look once at everything: launchgate check launch.yaml\n"
    );
    insta::assert_snapshot!(written(&folder, "launch.yaml"), @r#"
    # A launch file to start from.
    #
    #   launchgate validate launch.yaml   says what is wrong with it, with its place
    #   launchgate check launch.yaml      looks once at everything: exit code 0 GO, 1 NO-GO, 2 HOLD
    #   launchgate serve launch.yaml      keeps looking, and shows it on a page
    #
    # `launchgate schema --format markdown` has every key and every kind of probe, `launchgate init --template
    # go-live` a whole go-live to take checks from.

    launch: the-shop-version-3
    title: "The shop, version 3"
    version: "3.0.0"
    previous_version: "2.9.1"
    go_live: 2030-01-08T09:00:00[Europe/London]
    people: { incident_commander: [zoe, yann] }
    checklists:
      before:
        title: May we launch?
        due: T-1h
        checks:
          tls:
            title: The certificate lasts a month beyond the launch
            probe: tls
            with: { host: shop.test }
            expect: [trusted, "days_left_at_go_live > 30d"]
          restored:
            title: A backup was restored elsewhere and looked at
            probe: sign_off
            with: { by: incident_commander, evidence: required }
          database: # ask what must hold in your data, such as that no order lacks its lines
            title: The database answers
            probe: sql
            with:
              source: { kind: postgres, url: { env: SHOP_DB } }
              query: select 1 as answer
              columns: { answer: {} }
            expect: ["answer == 1"]
      live:
        title: May we declare success?
        due: H+1h # an hour after the deployment began
        checks:
          error-rate:
            title: Hardly any request fails
            probe: prometheus
            with:
              source: { kind: prometheus, url: "http://127.0.0.1:9090" }
              error_rate: { total: http_requests_total, errors: 'http_requests_total{code=~"5.."}' }
            expect: ["value < 1%"]
            every: 15s
    triggers: # bad for five minutes after the deployment: a person is asked
      shut: { watch: { check: tls, breach: not trusted }, for: 5m, run: back }
      errors: { watch: { check: error-rate, breach: "value > 5%" }, for: 5m, run: back }
    procedures:
      back: { steps: [{ step: undo, do: manual, with: { instructions: "Deploy ${previous_version} again" } }] }
    "#);
    assert_eq!(validated(&folder, "launch.yaml").0, Some(0));
}

#[test]
fn a_whole_go_live_is_written_from_the_same_options() {
    let folder = TempDir::new("init-go-live");
    let more = ["--template", "go-live", "--previous-version", "2.9.1", "--name", "shop-3"];
    let (code, said) = init(&folder, &[&ENOUGH[..], &more].concat());
    assert_eq!(code, Some(0), "{said}");
    let text = written(&folder, "launch.yaml");
    for line in [
        "launch: shop-3 # rows: O1",
        "title: \"The shop, version 3\"",
        "go_live: 2030-01-08T09:00:00[Europe/London]",
        "  version: \"3.0.0\"",
        "  previous_version: \"2.9.1\"",
        "  domain: shop.test",
        "  incident_commander: [zoe, yann]",
    ] {
        assert!(text.lines().any(|found| found == line), "no `{line}`");
    }
    assert_eq!(validated(&folder, "launch.yaml").0, Some(0));
}

#[test]
fn nothing_is_written_over_unless_told_to() {
    let folder = TempDir::new("init-over");
    folder.write("launch.yaml", "mine\n");
    let (code, said) = init(&folder, &ENOUGH);
    assert_eq!(code, Some(3), "{said}");
    assert!(said.contains("launch.yaml is there already: --force writes over it"), "{said}");
    assert_eq!(written(&folder, "launch.yaml"), "mine\n");
    let (code, said) = init(&folder, &[&ENOUGH[..], &["--force"]].concat());
    assert_eq!(code, Some(0), "{said}");
    assert!(written(&folder, "launch.yaml").contains("shop.test"));
    let left = std::fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(left, 1, "nothing is left beside it");
}

#[test]
fn everything_that_is_wrong_or_missing_is_told_at_once() {
    let folder = TempDir::new("init-wrong");
    let rows: [(&str, &[&str], &str); 4] = [
        (
            "nothing at all",
            &[],
            "error: nothing was written\n  \
             missing: --title, --domain, --zone, --go-live, --commander, --version-number\n",
        ),
        (
            "everything wrong",
            &[
                "--title",
                "",
                "--name",
                "Shop",
                "--domain",
                "https://shop.test",
                "--go-live",
                "2030-13-01T09:00",
                "--zone",
                "Europe/Lundon",
                "--commander",
                "Zoe",
                "--version-number",
                "${x}",
                "--prometheus",
                "p:9090",
                "--postgres",
                "postgres://a:secret@b/c",
            ],
            "error: nothing was written\n  \
             --title ``: it cannot be left out\n  \
             --name `Shop`: names are lower case: `shop`\n  \
             --domain `https://shop.test`: a domain alone is wanted: `shop.test`\n  \
             --zone `Europe/Lundon`: there is no such time zone: did you mean `Europe/London`?\n  \
             --go-live `2030-13-01T09:00`: it is no date with a time: write it like `2026-12-01T09:00`\n  \
             --commander `Zoe`: names are lower case: `zoe`\n  \
             --version-number `${x}`: `${` stands for a variable of the launch file\n  \
             --prometheus `p:9090`: it is no address: write it like `http://prometheus.internal:9090`\n  \
             --postgres: a password has no place in a launch file: put the address into a variable, and write `env:NAME`\n",
        ),
        (
            "past",
            &[
                "--title",
                "x",
                "--domain",
                "x.test",
                "--go-live",
                "2020-01-08T09:00[UTC]",
                "--commander",
                "z",
                "--version-number",
                "1",
            ],
            "that is past: it is ",
        ),
        (
            "a go-live without a way back",
            &[&ENOUGH[..], &["--template", "go-live"]].concat(),
            "error: nothing was written\n  missing: --previous-version\n",
        ),
    ];
    for (row, arguments, expected) in rows {
        let (code, said) = init(&folder, arguments);
        assert_eq!(code, Some(3), "{row}: {said}");
        assert!(said.contains(expected), "{row}: {said}");
        assert!(!said.contains("secret"), "{row}: {said}");
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

/// Answers questions at a terminal: each with what stands after it in the arguments.
const PERSON: &str = "
import os, pty, sys
program, talk = sys.argv[1], sys.argv[2:]
child, terminal = pty.fork()
if child == 0:
    os.execv(program, [program, 'init'])
seen = b''
def read():
    global seen
    try:
        part = os.read(terminal, 4096)
    except OSError:
        part = b''
    seen += part
    return part
for question, answer in zip(talk[::2], talk[1::2]):
    begun = len(seen)
    while question.encode() not in seen[begun:]:
        if not read():
            sys.exit('never asked: ' + question + '\\n' + seen.decode())
    os.write(terminal, answer.encode() + b'\\n')
while read():
    pass
print(seen.decode().replace('\\r', ''))
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
";

#[test]
fn on_a_terminal_it_asks_until_it_is_answered() {
    if !need("python3") {
        return;
    }
    let folder = TempDir::new("init-asks");
    let talk = [
        ("A title for people", "The shop"),
        ("name? [the-shop]", ""),
        ("Which domain", "https://shop.test/"),
        ("Which domain", "shop.test"),
        ("time zone", "Lundon"),
        ("time zone", "Europe/London"),
        ("When does it go live", "2020-01-08T09:00"),
        ("When does it go live", "2030-01-08T09:00"),
        ("incident commander", "zoe, yann"),
        ("Which version", ""),
        ("Which version", "3.0"),
        ("version to go back to? [none]", "2.9"),
        ("Prometheus", ""),
        ("PostgreSQL", ""),
    ];
    let mut person = program("python3");
    person.arg("-c").arg(PERSON).arg(env!("CARGO_BIN_EXE_launchgate"));
    person.args(talk.iter().flat_map(|(question, answer)| [question, answer]));
    let (code, said) = told(person.current_dir(folder.path()));
    assert_eq!(code, Some(0), "{said}");
    for told in [
        "a domain alone is wanted: `shop.test`",
        "no such time zone",
        "that is past",
        "cannot be left out",
    ] {
        assert!(said.contains(told), "{told}: {said}");
    }
    let text = written(&folder, "launch.yaml");
    assert!(
        text.contains("launch: the-shop\n") && text.contains("previous_version: \"2.9\"\n"),
        "{text}"
    );
    assert_eq!(validated(&folder, "launch.yaml").0, Some(0));
}
