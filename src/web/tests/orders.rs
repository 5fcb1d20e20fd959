//! What people order: by whom it may be, what the launch says to it, and that the person is the token's.

use serde_json::{Value, json};

use super::site::Site;
use crate::render::sample::Sample;
use crate::web::auth::Tokens;

const LAUNCH: &str = "/api/v1/launches/checkout-2-4";

/// A row: its name, who orders, where, what, and the answer.
type Row = (&'static str, &'static str, &'static str, Value, (u16, &'static str));

fn signature() -> Value {
    json!({ "check": "people/backup", "decision": "approved", "note": "seen" })
}

#[tokio::test]
async fn orders_take_a_token_whose_role_allows_them() {
    let site = Site::of(Sample::preparing()).await;
    let signs = format!("{LAUNCH}/sign-offs");
    let milestones = format!("{LAUNCH}/milestones");
    let closed = json!({ "milestone": "closed" });
    let rows = [
        ("unknown token", "mallory", signs.as_str(), signature(), (401, "unauthorized")),
        ("expired token", "eve", &signs, signature(), (401, "unauthorized")),
        ("viewers read", "vera", &signs, signature(), (403, "forbidden")),
        ("owners of another role", "carol", &signs, signature(), (403, "not_in_role")),
        ("owners command nothing", "dan", &milestones, closed.clone(), (403, "forbidden")),
        ("viewers command nothing", "vera", &milestones, closed, (403, "forbidden")),
        (
            "owners fire nothing",
            "dan",
            &format!("{LAUNCH}/triggers/error-rate/fire"),
            json!({ "reason": "x" }),
            (403, "forbidden"),
        ),
    ];
    for (row, who, path, body, (status, code)) in rows {
        let refusal = site.post(who, path, &body).await.refusal();
        assert_eq!(refusal, (status, code.to_owned()), "{row}");
    }
    let none = site.ask("POST", &signs, &[("Content-Type", "application/json")], "{}").await;
    assert_eq!(none.refusal().0, 401);
    assert!(none.header("www-authenticate").is_some());
    assert_eq!(site.post("dan", &signs, &signature()).await.status, 200);
}

#[tokio::test]
async fn the_person_is_the_tokens_and_nobody_elses() {
    let site = Site::of(Sample::preparing()).await;
    let mut body = signature();
    body["person"] = json!("alice");
    let refused = site.post("dan", &format!("{LAUNCH}/sign-offs"), &body).await;
    assert_eq!(refused.refusal(), (422, "bad_body".to_owned()), "a body names nobody");
    let token = [
        ("Authorization", "bearer dan-token"),
        ("X-Launchgate-Person", "eve"),
        ("Content-Type", "application/json"),
    ];
    let signed =
        site.ask("POST", &format!("{LAUNCH}/sign-offs"), &token, &signature().to_string()).await;
    assert_eq!(signed.status, 200);
    let check = site.get(&format!("{LAUNCH}/checks/people/backup")).await.json();
    assert_eq!(check["check"]["sign_offs"][0]["person"], "dan");
    assert_eq!(check["check"]["outcome"], "pass");
}

async fn check(site: &Site, rows: Vec<Row>) {
    for (row, who, path, body, (status, code)) in rows {
        let answer = site.post(who, &format!("{LAUNCH}/{path}"), &body).await;
        let told = if answer.status == 200 { String::new() } else { answer.refusal().1 };
        assert_eq!((answer.status, told.as_str()), (status, code), "{row}: {answer:?}");
    }
}

#[tokio::test]
async fn signatures_and_milestones_that_do_not_fit_are_told_why() {
    let site = Site::of(Sample::preparing()).await;
    let says = |check: &str| json!({ "check": check, "decision": "approved" });
    let reach = |milestone: &str| json!({ "milestone": milestone });
    let missing = (404, "not_found");
    let rows = vec![
        ("too early", "alice", "milestones", reach("live"), (409, "conflict")),
        ("no milestone", "alice", "milestones", reach("lunch"), (422, "bad_body")),
        ("no evidence", "carol", "sign-offs", says("people/terms"), (422, "evidence_missing")),
        ("a probe's check", "dan", "sign-offs", says("dns/apex"), (409, "conflict")),
        ("no such check", "dan", "sign-offs", says("dns/nope"), missing),
        ("no path", "dan", "sign-offs", says("nope"), (422, "bad_body")),
    ];
    check(&site, rows).await;
}

#[tokio::test]
async fn a_trigger_is_fired_by_hand_once_and_only_by_who_may() {
    let site = Site::of(Sample::preparing()).await;
    let fire = "triggers/error-rate/fire";
    let because = |reason: &str| json!({ "reason": reason });
    let abort = json!({ "choice": "abort", "reason": "x" });
    let rows = vec![
        ("nothing to roll back", "alice", fire, because("x"), (409, "conflict")),
        ("off we go", "tom", "milestones", json!({ "milestone": "deploy_started" }), (200, "")),
        ("no authority", "tom", fire, because("x"), (403, "not_in_role")),
        ("no such trigger", "alice", "triggers/nope/fire", because("x"), (404, "not_found")),
        ("no reason", "alice", fire, json!({}), (422, "bad_body")),
        ("an empty reason", "alice", fire, because(" "), (422, "reason_missing")),
        ("fire", "alice", fire, because("it smells"), (200, "")),
        ("once per deployment", "alice", fire, because("again"), (409, "conflict")),
        ("no such run", "alice", "runs/nope/decisions", abort, (404, "not_found")),
    ];
    check(&site, rows).await;
    let report = site.get(&format!("{LAUNCH}/report")).await.json();
    assert_eq!(report["runs"][0]["cause"], "alice fired error-rate by hand: it smells");
}

#[tokio::test]
async fn a_run_that_waits_is_decided_once() {
    let site = Site::of(Sample::needs_decision()).await;
    let runs = site.get(&format!("{LAUNCH}/runs")).await.json();
    let path = format!("{LAUNCH}/runs/{}/decisions", runs["runs"][0]["id"].as_str().unwrap());
    let body =
        |choice: &str, step: usize| json!({ "choice": choice, "reason": "looked", "step": step });
    let wrong = site.post("alice", &path, &body("retry", 2)).await;
    assert_eq!(wrong.refusal(), (409, "conflict".to_owned()));
    let owner = site.post("dan", &path, &body("mark_succeeded", 0)).await;
    assert_eq!(
        owner.refusal(),
        (403, "forbidden".to_owned()),
        "a rollback is not an owner's token's"
    );
    assert_eq!(site.post("alice", &path, &body("mark_succeeded", 0)).await.status, 200);
    let run = site.get(&format!("{LAUNCH}/runs")).await.json();
    assert_eq!(run["runs"][0]["steps"][0]["evidence"], "marked as succeeded by alice: looked");
    let again = site.post("alice", &path, &body("abort", 0)).await;
    assert_eq!(again.refusal(), (409, "conflict".to_owned()), "the step asks no more");
}

#[tokio::test]
async fn what_cannot_be_kept_has_not_happened() {
    let site = Site::broken().await;
    let answer =
        site.post("alice", &format!("{LAUNCH}/milestones"), &json!({ "milestone": "live" })).await;
    assert_eq!(answer.refusal(), (503, "not_kept".to_owned()));
    assert!(answer.json()["hint"].as_str().unwrap().contains("nothing was changed"));
}

#[tokio::test]
async fn in_dev_mode_people_name_themselves_and_nobody_else_does() {
    let site = Site::guarded(Tokens { dev: true, ..Tokens::default() }).await;
    let milestone = json!({ "milestone": "smoke_passed" }).to_string();
    let path = format!("{LAUNCH}/milestones");
    let kind = ("Content-Type", "application/json");
    let nobody = site.ask("POST", &path, &[kind], &milestone).await;
    assert_eq!(nobody.refusal(), (401, "unauthorized".to_owned()));
    let odd = site.ask("POST", &path, &[kind, ("X-Launchgate-Person", "a b")], &milestone).await;
    assert_eq!(odd.refusal(), (401, "unauthorized".to_owned()));
    let named =
        site.ask("POST", &path, &[kind, ("X-Launchgate-Person", "alice")], &milestone).await;
    assert_eq!(named.status, 200, "{named:?}");
}

#[tokio::test]
async fn a_waiver_and_a_decision_are_the_incident_commanders() {
    let site = Site::of(Sample::preparing()).await;
    let waive = |until: &str| json!({ "check": "people/terms", "reason": "agreed by phone", "until": until });
    let end = json!({ "check": "people/terms", "reason": "signed" });
    let decide = |word: &str| json!({ "decision": word });
    let rows = vec![
        ("owners waive nothing", "dan", "waivers", waive("1h"), (403, "forbidden")),
        ("operators hold no role here", "tom", "waivers", waive("1h"), (403, "not_in_role")),
        ("no time", "alice", "waivers", waive("soon"), (422, "bad_instant")),
        ("too long", "alice", "waivers", waive("90d"), (422, "bad_instant")),
        ("nothing to take back", "alice", "waivers/end", end.clone(), (409, "conflict")),
        ("waived", "alice", "waivers", waive("1h"), (200, "")),
        ("taken back", "alice", "waivers/end", end, (200, "")),
        ("owners decide nothing", "dan", "decisions", decide("no_go"), (403, "forbidden")),
        ("operators do not decide", "tom", "decisions", decide("no_go"), (403, "not_in_role")),
        ("GO against HOLD takes a note", "alice", "decisions", decide("go"), (422, "note_missing")),
        ("no such word", "alice", "decisions", decide("maybe"), (422, "bad_body")),
        ("decided", "alice", "decisions", decide("no_go"), (200, "")),
    ];
    check(&site, rows).await;
    let report = site.get(&format!("{LAUNCH}/report")).await.json();
    assert_eq!(report["decisions"][0]["decision"], "no_go");
    let made_on = site.get(&format!("{LAUNCH}/decisions/1/report")).await.json();
    assert_eq!(made_on["verdict"], report["decisions"][0]["verdict"]);
    assert_eq!(site.get(&format!("{LAUNCH}/decisions/2/report")).await.status, 404);
}
