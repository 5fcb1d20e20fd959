//! The pages, as they come without a browser: what is on them, who is told what they may do, and what is never repeated
//! from outside as markup.

use super::site::Site;
use crate::render::sample::Sample;

#[tokio::test]
async fn the_index_has_a_card_for_each_launch_that_leads_to_the_parts_of_its_board() {
    let site = Site::of_two().await;
    for path in ["/", "/launches"] {
        let answer = site.get(path).await;
        assert_eq!(answer.status, 200, "{path}");
        let leads = answer.body.matches("href=\"/launches/checkout-2-4#blockers\"").count();
        assert_eq!(leads, 2, "{path}: {}", answer.body);
        assert!(!answer.body.contains("href=\"#"), "{path}: {}", answer.body);
    }
    // A part of a page is no page.
    assert!(!site.get("/launches").await.body.contains("<html"));
}

#[tokio::test]
async fn a_check_has_a_page_and_a_part_and_what_is_not_there_is_a_page_too() {
    let site = Site::of(Sample::preparing()).await;
    let check = "/launches/checkout-2-4/checks/dns/apex";
    let page = site.get(check).await;
    assert_eq!((page.status, page.header("content-type")), (200, Some("text/html; charset=utf-8")));
    assert!(page.body.contains("id=\"numbers\"") && page.body.contains("<html"), "{}", page.body);
    let part = site.get(&format!("{check}/board")).await;
    assert_eq!(part.status, 200);
    assert!(part.body.starts_with("<h1>") && !part.body.contains("<html"), "{}", part.body);
    for missing in
        ["/launches/nope", "/launches/checkout-2-4/checks/dns/%3Cb%3E", "/launches/nope/checks/a/b"]
    {
        let answer = site.get(missing).await;
        assert_eq!(answer.status, 404, "{missing}");
        assert!(
            answer.body.contains("Not here") && !answer.body.contains("<b>"),
            "{}",
            answer.body
        );
    }
}

#[tokio::test]
async fn a_token_is_told_whose_it_is_and_what_it_may_do() {
    let site = Site::of(Sample::preparing()).await;
    let rows = [
        ("an owner", "carol-token", "carol", vec!["sign"]),
        ("a commander", "alice-token", "alice", vec!["sign", "command"]),
    ];
    for (row, token, identity, deeds) in rows {
        let bearer = format!("Bearer {token}");
        let me = site.ask("GET", "/api/v1/whoami", &[("Authorization", &bearer)], "").await;
        assert_eq!(me.status, 200, "{row}: {me:?}");
        assert_eq!(me.json()["identity"], identity, "{row}");
        let told: Vec<String> = serde_json::from_value(me.json()["deeds"].clone()).unwrap();
        assert_eq!(told, deeds, "{row}");
    }
    let rows = [
        ("nobody", "", 401),
        ("a wrong one", "Bearer guess", 401),
        ("one that is over", "Bearer eve-token", 401),
        ("one that only reads", "Bearer vera-token", 403),
    ];
    for (row, bearer, status) in rows {
        let answer = site.ask("GET", "/api/v1/whoami", &[("Authorization", bearer)], "").await;
        assert_eq!(answer.refusal().0, status, "{row}: {answer:?}");
    }
}

#[tokio::test]
async fn what_a_page_runs_is_its_own_alone() {
    let site = Site::of(Sample::preparing()).await;
    let page = site.get("/launches/checkout-2-4").await;
    let policy = page.header("content-security-policy").unwrap_or_default();
    assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    assert!(!page.body.contains(" style=") && !page.body.contains(" onclick="), "{}", page.body);
    assert_eq!(
        page.body.matches("<script").count(),
        page.body.matches("<script src=\"/assets/").count()
    );
}
