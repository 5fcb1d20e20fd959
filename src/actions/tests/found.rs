//! Attempts of a process that is gone: each kind is looked at in its own way; and what `verify` says of a step in doubt.

use super::*;

const SECOND: Duration = Duration::from_secs(1);

/// What the engine is told of an attempt that is found.
async fn told(plan: &Arc<Plan>, folder: &Path, shims: &TestShims, perform: Perform) -> Done {
    let (handle, mut inbox, _reports) = handle(plan);
    crate::executor::look_at(around(plan, folder, shims, handle), perform);
    let message = tokio::time::timeout(LONG, inbox.recv()).await.unwrap().unwrap();
    let Event::StepEnded { how, evidence, .. } = message.event else {
        panic!("{:?}", message.event)
    };
    (how, evidence)
}

async fn found(plan: &Arc<Plan>, perform: Perform) -> Done {
    told(plan, Path::new("."), &TestShims::new(), perform).await
}

#[tokio::test]
async fn each_kind_is_looked_at_in_its_own_way() {
    let plan = plan(&[]);
    let script = json!({ "command": ["sh", "-c", "echo ran >> ran.txt"] });
    let done = found(&plan, perform("exec", script, LONG)).await;
    assert_eq!(done, (Ended::NotStarted, "the script was not started".to_owned()));
    let says = "the daemon stopped while it was under way; whether it acted is not known";
    let request = json!({ "url": "http://127.0.0.1:1/" });
    let done = found(&plan, perform("http", request, LONG)).await;
    assert_eq!(done, (Ended::InDoubt, says.to_owned()));
}

#[tokio::test(start_paused = true)]
async fn a_wait_goes_on_with_the_time_that_is_left() {
    let plan = plan(&[]);
    let settings = json!({ "checks": ["health/dns"], "for": "5s" });
    let mut waiting = perform("wait", settings, 60 * SECOND);
    waiting.since = start().wall - jiff::SignedDuration::from_secs(50);
    let (handle, _inbox, _reports) = handle(&plan);
    let began = tokio::time::Instant::now();
    let attempt = Attempt::new(around(&plan, Path::new("."), &TestShims::new(), handle), waiting);
    assert_eq!(attempt.look().await.0, Ended::TimedOut);
    assert_eq!(began.elapsed().as_secs(), 10);
}

#[tokio::test]
async fn a_script_that_another_process_began_is_taken_over() {
    let (plan, folder, shims) = (plan(&[]), Folder::new("adopted"), TestShims::new());
    let script = "echo ran >> ran.txt; while [ ! -e go ]; do sleep 0.05; done; echo $TOKEN; exit 7";
    let folder = folder.with("token.txt", "hunter2");
    let settings = json!({
        "command": ["sh", "-c", script], "env": { "TOKEN": { "file": "token.txt" } },
    });
    let perform = perform("exec", settings, LONG);
    // Whoever began it is gone before it ends.
    let (gone, _inbox, _reports) = handle(&plan);
    let attempt = Attempt::new(around(&plan, &folder.0, &shims, gone), perform.clone());
    let begun = tokio::spawn(async move { attempt.make().await });
    let deadline = Instant::now() + LONG;
    while !folder.0.join("ran.txt").exists() {
        assert!(Instant::now() < deadline && !begun.is_finished(), "the script begins");
        tokio::task::yield_now().await;
    }
    begun.abort();
    let found = tokio::spawn({
        let (plan, path) = (Arc::clone(&plan), folder.0.clone());
        async move { told(&plan, &path, &shims, perform).await }
    });
    std::fs::write(folder.0.join("go"), "").unwrap();
    let done = found.await.unwrap();
    assert_eq!(done, (Ended::Failed, "exit 7; stdout: [hidden]".to_owned()));
    assert_eq!(folder.read("ran.txt"), "ran\n");
}

#[tokio::test]
async fn verify_says_what_became_of_a_step_in_doubt() {
    let doubt = "the daemon stopped while it was under way; whether it acted is not known";
    let rows = [
        (
            "done",
            "echo 2.3 is live",
            Ended::Succeeded,
            "verified: exit 0; stdout: 2.3 is live. It was in doubt: ",
        ),
        (
            "not done",
            "echo 2.4 is live; exit 1",
            Ended::NotDone,
            "verify says not done: exit 1; stdout: 2.4 is live. ",
        ),
        ("it cannot tell", "exit 2", Ended::InDoubt, "verify cannot tell: exit 2. "),
        ("it is killed", "kill -9 $$", Ended::InDoubt, "verify cannot tell: ended by signal 9. "),
        (
            "it hangs",
            "exec sleep 60",
            Ended::InDoubt,
            "verify cannot tell: stopped at its deadline. ",
        ),
        (
            "it repeats a secret",
            "echo $TOKEN",
            Ended::Succeeded,
            "verified: exit 0; stdout: [hidden]. It was in doubt: ",
        ),
        (
            "it knows the attempt",
            "[ $LAUNCHGATE_TARGET_VERSION-$LAUNCHGATE_ATTEMPT = 2.3-2 ]",
            Ended::Succeeded,
            "verified: exit 0. It was in doubt: ",
        ),
    ];
    let (plan, folder) = (plan(&[]), Folder::new("verify").with("token.txt", "hunter2"));
    for (row, script, how, says) in rows {
        let mut perform = perform("http", json!({ "url": "http://127.0.0.1:1/" }), LONG);
        perform.step.on_in_doubt = OnInDoubt::Verify;
        perform.step.verify = Some(json!({
            "command": ["sh", "-c", script],
            "env": { "TOKEN": { "file": "token.txt" } },
            "timeout": "2s",
        }));
        let done = told(&plan, &folder.0, &TestShims::new(), perform).await;
        assert_eq!(done, (how, format!("{says}{doubt}")), "{row}");
    }
}
