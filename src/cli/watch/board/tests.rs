//! The board, pinned, and what keys and odd sizes do to it.

use jiff::{SignedDuration, Timestamp};
use launchgate_core::decision::Word;
use launchgate_core::name::Name;
use launchgate_core::report::Report;
use launchgate_core::state::Event;
use proptest::prelude::*;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier};

use super::super::follow::{Heard, News};
use super::{Board, Press};
use crate::render::sample::{HOSTILE, Sample};
use crate::render::words::is_wild;

const SMALL: (u16, u16) = (80, 24);
const LARGE: (u16, u16) = (120, 40);

/// The four scenes of the sample, one of them decided upon before it changed.
fn scenes() -> [(&'static str, Report); 4] {
    let mut preparing = Sample::preparing();
    preparing.apply(Event::GoNoGo {
        person: Name::of("alice"),
        decision: Word::Go,
        note: Some("the replica is known to lag".to_owned()),
    });
    [
        ("preparing", preparing.report()),
        ("pending", Sample::pending().report()),
        ("needs_decision", Sample::needs_decision().report()),
        ("waits_for_hands", Sample::waits_for_hands().report()),
    ]
}

/// Twelve seconds after a report was made.
fn soon(report: &Report) -> Timestamp {
    report.as_of + SignedDuration::from_secs(12)
}

fn hear(board: &mut Board, report: &Report) {
    let json = serde_json::to_string(report).expect("JSON");
    let heard = Heard { launch: report.launch.clone(), news: News::Report(json) };
    board.take(heard, report.as_of);
}

fn lose(board: &mut Board, launch: &Name, at: Timestamp) {
    let news = News::Lost("no daemon answers: refused\n  = hint: start one".to_owned());
    board.take(Heard { launch: launch.clone(), news }, at);
}

fn board(report: &Report, colour: bool) -> Board {
    let mut board = Board::new(std::slice::from_ref(&report.launch), colour);
    hear(&mut board, report);
    board
}

/// Three launches: one in breach, one that prepares, one that nothing is known of yet.
fn several() -> (Board, Timestamp) {
    let pending = Sample::pending().report();
    let mut calm = Sample::preparing().report();
    calm.launch = Name::of("billing-7");
    "Billing 7".clone_into(&mut calm.title);
    let names = [calm.launch.clone(), pending.launch.clone(), Name::of("search-1")];
    let mut board = Board::new(&names, true);
    hear(&mut board, &calm);
    hear(&mut board, &pending);
    (board, soon(&pending))
}

fn shown(board: &Board, (width, height): (u16, u16), now: Timestamp) -> String {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).expect("it is in memory");
    let drawn = board.frame(Rect::new(0, 0, width, height), now);
    terminal.draw(|frame| frame.buffer_mut().clone_from(&drawn)).expect("it is in memory");
    terminal.backend().to_string()
}

fn press(board: &mut Board, keys: &[Press], (width, height): (u16, u16), now: Timestamp) {
    for key in keys {
        board.press(*key, Rect::new(0, 0, width, height), now);
    }
}

#[test]
fn boards_are_pinned() {
    for (scene, report) in scenes() {
        let board = board(&report, true);
        for (name, size) in [("small", SMALL), ("large", LARGE)] {
            insta::assert_snapshot!(format!("{scene}_{name}"), shown(&board, size, soon(&report)));
        }
    }
}

#[test]
fn other_views_are_pinned() {
    let report = Sample::pending().report();
    let now = soon(&report);
    let rows: [(&str, &[Press], (u16, u16)); 6] = [
        ("checklists", &[Press::Pane(1)], SMALL),
        ("a_check", &[Press::Pane(1), Press::Top, Press::Down, Press::Down, Press::Open], SMALL),
        ("a_trigger", &[Press::Pane(2), Press::Open], SMALL),
        ("help", &[Press::Help], SMALL),
        ("wide", &[], (200, 50)),
        ("narrow", &[], (30, 12)),
    ];
    for (row, keys, size) in rows {
        let mut board = board(&report, true);
        press(&mut board, keys, size, now);
        insta::assert_snapshot!(row, shown(&board, size, now));
    }
    let mut board = board(&report, true);
    lose(&mut board, &report.launch, now);
    insta::assert_snapshot!("lost", shown(&board, SMALL, now + SignedDuration::from_secs(42)));
    let (index, now) = several();
    insta::assert_snapshot!("index", shown(&index, SMALL, now));
}

#[test]
fn keys_go_where_they_say() {
    use Press::{Back, Bottom, Down, Help, Next, Open, Pane, Previous, Top, Up};
    let rows: [(&str, &[Press], &[&str]); 12] = [
        ("at first what blocks", &[], &["━━ 1 Blocked by", "▶ ✗ failed"]),
        ("the next pane", &[Next], &["━━ 2 Checklists"]),
        ("around", &[Previous], &["━━ 5 Happened"]),
        ("by number", &[Pane(3)], &["━━ 4 Under way"]),
        ("an item below", &[Down], &["▶ ✗ failed  trigger error-rate"]),
        ("and above again", &[Down, Up, Up], &["▶ ✗ failed  health/error-rate"]),
        ("the last", &[Bottom], &["▶ ! not yet run  health/p99-latency"]),
        ("the first", &[Bottom, Top], &["▶ ✗ failed  health/error-rate"]),
        ("a check closely", &[Open], &["Check health/error-rate", "fails unless < 1%"]),
        ("and back", &[Open, Back], &["━━ 1 Blocked by"]),
        ("nowhere to go back to", &[Back, Back], &["━━ 1 Blocked by"]),
        ("help over a detail, and back to it", &[Open, Help, Back], &["Check health/error-rate"]),
    ];
    let report = Sample::pending().report();
    for (row, keys, wanted) in rows {
        let mut board = board(&report, true);
        press(&mut board, keys, SMALL, soon(&report));
        let shown = shown(&board, SMALL, soon(&report));
        for wanted in wanted {
            assert!(shown.contains(wanted), "{row}: no `{wanted}` in\n{shown}");
        }
    }
}

#[test]
fn an_index_has_the_worst_first_and_leads_to_boards_and_back() {
    let (mut board, now) = several();
    let at = |board: &Board, what: &str| shown(board, SMALL, now).find(what);
    let order = ["search-1", "checkout-2-4", "billing-7"].map(|name| at(&board, name));
    assert!(order.is_sorted() && order[0].is_some(), "{order:?}");
    press(&mut board, &[Press::Down, Press::Open], SMALL, now);
    assert!(at(&board, "May we declare success?").is_some() && at(&board, "billing-7").is_none());
    press(&mut board, &[Press::Back], SMALL, now);
    assert!(at(&board, "▶ ✗ NO-GO  checkout-2-4").is_some(), "{}", shown(&board, SMALL, now));
    // The cursor stays with its launch when another is worse now.
    let mut worse = Sample::needs_decision().report();
    worse.launch = Name::of("billing-7");
    hear(&mut board, &worse);
    let order = ["billing-7", "▶ ✗ NO-GO  checkout-2-4"].map(|name| at(&board, name));
    assert!(order.is_sorted() && order[0].is_some(), "{}", shown(&board, SMALL, now));
}

#[test]
fn a_cursor_stays_with_its_item_and_a_detail_says_when_it_is_gone() {
    let mut report = Sample::pending().report();
    let mut board = board(&report, true);
    let now = soon(&report);
    press(&mut board, &[Press::Bottom], SMALL, now);
    report.blockers.remove(0);
    hear(&mut board, &report);
    assert!(shown(&board, SMALL, now).contains("▶ ! not yet run  health/p99-latency"));
    press(&mut board, &[Press::Open], SMALL, now);
    report.checklists.retain(|list| list.id.as_str() != "health");
    report.blockers.pop();
    hear(&mut board, &report);
    assert!(shown(&board, SMALL, now).contains("does not know it any more"));
    press(&mut board, &[Press::Back], SMALL, now);
    assert!(shown(&board, SMALL, now).contains("▶ "), "the cursor is where it was");
}

#[test]
fn a_page_scrolls_within_its_lines() {
    let report = Sample::preparing().report();
    let now = soon(&report);
    let size = (60, 12);
    let mut board = board(&report, true);
    let open = [Press::Pane(1), Press::Top, Press::Down, Press::Open];
    press(&mut board, &open, size, now);
    let first = shown(&board, size, now);
    assert!(first.contains("↓ more") && first.contains("The apex points"), "{first}");
    press(&mut board, &[Press::Bottom, Press::PageDown, Press::Down], size, now);
    let last = shown(&board, size, now);
    assert!(last.contains("↑ more") && last.contains("owner"), "{last}");
    press(&mut board, &[Press::PageUp, Press::Top, Press::Up], size, now);
    assert_eq!(shown(&board, size, now), first);
}

#[test]
fn the_clock_ticks_without_news() {
    let report = Sample::preparing().report();
    let board = board(&report, true);
    let at = |seconds| {
        let frame = shown(&board, SMALL, report.as_of + SignedDuration::from_secs(seconds));
        frame.lines().nth(1).map(str::to_owned)
    };
    let clock = |line: Option<String>| line.and_then(|l| l.split("T-").nth(1).map(str::to_owned));
    assert_eq!(clock(at(0)).as_deref(), Some("4d 01:59:48\""));
    assert_eq!(clock(at(49)).as_deref(), Some("4d 01:58:59\""));
}

#[test]
fn colours_mean_something_or_are_not_there() {
    let area = Rect::new(0, 0, 80, 24);
    let report = Sample::pending().report();
    let now = soon(&report);
    let coloured = board(&report, true).frame(area, now);
    assert_eq!(coloured[(3, 0)].fg, Color::Red, "NO-GO");
    let colours = |colour: Color, board: &Board| {
        let frame = board.frame(area, now);
        frame.content.iter().skip(80).filter(|cell| cell.fg == colour).count()
    };
    assert!(colours(Color::Red, &board(&report, true)) > 0);
    for colour in [Color::Red, Color::Green, Color::Yellow] {
        assert_eq!(colours(colour, &board(&report, false)), 0, "{colour} where none is wanted");
        let mut lost = board(&report, true);
        lose(&mut lost, &report.launch, now);
        assert_eq!(colours(colour, &lost), 0, "{colour} of what is not known any more");
        let frame = lost.frame(area, now);
        assert!(frame[(0, 0)].modifier.contains(Modifier::REVERSED), "the loss is not grey");
    }
}

#[test]
fn nothing_from_outside_gives_orders_to_a_terminal() {
    for (scene, mut report) in scenes() {
        HOSTILE.clone_into(&mut report.title);
        HOSTILE.clone_into(&mut report.version);
        HOSTILE.clone_into(&mut report.question);
        HOSTILE.clone_into(&mut report.checklists[0].title);
        report.alarms.insert(0, HOSTILE.to_owned());
        for run in &mut report.runs {
            HOSTILE.clone_into(&mut run.cause);
        }
        let mut board = board(&report, true);
        for pane in 0..5 {
            let keys = [Press::Back, Press::Pane(pane), Press::Down, Press::Open];
            for key in keys {
                press(&mut board, &[key], LARGE, soon(&report));
                let frame = board.frame(Rect::new(0, 0, 120, 40), soon(&report));
                let wild = frame.content.iter().find(|cell| cell.symbol().chars().any(is_wild));
                assert!(wild.is_none(), "{scene}, pane {pane}: {wild:?}");
            }
        }
    }
}

#[test]
fn no_size_is_too_odd() {
    let widths = [0, 1, 2, 3, 5, 10, 19, 40, 80, 99, 100, 101, 120, 169, 170, 300];
    let heights = [0, 1, 2, 3, 4, 5, 6, 8, 10, 24, 40];
    let (index, now) = several();
    for (scene, report) in scenes() {
        let mut board = board(&report, true);
        for width in widths {
            for height in heights {
                let area = Rect::new(0, 0, width, height);
                assert_eq!(board.frame(area, now).area, area, "{scene}");
                assert_eq!(index.frame(area, now).area, area);
                press(&mut board, &[Press::Next, Press::PageDown], (width, height), now);
            }
        }
    }
}

fn any_press() -> impl Strategy<Value = Press> {
    use Press::{Back, Bottom, Down, Help, Next, Open, PageDown, PageUp, Pane, Previous, Top, Up};
    proptest::sample::select(vec![
        Next,
        Previous,
        Pane(0),
        Pane(1),
        Pane(2),
        Pane(3),
        Pane(4),
        Up,
        Down,
        PageUp,
        PageDown,
        Top,
        Bottom,
        Open,
        Back,
        Help,
    ])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn no_keys_at_no_size_break_it(
        keys in proptest::collection::vec((any_press(), 0_u16..130, 0_u16..45), 1..24),
    ) {
        let (mut board, now) = several();
        for (key, width, height) in keys {
            let area = Rect::new(0, 0, width, height);
            board.press(key, area, now);
            prop_assert_eq!(board.frame(area, now).area, area);
        }
    }
}
