//! Real programs, run by `sh` where a script is needed.

use rustix::process::test_kill_process;
use tokio::time::timeout;

use super::*;

const SOON: Duration = Duration::from_secs(10);

fn sh(script: &str) -> Command {
    Command::new("sh", ["-c", script], std::env::temp_dir(), SOON)
}

#[tokio::test]
async fn a_program_says_how_it_ended_and_what_it_wrote() {
    let rows = [
        ("success", "echo out; echo err >&2", Ended::Exited(0), "out\n", "err\n"),
        ("a code", "exit 7", Ended::Exited(7), "", ""),
        ("a signal", "kill -SEGV $$", Ended::Signalled(11), "", ""),
        ("nothing on its input", "cat", Ended::Exited(0), "", ""),
    ];
    for (row, script, ended, out, err) in rows {
        let outcome = sh(script).run().await.expect(row);
        assert_eq!(outcome.ended, ended, "{row}");
        assert_eq!(outcome.stdout.text(), out, "{row}");
        assert_eq!(outcome.stderr.text(), err, "{row}");
        assert!(!outcome.detached, "{row}");
    }
}

#[tokio::test]
async fn what_cannot_start_says_why() {
    let run = |program: &str, folder: &str| Command::new(program, [""; 0], folder, SOON);
    let rows = [
        ("no such program", run("no-such-program", "/"), "not there"),
        ("no such path", run("bin/no-such-program", "/"), "not there"),
        ("not executable", run("etc/passwd", "/"), "may not be executed"),
        ("no such folder", run("true", "/no-such-folder"), "no folder to run in"),
    ];
    for (row, command, said) in rows {
        let error = command.run().await.expect_err(row);
        assert!(error.to_string().contains(said), "{row}: {error}");
    }
}

#[tokio::test]
async fn the_environment_is_cleared_and_the_folder_is_the_given_one() {
    let command = sh("pwd; env").env("LAUNCH", "shop").env("TZ", "Europe/London");
    let said = command.run().await.expect("it runs").stdout.text();
    let folder = std::env::temp_dir().canonicalize().expect("it is there");
    assert_eq!(said.lines().next(), folder.to_str());
    assert!(said.contains("\nLAUNCH=shop\n") && said.contains("\nTZ=Europe/London\n"), "{said}");
    // Cargo sets this one for tests.
    assert!(std::env::var_os("CARGO_MANIFEST_DIR").is_some());
    assert!(!said.contains("CARGO_MANIFEST_DIR"), "{said}");
    let said = sh("env").inherit("CARGO_MANIFEST_DIR").run().await.expect("it runs");
    assert!(said.stdout.text().contains("CARGO_MANIFEST_DIR="));
    assert!(!format!("{command:?}").contains("shop"), "values are not shown");
}

#[tokio::test]
async fn a_flood_neither_blocks_nor_fills_the_memory() {
    let script = "head -c 5000000 /dev/zero | tr '\\0' x; echo; echo the end";
    let outcome = sh(script).cap(1000).run().await.expect("it runs");
    assert!(outcome.succeeded());
    assert_eq!(outcome.stdout.written(), 5_000_009);
    assert!(outcome.stdout.truncated() && outcome.stdout.text().len() < 1100);
    assert!(outcome.stdout.text().ends_with("the end\n"));
}

/// Whether a process is there and no zombie.
fn lives(pid: Pid) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat", pid = pid.as_raw_nonzero()));
    test_kill_process(pid).is_ok() && stat.is_ok_and(|s| !s.contains(") Z "))
}

async fn gone(pid: Pid, row: &str) {
    let gone = async {
        while lives(pid) {
            tokio::task::yield_now().await;
        }
    };
    timeout(SOON, gone).await.unwrap_or_else(|_| panic!("{row}: {pid:?} lives on"));
}

#[tokio::test]
async fn at_the_deadline_the_whole_group_ends() {
    let forks = "(trap '' TERM; while :; do sleep 5; done) & echo $!; wait";
    let rows = [
        ("TERM is enough", "echo $$; exec sleep 60".to_owned(), true),
        ("TERM is ignored", "trap '' TERM; echo $$; while :; do sleep 5; done".to_owned(), false),
        ("a child ignores TERM", forks.to_owned(), false),
        ("a stopped one", "echo $$; kill -STOP $$; sleep 60".to_owned(), false),
    ];
    for (row, script, by_term) in rows {
        let mut command = sh(&script).grace(Duration::from_millis(300));
        command.deadline = Duration::from_millis(400);
        let outcome = command.run().await.expect(row);
        assert_eq!(outcome.ended, Ended::TimedOut, "{row}");
        assert_eq!(outcome.took < Duration::from_millis(700), by_term, "{row}: {outcome:?}");
        assert!(outcome.took < Duration::from_secs(5), "{row}: {outcome:?}");
        let pid = outcome.stdout.text().trim().parse().ok().and_then(Pid::from_raw);
        gone(pid.expect("it said its id"), row).await;
    }
}

#[tokio::test]
async fn what_stays_behind_in_the_group_ends_with_the_leader() {
    let outcome = sh("sleep 60 & echo $!").run().await.expect("it runs");
    assert!(outcome.succeeded() && outcome.took < Duration::from_secs(5), "{outcome:?}");
    let pid = outcome.stdout.text().trim().parse().ok().and_then(Pid::from_raw);
    gone(pid.expect("it said its id"), "left behind").await;
}

#[tokio::test]
async fn what_leaves_the_group_is_not_waited_for() {
    let outcome = sh("setsid sleep 2 & echo done").run().await.expect("it runs");
    assert!(outcome.succeeded() && outcome.took < Duration::from_millis(1900), "{outcome:?}");
    assert!(outcome.stdout.text() == "done\n");
}

#[tokio::test]
async fn a_run_that_is_dropped_ends_its_group() {
    let folder = std::env::temp_dir().join(format!("launchgate-command-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let mut command = sh("echo $$ > pid.new; mv pid.new pid; sleep 60");
    command.folder.clone_from(&folder);
    let written = async {
        loop {
            if let Ok(text) = std::fs::read_to_string(folder.join("pid")) {
                break text.trim().parse().ok().and_then(Pid::from_raw).expect("an id");
            }
            tokio::task::yield_now().await;
        }
    };
    let pid = tokio::select! {
        pid = written => pid,
        outcome = command.run() => panic!("it ended: {outcome:?}"),
    };
    gone(pid, "dropped").await;
    std::fs::remove_dir_all(&folder).expect("the folder is ours");
}
