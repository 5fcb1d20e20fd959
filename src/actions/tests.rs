//! Actions against real scripts and a real listener, and `wait` against reports on paused time.

mod found;
mod gate;
mod outside;
mod wait;

use std::path::Path;
use std::time::{Duration, Instant};

use launchgate_core::name::Name;
use launchgate_core::procedure::{Effect, OnInDoubt, Step};
use launchgate_core::report::Report;
use launchgate_core::run::RunId;
use launchgate_core::state::{Event, State};
use launchgate_core::time::Moment;
use launchgate_probes::builtin;
use serde_json::{Value as Json, json};
use tokio::sync::{mpsc, watch};

use super::shim::tests::TestShims;
use super::*;
use crate::engine::Message;
use crate::settings::launch::compile_text;

const LAUNCH: &str = r#"
launch: shop
title: Shop
version: "2.4"
previous_version: "2.3"
go_live: 2026-12-01T09:00:00[UTC]
checklists:
  health:
    title: Health
    due: H+1h
    checks:
      dns: { title: DNS, probe: dns, with: { name: shop.example, type: A }, expect: ["ttl < 5m"], every: 1s, fresh_for: 1h }
      web: { title: Web, probe: dns, with: { name: shop.example, type: A }, expect: ["ttl < 5m"], every: 1s, fresh_for: 1h }
"#;

/// A plan with webhook channels, each with its URL.
fn plan(channels: &[(&str, Json)]) -> Arc<Plan> {
    let mut text = LAUNCH.to_owned();
    if !channels.is_empty() {
        text += "channels:\n";
    }
    for (name, url) in channels {
        text += &format!("  {name}: {{ kind: webhook, url: {url} }}\n");
    }
    compile_text("shop.yaml", &text, ".".into(), &builtin()).unwrap_or_else(|e| panic!("{e}")).plan
}

fn start() -> Moment {
    Moment::at("2026-12-01T08:00:00Z".parse().unwrap())
}

fn report(plan: &Arc<Plan>) -> Report {
    State::new(Arc::clone(plan)).report(start())
}

fn perform(action: &'static str, settings: Json, timeout: Duration) -> Perform {
    let step = Step {
        id: Name::of("revert"),
        action: Name::of(action),
        settings,
        timeout,
        effect: Effect::Once,
        critical: true,
        when: None,
        owner: None,
        on_in_doubt: OnInDoubt::Ask,
        verify: None,
        at: None,
        not_before: None,
        on_failure: None,
    };
    Perform {
        run: RunId::of(&Name::of("shop"), 7),
        step,
        index: 3,
        attempt: 2,
        generation: 7,
        cause: "error rate 9% > 5%, ${version}".into(),
        since: start().wall,
    }
}

/// A handle with the engine's ends of it.
fn handle(plan: &Arc<Plan>) -> (Handle, mpsc::Receiver<Message>, watch::Sender<Arc<Report>>) {
    let (send, inbox) = mpsc::channel(8);
    let (reports, read) = watch::channel(Arc::new(report(plan)));
    (Handle::new(plan.launch.clone(), send, read), inbox, reports)
}

fn around(plan: &Arc<Plan>, folder: &Path, shims: &TestShims, handle: Handle) -> Around {
    let (plan, shims) = (Arc::clone(plan), Arc::clone(&shims.0));
    Around { plan, folder: folder.to_owned(), shims, handle }
}

/// Makes an attempt in a folder.
async fn made(plan: &Arc<Plan>, folder: &Path, perform: Perform) -> Done {
    let (handle, _inbox, _reports) = handle(plan);
    let shims = TestShims::new();
    Attempt::new(around(plan, folder, &shims, handle), perform).make().await
}

/// A folder that ends with the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path =
            std::env::temp_dir().join(format!("launchgate-actions-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path.canonicalize().unwrap())
    }

    fn with(self, file: &str, text: &str) -> Self {
        std::fs::write(self.0.join(file), text).unwrap();
        self
    }

    fn read(&self, file: &str) -> String {
        std::fs::read_to_string(self.0.join(file)).unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).unwrap();
    }
}

const LONG: Duration = Duration::from_secs(60);

#[tokio::test]
async fn a_script_knows_its_run_and_nothing_of_the_daemon() {
    let folder = Folder::new("environment")
        .with("token.txt", "hunter2-of-the-balancer\n")
        .with("revert.sh", "env > seen.txt; pwd > where.txt; printf %s \"$1\" > first.txt");
    let settings = json!({
        "command": ["sh", "revert.sh", "$(touch pwned) to ${previous_version}"],
        "env": { "TOKEN": { "file": "token.txt" }, "COLOUR": "never" },
    });
    let done = made(&plan(&[]), &folder.0, perform("exec", settings, LONG)).await;
    assert_eq!(done, (Ended::Succeeded, "exit 0".to_owned()));
    let seen = folder.read("seen.txt");
    for line in [
        "LAUNCHGATE_LAUNCH=shop",
        "LAUNCHGATE_VERSION=2.4",
        "LAUNCHGATE_PREVIOUS_VERSION=2.3",
        "LAUNCHGATE_TARGET_VERSION=2.3",
        "LAUNCHGATE_DEPLOYMENT_ID=shop/7",
        "LAUNCHGATE_STEP=revert",
        "LAUNCHGATE_ATTEMPT=2",
        "LAUNCHGATE_FENCING_TOKEN=7",
        "LAUNCHGATE_BECAUSE=error rate 9% > 5%, ${version}",
        "TOKEN=hunter2-of-the-balancer",
        "COLOUR=never",
    ] {
        assert!(seen.lines().any(|seen| seen == line), "{line} is not in\n{seen}");
    }
    let run = RunId::of(&Name::of("shop"), 7);
    assert!(seen.contains(&format!("LAUNCHGATE_RUN_ID={run}\n")), "{seen}");
    assert!(seen.contains(&format!("LAUNCHGATE_IDEMPOTENCY_KEY={run}/revert\n")), "{seen}");
    // Cargo sets this one for tests.
    assert!(std::env::var_os("CARGO_MANIFEST_DIR").is_some() && !seen.contains("CARGO_MANIFEST"));
    assert_eq!(folder.read("where.txt").trim_end(), folder.0.to_str().unwrap());
    assert_eq!(folder.read("first.txt"), "$(touch pwned) to 2.3", "no shell reads the arguments");
    assert!(!folder.0.join("pwned").exists());
}

#[tokio::test]
async fn a_script_tells_how_it_ended_by_its_last_lines() {
    let rows = [
        ("success", "echo one; echo two", Ended::Succeeded, "exit 0; stdout: one / two"),
        (
            "both outputs",
            "echo reverting; echo 'no route to db' >&2; exit 3",
            Ended::Failed,
            "exit 3; stderr: no route to db; stdout: reverting",
        ),
        ("a signal", "kill -KILL $$", Ended::Failed, "ended by signal 9"),
        (
            "the last of many",
            "seq 1 100000",
            Ended::Succeeded,
            "exit 0; stdout: 99996 / 99997 / 99998 / 99999 / 100000",
        ),
        ("no program", "exec ./nowhere 2> /dev/null", Ended::Failed, "exit 127"),
    ];
    let folder = Folder::new("evidence");
    for (row, script, how, evidence) in rows {
        let settings = json!({ "command": ["sh", "-c", script] });
        let done = made(&plan(&[]), &folder.0, perform("exec", settings, LONG)).await;
        assert_eq!(done, (how, evidence.to_owned()), "{row}");
    }
    let settings = json!({ "command": ["./nowhere"] });
    let done = made(&plan(&[]), &folder.0, perform("exec", settings, LONG)).await;
    assert_eq!(done, (Ended::Failed, "the program `./nowhere` is not there".to_owned()));
}

#[tokio::test]
async fn both_outputs_fit_into_what_a_report_keeps() {
    let script = "yes left | tr -d '\\n' | head -c 300000; yes wrong | tr -d '\\n' | head -c 300000 >&2; \
                  echo END-OUT; echo END-ERR >&2; exit 1";
    let folder = Folder::new("flood");
    let settings = json!({ "command": ["sh", "-c", script] });
    let (how, evidence) = made(&plan(&[]), &folder.0, perform("exec", settings, LONG)).await;
    assert_eq!(how, Ended::Failed);
    let kept = launchgate_core::reading::cut(evidence.clone());
    assert_eq!(kept, evidence, "nothing is lost");
    assert!(kept.contains("END-OUT") && kept.contains("END-ERR"), "{kept}");
}

#[tokio::test]
async fn a_secret_that_a_script_repeats_is_not_shown() {
    let folder = Folder::new("secret").with("token.txt", "hunter2-of-the-balancer");
    // The second one is cut in the middle if it is cut before it is hidden.
    let script = "echo token $TOKEN; printf '%s%0190d\\n' $TOKEN 0 >&2; exit 1";
    let settings = json!({
        "command": ["sh", "-c", script],
        "env": { "TOKEN": { "file": "token.txt" } },
    });
    let (_, evidence) = made(&plan(&[]), &folder.0, perform("exec", settings, LONG)).await;
    assert!(evidence.contains("stdout: token [hidden]"), "{evidence}");
    assert!(!evidence.contains("hunter2") && !evidence.contains("balancer"), "{evidence}");
}

#[tokio::test]
async fn a_script_is_asked_to_stop_before_its_time_is_over() {
    let script = "trap 'echo undone; exit 0' TERM; echo began; while :; do sleep 0.05; done";
    let folder = Folder::new("deadline");
    let settings = json!({ "command": ["sh", "-c", script] });
    let (timeout, began) = (Duration::from_secs(2), Instant::now());
    let (how, evidence) = made(&plan(&[]), &folder.0, perform("exec", settings, timeout)).await;
    assert!(began.elapsed() < timeout + Duration::from_secs(1), "{:?}", began.elapsed());
    assert_eq!(how, Ended::TimedOut);
    assert!(evidence.starts_with("stopped at its deadline"), "{evidence}");
    assert!(evidence.ends_with("stdout: began / undone"), "{evidence}");
}

#[tokio::test]
async fn the_engine_is_told_how_an_attempt_ended() {
    let (plan, folder) = (plan(&[]), Folder::new("told"));
    let (handle, mut inbox, _reports) = handle(&plan);
    let settings = json!({ "command": ["sh", "-c", "exit 4"] });
    let perform = perform("exec", settings, LONG);
    let shims = TestShims::new();
    crate::executor::begin(around(&plan, &folder.0, &shims, handle), perform.clone());
    let message = tokio::time::timeout(LONG, inbox.recv()).await.unwrap().unwrap();
    assert!(message.answer.is_none());
    let Event::StepEnded { run, step, attempt, how, evidence } = message.event else {
        panic!("{:?}", message.event)
    };
    assert_eq!((run, step, attempt), (perform.run, 3, 2));
    assert_eq!((how, evidence.as_str()), (Ended::Failed, "exit 4"));
}

#[tokio::test(start_paused = true)]
async fn a_person_who_says_nothing_has_timed_out() {
    let settings = json!({ "instructions": "turn the key" });
    let hour = Duration::from_secs(3_600);
    let began = tokio::time::Instant::now();
    let done = made(&plan(&[]), Path::new("."), perform("manual", settings, hour)).await;
    let says = "nobody said within 1h that it was done".to_owned();
    assert_eq!(done, (Ended::TimedOut, says));
    assert_eq!(began.elapsed().as_secs(), 3_600);
}

#[tokio::test]
async fn what_cannot_be_begun_fails_with_its_reason() {
    let rows = [
        ("dance", json!({}), "there is no action `dance`"),
        ("exec", json!({ "order": ["true"] }), "the step's settings cannot be read: unknown field"),
        (
            "exec",
            json!({ "command": ["true"], "env": { "A": { "env": "LAUNCHGATE_NO_SUCH" } } }),
            "the environment variable LAUNCHGATE_NO_SUCH is not set",
        ),
        ("http", json!({ "url": "nowhere" }), "the address cannot be read"),
        ("http", json!({ "url": "http://127.0.0.1:1/", "method": "G T" }), "`G T` is no method"),
    ];
    for (action, settings, says) in rows {
        let (how, evidence) =
            made(&plan(&[]), Path::new("."), perform(action, settings, LONG)).await;
        assert_eq!(how, Ended::Failed, "{evidence}");
        assert!(evidence.starts_with(says), "{evidence}");
    }
}
