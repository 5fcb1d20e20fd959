//! The protocol of an attempt's folder, row by row, and shims that are real processes.

use std::sync::atomic::{AtomicU32, Ordering};

use launchgate_core::name::Name;
use launchgate_core::procedure::{Effect, OnInDoubt, Step};
use launchgate_core::run::RunId;

use super::folder::{Claim, Process, Taken};
use super::*;

/// Shims of this very test program, in a folder that ends with them.
pub(in crate::actions) struct TestShims(pub(in crate::actions) std::sync::Arc<Shims>);

impl TestShims {
    pub(in crate::actions) fn new() -> Self {
        Self::since(Timestamp::UNIX_EPOCH)
    }

    fn since(now: Timestamp) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let (id, next) = (std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let folder = std::env::temp_dir().join(format!("launchgate-shims-{id}-{next}"));
        let program = Program::test("actions::shim::tests::acts_as_the_shim");
        let shims = Shims::open(&folder, now, program).unwrap();
        Self(std::sync::Arc::new(shims))
    }

    fn folder(&self, perform: &Perform) -> Folder {
        self.0.attempt(perform)
    }
}

impl Drop for TestShims {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0.folder));
    }
}

/// No test of its own: started with a folder as last argument, this test program is the shim.
#[test]
#[expect(clippy::exit, reason = "a shim has nothing to do with the rest of the tests")]
fn acts_as_the_shim() {
    let last = std::env::args().skip(1).last();
    let Some(folder) = last.filter(|last| last.starts_with('/')) else { return };
    let ended = main(Path::new(&folder));
    std::process::exit(i32::from(ended != std::process::ExitCode::SUCCESS));
}

fn perform() -> Perform {
    let step = Step {
        id: Name::of("revert"),
        action: Name::of("exec"),
        settings: serde_json::Value::Null,
        timeout: Duration::from_secs(60),
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
        run: RunId::of(&Name::of("shop"), 1),
        step,
        index: 0,
        attempt: 1,
        generation: 1,
        cause: String::new(),
        since: "2026-12-01T08:00:00Z".parse().unwrap(),
    }
}

fn script(text: &str) -> Order {
    Order {
        program: "sh".to_owned(),
        arguments: vec!["-c".to_owned(), text.to_owned()],
        folder: std::env::temp_dir(),
        environment: vec![("PATH".to_owned(), std::env::var("PATH").unwrap())],
        hide: vec!["hunter2".to_owned()],
        deadline: Duration::from_secs(30),
        grace: Duration::from_secs(1),
    }
}

fn in_a_minute() -> Instant {
    Instant::now() + Duration::from_secs(60)
}

const DONE: Exit = Exit { ended: End::Exited(0), detached: false };

fn begun(folder: &Folder) -> Claim {
    folder.claim().expect("nobody else begins it")
}

fn edit(folder: &Folder, file: &str, field: &str, value: serde_json::Value) {
    let path = folder.path().join(file);
    let mut json: serde_json::Value =
        serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    json[field] = value;
    std::fs::write(path, json.to_string()).unwrap();
}

/// What a look finds. A process that another test is just starting holds every lock of this one until it is itself.
fn seen(folder: &Folder) -> io::Result<Look> {
    let deadline = std::time::Instant::now() + Duration::from_secs(20);
    loop {
        match folder.look() {
            Ok(Look::Running) if std::time::Instant::now() < deadline => std::thread::yield_now(),
            look => return look,
        }
    }
}

fn spoil(folder: &Folder, file: &str) {
    drop(begun(folder));
    std::fs::write(folder.path().join(file), "{").unwrap();
}

#[test]
fn what_a_look_finds_is_what_was_left() {
    type Row = (&'static str, fn(&Folder), Result<Look, ()>);
    const ME: fn() -> u32 = std::process::id;
    let lost = |rebooted| Ok(Look::Lost { rebooted });
    let rows: [Row; 11] = [
        ("nobody came", |_| {}, Ok(Look::NotStarted)),
        (
            "a shim died before it took the lock",
            |f| std::fs::create_dir_all(f.path()).unwrap(),
            Ok(Look::NotStarted),
        ),
        ("somebody looked before", |f| drop(seen(f).unwrap()), Ok(Look::NotStarted)),
        ("it is over", |f| begun(f).ended(&DONE).unwrap(), Ok(Look::Ended(DONE))),
        ("the shim was killed before it noted the script", |f| drop(begun(f)), lost(false)),
        (
            "the shim was killed, the script has ended",
            |f| begun(f).runs(i32::MAX.unsigned_abs()).unwrap(),
            lost(false),
        ),
        (
            "the shim was killed, the script goes on",
            |f| begun(f).runs(ME()).unwrap(),
            Ok(Look::Abandoned),
        ),
        (
            "the script's number is another's now",
            |f| {
                begun(f).runs(ME()).unwrap();
                edit(f, "script.json", "started", 7.into());
            },
            lost(false),
        ),
        (
            "the machine was started anew",
            |f| {
                begun(f).runs(ME()).unwrap();
                edit(f, "start.json", "boot", "another".into());
            },
            lost(true),
        ),
        ("the end cannot be read", |f| spoil(f, "exit.json"), Err(())),
        ("the start cannot be read", |f| spoil(f, "start.json"), Err(())),
    ];
    for (row, left, expected) in rows {
        let shims = TestShims::new();
        let folder = shims.folder(&perform());
        left(&folder);
        assert_eq!(seen(&folder).map_err(|_| ()), expected, "{row}");
        assert_eq!(seen(&folder).map_err(|_| ()), expected, "{row}, looked at again");
        assert!(folder.claim().is_err(), "{row}: nobody begins it after a look");
    }
}

#[test]
fn whoever_holds_the_lock_is_at_it_until_the_end_is_told() {
    let shims = TestShims::new();
    let folder = shims.folder(&perform());
    let claim = begun(&folder);
    assert_eq!(folder.look().unwrap(), Look::Running);
    claim.ended(&DONE).unwrap();
    assert_eq!(folder.look().unwrap(), Look::Ended(DONE), "the shim has not gone yet");
    drop(claim);
    assert_eq!(folder.look().unwrap(), Look::Ended(DONE));
}

#[test]
fn a_shim_that_comes_late_goes_again() {
    let shims = TestShims::new();
    let folder = shims.folder(&perform());
    // The shim has made the folder when somebody looks, and takes the lock only then.
    std::fs::create_dir_all(folder.path()).unwrap();
    assert_eq!(seen(&folder).unwrap(), Look::NotStarted);
    assert!(matches!(folder.take(), Err(Taken::Void)));
    assert!(matches!(folder.claim(), Err(Taken::Begun)));
    assert!(!folder.path().join("start.json").exists());
}

#[test]
fn of_those_who_begin_and_those_who_look_one_has_the_word() {
    for round in 0..100 {
        let shims = TestShims::new();
        let folder = shims.folder(&perform());
        let (claims, looks) = std::thread::scope(|scope| {
            let claims = [(); 3].map(|()| scope.spawn(|| folder.claim()));
            let looks = [(); 2].map(|()| scope.spawn(|| folder.look().unwrap()));
            (claims.map(|claim| claim.join().unwrap().ok()), looks.map(|look| look.join().unwrap()))
        });
        let begun = claims.iter().flatten().count();
        let given_up = looks.contains(&Look::NotStarted);
        assert!(begun <= 1, "round {round}: begun {begun} times");
        assert!(begun == 0 || !given_up, "round {round}: begun, and told not to be: {looks:?}");
        assert!(begun == 1 || seen(&folder).unwrap() == Look::NotStarted, "round {round}");
    }
}

#[test]
fn a_process_is_known_by_more_than_its_number() {
    let mut sleeper = std::process::Command::new("sleep").arg("60").spawn().unwrap();
    let shims = TestShims::new();
    let folder = shims.folder(&perform());
    let text = serde_json::to_value(Process::of(i32::try_from(sleeper.id()).unwrap())).unwrap();
    assert!(text["started"].as_u64().unwrap() > 0 && text["boot"].as_str().unwrap().len() > 30);
    begun(&folder).runs(sleeper.id()).unwrap();
    assert_eq!(seen(&folder).unwrap(), Look::Abandoned);
    sleeper.kill().unwrap();
    // It is not reaped yet, and runs no more.
    while seen(&folder).unwrap() == Look::Abandoned {}
    assert_eq!(seen(&folder).unwrap(), Look::Lost { rebooted: false });
    sleeper.wait().unwrap();
}

#[tokio::test]
async fn a_script_runs_under_its_shim_and_leaves_its_traces() {
    use std::os::unix::fs::PermissionsExt as _;
    let (shims, perform) = (TestShims::new(), perform());
    let order =
        script("echo out hunter2; echo err >&2; tr '\\0' ' ' < /proc/$PPID/cmdline; exit 3");
    let found = shims.0.run(&perform, &order, in_a_minute()).await;
    assert_eq!(found.fate, Fate::Ended(Exit { ended: End::Exited(3), detached: false }));
    assert!(found.stdout.starts_with("out [hidden]\n"), "{}", found.stdout);
    assert!(!found.stdout.contains("echo"), "the order stands on no command line");
    assert_eq!(found.stderr, "err\n");
    let folder = shims.folder(&perform);
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let path = entry.unwrap().path();
        let mode = path.metadata().unwrap().permissions().mode() & 0o777;
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        assert!(mode == 0o600 || name == "script.json", "{name}: {mode:o}");
        let kept = std::fs::read_to_string(&path).unwrap();
        assert!(!kept.contains("hunter2"), "{name}: {kept}");
    }
    assert_eq!(folder.path().metadata().unwrap().permissions().mode() & 0o777, 0o700);
    // A second shim for the same attempt runs nothing, and finds what the first one left.
    let again = shims.0.run(&perform, &script("echo again"), in_a_minute()).await;
    assert_eq!(again, found);
}

#[tokio::test]
async fn whoever_cannot_tell_says_so() {
    // An attempt that began before the folder was there has left no trace, and may have acted.
    let (shims, perform) = (TestShims::since("2026-12-01T08:00:01Z".parse().unwrap()), perform());
    let found = shims.0.find(&perform, Instant::now()).await;
    let Fate::InDoubt(why) = found.fate else { panic!("{found:?}") };
    assert!(why.ends_with("is there only since 2026-12-01T08:00:01Z"), "{why}");
    let later = Perform { since: "2026-12-01T08:00:02Z".parse().unwrap(), ..perform };
    let found = shims.0.find(&later, Instant::now()).await;
    assert_eq!(found.fate, Fate::NotStarted("the script was not started".to_owned()));
    // The folder keeps its age.
    let opened = Shims::open(&shims.0.folder, Timestamp::now(), Program::missing()).unwrap();
    assert_eq!(opened.since, shims.0.since);
}

#[tokio::test]
async fn a_shim_that_cannot_begin_says_why() {
    let (shims, perform) = (TestShims::new(), perform());
    std::fs::write(shims.0.folder.join(perform.run.to_string()), "in the way").unwrap();
    let found = shims.0.run(&perform, &script("true"), in_a_minute()).await;
    assert!(matches!(found.fate, Fate::InDoubt(_)), "{found:?}");
    std::fs::remove_file(shims.0.folder.join(perform.run.to_string())).unwrap();
    let broken = Shims::open(&shims.0.folder, perform.since, Program::missing()).unwrap();
    let found = broken.run(&perform, &script("true"), in_a_minute()).await;
    let Fate::NotStarted(why) = found.fate else { panic!("{found:?}") };
    assert!(why.starts_with("the script was not started: No such file"), "{why}");
}
