//! A small plot of a course: the value with its limit, and below it the state, within 80 columns.

use std::time::Duration;

use launchgate_core::reading::Unit;
use launchgate_core::trigger::Status;

use super::clock;

/// The widest line.
const WIDTH: usize = 80;
/// How many rows the values have.
const ROWS: usize = 8;
/// How many columns one look has at most.
const WIDEST: usize = 3;
/// A cell filled to so many eighths.
const EIGHTHS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// One look.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Point {
    /// When.
    pub(super) at: Duration,
    /// The number that it brought, if it did.
    pub(super) value: Option<f64>,
    /// Where the trigger stood then; nothing if the daemon was down.
    pub(super) state: Option<Status>,
}

/// What the values are drawn against.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Scale {
    /// In what they count.
    pub(super) unit: Unit,
    /// The limit and whether the breach lies above it, if there is one.
    pub(super) limit: Option<(f64, bool)>,
}

/// Draws looks; values only where there is a scale for them.
pub(super) fn plot(points: &[Point], scale: Option<Scale>) -> String {
    let values = points.iter().filter_map(|point| point.value);
    let ends = values.fold(None, |ends: Option<(f64, f64)>, value| {
        let (low, high) = ends.unwrap_or((value, value));
        Some((low.min(value), high.max(value)))
    });
    let (Some(scale), Some(ends)) = (scale, ends) else {
        let columns = columns(points, WIDTH - 2, true);
        return format!("{}  {}\n", states(&columns, points, 2), legend(points).join(", "));
    };
    let axis = Axis::new(ends, scale);
    let columns = columns(points, WIDTH - axis.margin(), scale.limit.is_none_or(|(_, up)| up));
    let mut text = String::new();
    for row in (0..ROWS).rev() {
        let cells: String = columns.iter().map(|column| axis.cell(column, row)).collect();
        let (label, mark) = axis.label(row);
        let line = format!("{label:>width$} {mark}{cells}", width = axis.width);
        text += &format!("{}\n", line.trim_end());
    }
    text += &states(&columns, points, axis.margin());
    let mut words = legend(points);
    if points.iter().any(|point| point.value.is_none() && point.state.is_some()) {
        words.push("? no number".to_owned());
    }
    text + &format!("  {}\n", words.join(", "))
}

/// What stands in one column: a look, or several.
#[derive(Debug, Clone, PartialEq)]
struct Column {
    value: Option<f64>,
    state: Option<Status>,
}

/// Puts looks into at most `width` columns. Of several looks in one the value nearest to breach is shown, and the state
/// that is rarest overall, so that what happened briefly is not lost.
fn columns(points: &[Point], width: usize, high: bool) -> Vec<Column> {
    let count = |state: Option<Status>| points.iter().filter(|p| p.state == state).count();
    let each = (width / points.len().max(1)).clamp(1, WIDEST);
    let shown = points.len().min(width);
    let column = |i: usize| {
        let part = &points[i * points.len() / shown..(i + 1) * points.len() / shown];
        let values = part.iter().filter_map(|point| point.value);
        let value = if high { values.reduce(f64::max) } else { values.reduce(f64::min) };
        let mut kinds: Vec<Option<Status>> = part.iter().map(|point| point.state).collect();
        kinds.dedup();
        let state = if kinds.len() == 1 {
            kinds[0]
        } else {
            kinds.into_iter().min_by_key(|state| count(*state)).flatten()
        };
        vec![Column { value, state }; each]
    };
    (0..shown).flat_map(column).collect()
}

/// The vertical axis.
struct Axis {
    low: f64,
    high: f64,
    scale: Scale,
    /// The columns of the labels.
    width: usize,
}

impl Axis {
    fn new((lowest, highest): (f64, f64), scale: Scale) -> Self {
        let limit = scale.limit.map(|(limit, _)| limit);
        let low = limit.map_or(lowest, |limit| limit.min(lowest)).min(0.0);
        let high = limit.map_or(highest, |limit| limit.max(highest));
        let high = if high > low { high } else { low + 1.0 };
        let labels = [Some(low), Some(high), limit];
        let widths = labels.into_iter().flatten().map(|v| scale.unit.format(v).chars().count());
        Self { low, high, scale, width: widths.max().unwrap_or_default().min(WIDTH / 4) }
    }

    /// What stands left of the first column: label, space and axis.
    fn margin(&self) -> usize {
        self.width + 2
    }

    /// How high a value stands, in eighths of a row.
    fn eighths(&self, value: f64) -> usize {
        // By parts, since the whole may be beyond what a number holds.
        let (low, high) = (self.low / 2.0, self.high / 2.0);
        let share = ((value / 2.0 - low) / (high - low)).clamp(0.0, 1.0);
        (0..ROWS * 8).filter(|i| part(*i) < share).count()
    }

    /// The row that the limit runs through.
    fn limit_row(&self) -> Option<usize> {
        self.scale.limit.map(|(limit, _)| (self.eighths(limit) / 8).min(ROWS - 1))
    }

    fn cell(&self, column: &Column, row: usize) -> char {
        let empty = if self.limit_row() == Some(row) { '─' } else { ' ' };
        let Some(value) = column.value else {
            return if row == 0 && column.state.is_some() { '?' } else { empty };
        };
        // Nothing at all would look like a look that brought nothing.
        let height = self.eighths(value).max(1);
        let filled = height.saturating_sub(row * 8).min(8);
        if filled == 0 { empty } else { EIGHTHS[filled] }
    }

    fn label(&self, row: usize) -> (String, char) {
        let shown = |value| self.scale.unit.format(value).chars().take(self.width).collect();
        match (self.limit_row(), self.scale.limit) {
            (Some(at), Some((limit, _))) if at == row => (shown(limit), '┼'),
            _ if row == ROWS - 1 => (shown(self.high), '┤'),
            _ if row == 0 => (shown(self.low), '┤'),
            _ => (String::new(), '│'),
        }
    }
}

/// The share of the axis that lies below an eighth of a row.
#[expect(clippy::cast_precision_loss, reason = "both are below a hundred")]
fn part(i: usize) -> f64 {
    i as f64 / (ROWS * 8) as f64
}

/// The row of letters, and below it the time at its ends.
fn states(columns: &[Column], points: &[Point], margin: usize) -> String {
    let letters: String = columns.iter().map(|column| letter(column.state)).collect();
    let [from, to] = [points.first(), points.last()].map(|p| p.map(|p| clock(p.at)));
    let (from, to) = (from.unwrap_or_default(), to.unwrap_or_default());
    let between = columns.len().saturating_sub(from.chars().count() + to.chars().count()).max(1);
    let space = " ".repeat(margin);
    let ends = if from == to { from } else { format!("{from}{}{to}", " ".repeat(between)) };
    format!("{space}{letters}\n{space}{ends}\n")
}

/// The initial of a state, a capital for the one that acts.
fn letter(state: Option<Status>) -> char {
    let Some(state) = state else { return '-' };
    let initial = state.name().chars().next().unwrap_or('?');
    if state == Status::Fired { initial.to_ascii_uppercase() } else { initial }
}

/// What the letters say, in the order in which they come up.
fn legend(points: &[Point]) -> Vec<String> {
    let mut met: Vec<Option<Status>> = Vec::new();
    for point in points {
        if !met.contains(&point.state) {
            met.push(point.state);
        }
    }
    let told = |state: Option<Status>| {
        format!("{} {}", letter(state), state.map_or("the daemon was down", Status::name))
    };
    met.into_iter().map(told).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn points(values: &[Option<f64>], states: &[Option<Status>]) -> Vec<Point> {
        let pairs = values.iter().zip(states).enumerate();
        pairs
            .map(|(i, (value, state))| Point {
                at: Duration::from_secs(60 * i as u64),
                value: *value,
                state: *state,
            })
            .collect()
    }

    const SCALE: Scale = Scale { unit: Unit::Percent, limit: Some((5.0, true)) };

    #[test]
    fn a_course_is_drawn_with_its_limit() {
        use Status::{Fired, Pending, Watching};
        let values = [Some(1.0), Some(10.0), None, Some(10.0), None];
        let states = [Some(Watching), Some(Pending), Some(Pending), Some(Fired), None];
        let drawn = plot(&points(&values, &states), Some(SCALE));
        let expected = "\
10% ┤   ███   ███
    │   ███   ███
    │   ███   ███
 5% ┼───███───███───
    │   ███   ███
    │   ███   ███
    │   ███   ███
 0% ┤▇▇▇███???███
     wwwppppppFFF---
     0s           4m
  w watching, p pending, F fired, - the daemon was down, ? no number
";
        assert_eq!(drawn, expected, "\n{drawn}");
    }

    #[test]
    fn long_tapes_fit_and_brief_states_are_not_lost() {
        let mut long = points(&vec![Some(1.0); 1440], &vec![Some(Status::Watching); 1440]);
        long[700].value = Some(9.0);
        long[700].state = Some(Status::Pending);
        for scale in [Some(SCALE), None] {
            let drawn = plot(&long, scale);
            assert!(drawn.contains("wpw"), "{drawn}");
            let widest = drawn.lines().map(|line| line.chars().count()).max();
            assert!(widest.is_some_and(|widest| widest <= WIDTH), "{widest:?}\n{drawn}");
            assert_eq!(drawn.contains('█'), scale.is_some(), "{drawn}");
        }
    }

    #[test]
    fn whatever_the_values_are_something_is_drawn() {
        let state = Some(Status::Blind);
        let below = Scale { unit: Unit::Bytes, limit: Some((1e9, false)) };
        let rows = [
            ("nothing", vec![], SCALE),
            ("no number", vec![None], SCALE),
            ("zero", vec![Some(0.0)], SCALE),
            ("all the same", vec![Some(5.0), Some(5.0)], SCALE),
            ("below zero", vec![Some(-5.0), Some(-1.0)], SCALE),
            ("huge", vec![Some(1e300), Some(-1e300)], SCALE),
            ("a limit from below", vec![Some(2e9), Some(1.0)], below),
        ];
        for (row, values, scale) in rows {
            let states = vec![state; values.len()];
            assert!(plot(&points(&values, &states), Some(scale)).lines().count() >= 3, "{row}");
        }
    }
}
