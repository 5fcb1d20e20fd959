//! The pages in a real Chromium: the verdict that changes, a signature by keyboard alone, no script, a lost daemon, and what
//! axe-core says of every page in every look.

use std::path::PathBuf;

use fantoccini::key::Key;
use serde_json::{Value, json};

use crate::rig::browser::{Browser, Look, need_browser};
use crate::rig::room::Room;

/// Waits until the page's answer is this one.
async fn verdict(browser: &Browser, wanted: &str) -> Value {
    let is = format!("return document.getElementById('headline')?.dataset.verdict === '{wanted}'");
    browser.wait(wanted, &is).await
}

/// The most that a page may lag behind the daemon.
const PROMPT_MS: f64 = 1000.0;
/// Says on the page when its answer changed and of when that answer is.
const WATCH: &str = "
    const answer = () => document.getElementById('headline').dataset.verdict;
    let before = answer();
    window.changes = [];
    new MutationObserver(() => {
      if (answer() === before) return;
      before = answer();
      const as_of = document.querySelector('#headline .fine time').getAttribute('datetime');
      window.changes.push([before, Date.now(), as_of]);
    }).observe(document.getElementById('board'), { subtree: true, attributes: true, childList: true, characterData: true });";

#[tokio::test(flavor = "multi_thread")]
async fn a_verdict_that_changes_is_on_the_page_within_a_second() {
    if !need_browser() {
        return;
    }
    let room = Room::start();
    room.signed();
    let browser = Browser::open(Look::Light).await;
    browser.goto(&room.board()).await;
    verdict(&browser, "GO").await;
    assert!(browser.title().await.starts_with("GO "), "{}", browser.title().await);
    browser.run(WATCH).await;
    for (status, wanted) in [(500, "NO-GO"), (200, "GO"), (503, "NO-GO"), (200, "GO")] {
        let since = jiff::Timestamp::now();
        room.service.set_health(status);
        // What the daemon says, and when it began to say so.
        let seen = room.daemon.wait_for(wanted, |r| r["verdict"] == wanted);
        let told: jiff::Timestamp =
            seen["as_of"].as_str().and_then(|at| at.parse().ok()).expect("an instant");
        verdict(&browser, wanted).await;
        let changes = browser.run("return window.changes.splice(0)").await;
        let shown = changes[0][1].as_f64().expect("a time");
        let behind = shown - told.duration_since(jiff::Timestamp::UNIX_EPOCH).as_millis_f64();
        let all = shown - since.duration_since(jiff::Timestamp::UNIX_EPOCH).as_millis_f64();
        eprintln!(
            "{wanted}: on the page {behind:.0} ms after the daemon's report, {all:.0} ms after the service changed"
        );
        assert_eq!(changes.as_array().map(Vec::len), Some(1), "once and no more: {changes}");
        assert_eq!(changes[0][0], wanted);
        assert!(behind < PROMPT_MS, "{behind} ms");
    }
}

const FOCUS_IS_A_BUTTON: &str = "at.matches('button') && at.textContent";

#[tokio::test(flavor = "multi_thread")]
async fn a_person_signs_by_keyboard_alone() {
    if !need_browser() {
        return;
    }
    let room = Room::start();
    let browser = Browser::open(Look::Light).await;
    browser.goto(&room.board()).await;
    verdict(&browser, "HOLD").await;

    // Who is not named may sign nothing here, and is shown no button for it.
    let sign = format!("{FOCUS_IS_A_BUTTON} === 'Approve ready/restored'");
    let offered = "return [...document.querySelectorAll('.order.may')].map((b) => b.textContent)";
    browser.tab_to("the field of who acts", "at.id === 'token'").await;
    browser.write("alice").await;
    browser.press(Key::Enter).await;
    browser
        .wait("alice", "return document.getElementById('acting').textContent.includes('alice')")
        .await;
    let alices = browser.run(offered).await.to_string();
    assert!(alices.contains("Decide GO") && !alices.contains("Approve"), "{alices}");
    browser.tab_to("signing out", "at.id === 'leave'").await;
    browser.press(Key::Enter).await;
    browser.wait("nobody", "return document.getElementById('leave').hidden && document.activeElement.id === 'token'").await;
    assert_eq!(browser.run(offered).await, json!([]));

    browser.write("dan").await;
    browser.press(Key::Enter).await;
    browser
        .wait("dan", "return document.getElementById('acting').textContent.includes('dan')")
        .await;
    browser.tab_to("the button", &sign).await;
    browser.press(Key::Enter).await;
    browser.wait("the dialog", "return document.getElementById('ask').open").await;
    // The dialog has the focus, and holds it.
    assert_eq!(browser.run("return document.activeElement.id").await, "ask-evidence");
    browser.write("https://x.example/restored").await;
    browser.press(Key::Enter).await;
    // What must be said is missing, so nothing was sent.
    assert_eq!(browser.run("return document.getElementById('ask').open").await, true);
    browser.tab_to("the recorded value", "at.id === 'ask-values.rows'").await;
    browser.write("1200345").await;
    browser.press(Key::Enter).await;

    verdict(&browser, "GO").await;
    browser.wait("the end of the dialog", "return !document.getElementById('ask').open").await;
    // The checklist is met, and so it is closed.
    let text = browser.run("return document.body.textContent").await.to_string();
    for part in
        ["approved by dan", "1200345", "https://x.example/restored", "Done: Approve ready/restored"]
    {
        assert!(text.contains(part), "{part}: {text}");
    }
    // What can be ordered is another thing now, and the button of what is done is gone.
    let report = room.daemon.report();
    assert_eq!(report["checklists"][0]["checks"][1]["outcome"], "pass", "{report:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_daemon_refuses_is_told_in_its_words() {
    if !need_browser() {
        return;
    }
    let room = Room::start();
    let browser = Browser::open(Look::Light).await;
    browser.goto(&room.board()).await;
    browser.run("sessionStorage.setItem('launchgate-token', 'alice')").await;
    browser.goto(&room.board()).await;
    browser.wait("the buttons", "return document.querySelector('.order.may') !== null").await;
    browser
        .run("[...document.querySelectorAll('.order.may')].find((b) => b.textContent === 'Begin the launch day').click()")
        .await;
    // Somebody else is quicker.
    room.daemon.order(&["run", "start", "launch-day", "--as", "bob"]);
    browser.run("document.querySelector('#ask [type=submit]').click()").await;
    let said = browser
        .wait("the refusal", "return document.getElementById('ask-refused').textContent")
        .await;
    assert!(said.as_str().is_some_and(|said| said.starts_with("✗ ")), "{said}");
    browser.run("document.getElementById('ask-cancel').click()").await;
    let hold = "return document.getElementById('day').textContent.includes('Hold the launch')";
    browser.wait("the plan under way", hold).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_script_the_page_comes_anew_by_itself() {
    if !need_browser() {
        return;
    }
    let room = Room::start();
    let browser = Browser::open(Look::NoScript).await;
    browser.goto(&room.board()).await;
    assert!(browser.text().await.contains("HOLD"));
    assert_eq!(browser.title().await.split(' ').next(), Some("HOLD"));
    // What needs a script is not offered.
    assert!(!browser.text().await.contains("Act as"));
    room.signed();
    verdict(&browser, "GO").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_that_is_gone_is_said_and_what_it_said_is_not_green() {
    if !need_browser() {
        return;
    }
    let mut room = Room::start();
    room.signed();
    let browser = Browser::open(Look::Light).await;
    browser.goto(&room.board()).await;
    verdict(&browser, "GO").await;
    room.daemon.kill();
    browser.wait("the loss", "return !document.getElementById('lost').hidden").await;
    assert!(browser.title().await.starts_with("?GO"), "{}", browser.title().await);
    let colour = "return getComputedStyle(document.querySelector('#headline h1')).color === getComputedStyle(document.querySelector('.calm, .fine')).color";
    assert_eq!(browser.run(colour).await, true, "an old answer is grey");
    room.service.set_health(500);
    room.daemon.start();
    verdict(&browser, "NO-GO").await;
    browser.wait("the return", "return document.getElementById('lost').hidden").await;
    assert!(browser.title().await.starts_with("NO-GO"), "{}", browser.title().await);
}

/// Where `tests/rigs/install.sh` puts it.
fn axe() -> Option<String> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("target/rigs/node_modules/axe-core/axe.min.js");
    let script = std::fs::read_to_string(&path).ok();
    if script.is_none() {
        assert!(std::env::var("CI").as_deref() != Ok("true"), "{} is missing", path.display());
        eprintln!("SKIPPED: axe-core is not installed (tests/rigs/install.sh installs it)");
    }
    script
}

const AXE: &str = "axe.run().then((r) => done(r.violations.map((v) => `${v.impact} ${v.id}: ${v.nodes.map((n) => n.html).join(' | ')}`)))";

#[tokio::test(flavor = "multi_thread")]
async fn axe_finds_nothing_on_any_page_in_any_look() {
    if !need_browser() {
        return;
    }
    let Some(axe) = axe() else { return };
    let room = Room::start();
    let pages = ["/launches/room", "/launches/room/checks/ready/answers", "/launches/nowhere"];
    for look in [Look::Light, Look::Dark, Look::Phone] {
        let browser = Browser::open(look).await;
        for page in pages {
            browser.goto(&format!("{}{page}", room.daemon.url())).await;
            browser.run("sessionStorage.setItem('launchgate-token', 'dan')").await;
            browser.goto(&format!("{}{page}", room.daemon.url())).await;
            if page != "/launches/nowhere" {
                browser
                    .wait("who acts", "return document.getElementById('acting').textContent !== ''")
                    .await;
            }
            let dark =
                browser.run("return matchMedia('(prefers-color-scheme: dark)').matches").await;
            assert_eq!(dark, look == Look::Dark);
            let wide =
                browser.run("return document.documentElement.scrollWidth <= innerWidth").await;
            assert_eq!(wide, true, "{page} is wider than the screen");
            browser.run(&axe).await;
            assert_eq!(browser.wait_for_script(AXE).await, json!([]), "{look:?} {page}");
            if page == "/launches/room" {
                browser.run("document.querySelector('.order.may').click()").await;
                assert_eq!(browser.wait_for_script(AXE).await, json!([]), "{look:?} dialog");
            }
            if let Some(folder) = std::env::var_os("LAUNCHGATE_PICTURES") {
                let name = format!("{look:?}{}.png", page.replace('/', "-")).to_lowercase();
                browser.picture(&PathBuf::from(folder).join(name)).await;
            }
        }
    }
}
