//! A number over time, with the limits that it is held against, as a picture that needs no script.

use jiff::Timestamp;
use launchgate_core::reading::Unit;
use launchgate_core::report::LimitReport;
use maud::{Markup, html};

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 180.0;
/// Room for the labels, left and below.
const LEFT: f64 = 84.0;
const BELOW: f64 = 22.0;
const ABOVE: f64 = 10.0;

/// What is drawn.
pub(super) struct Plot<'a> {
    /// The reading.
    pub(super) name: &'a str,
    /// What it counts.
    pub(super) unit: Unit,
    /// What was seen, oldest first; nothing where a look brought no number.
    pub(super) seen: Vec<(Timestamp, Option<f64>)>,
    /// What it is held against.
    pub(super) limits: Vec<&'a LimitReport>,
}

/// Where values and instants stand in the picture.
struct Frame {
    from: f64,
    length: f64,
    low: f64,
    high: f64,
}

impl Frame {
    fn x(&self, at: Timestamp) -> f64 {
        LEFT + (millis(at) - self.from) / self.length * (WIDTH - LEFT - 8.0)
    }

    fn y(&self, value: f64) -> f64 {
        ABOVE + (self.high - value) / (self.high - self.low) * (HEIGHT - ABOVE - BELOW)
    }
}

fn millis(at: Timestamp) -> f64 {
    at.duration_since(Timestamp::UNIX_EPOCH).as_millis_f64()
}

impl Plot<'_> {
    /// The picture with its sentence; a sentence alone where there is no number to draw.
    pub(super) fn draw(&self) -> Markup {
        let numbers: Vec<f64> = self.seen.iter().filter_map(|(_, value)| *value).collect();
        let Some(frame) = self.frame(&numbers) else {
            return html! { p.fine { code { (self.name) } ": no number in the looks that are kept" } };
        };
        html! {
            figure.plot {
                figcaption { code { (self.name) } " " (self.sentence(&numbers)) }
                svg viewBox=(format!("0 0 {WIDTH} {HEIGHT}")) role="img" aria-label={ (self.name) ": " (self.sentence(&numbers)) } {
                    (axis(&frame, self))
                    @for limit in &self.limits { (line(limit, &frame)) }
                    @for path in self.paths(&frame) { path.seen d=(path) {} }
                    @for (at, _) in self.seen.iter().filter(|(_, value)| value.is_none()) {
                        rect.blind x=(px(frame.x(*at) - 1.0)) y=(px(HEIGHT - BELOW)) width="2" height="6" {}
                    }
                    @if let Some((at, value)) = self.last() { circle.last cx=(px(frame.x(at))) cy=(px(frame.y(value))) r="3.5" {} }
                }
            }
        }
    }

    fn last(&self) -> Option<(Timestamp, f64)> {
        self.seen.iter().rev().find_map(|(at, value)| Some((*at, (*value)?)))
    }

    /// Everything that was seen and every limit, with some room.
    fn frame(&self, numbers: &[f64]) -> Option<Frame> {
        let (first, last) = (self.seen.first()?.0, self.seen.last()?.0);
        numbers.first()?;
        let all = numbers.iter().copied().chain(self.limits.iter().map(|limit| limit.value));
        let (low, high) = all.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
            (low.min(value), high.max(value))
        });
        let room = ((high - low) * 0.08).max(high.abs() * 0.02).max(f64::MIN_POSITIVE.sqrt());
        // What cannot be negative is not drawn below nothing.
        let bottom = if low >= 0.0 { (low - room).max(0.0) } else { low - room };
        Some(Frame {
            from: millis(first),
            length: (millis(last) - millis(first)).max(1.0),
            low: bottom,
            high: high + room,
        })
    }

    /// A line per stretch without a gap; a look alone is a short one.
    fn paths(&self, frame: &Frame) -> Vec<String> {
        let mut paths = Vec::new();
        for stretch in
            self.seen.split(|(_, value)| value.is_none()).filter(|stretch| !stretch.is_empty())
        {
            let points: Vec<String> = stretch
                .iter()
                .filter_map(|(at, value)| {
                    Some(format!("{} {}", px(frame.x(*at)), px(frame.y((*value)?))))
                })
                .collect();
            paths.push(format!(
                "M{}{}",
                points.join("L"),
                if points.len() == 1 { "h1.5" } else { "" }
            ));
        }
        paths
    }

    fn sentence(&self, numbers: &[f64]) -> String {
        let show = |value: f64| self.unit.format(value);
        let (low, high) =
            numbers.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
                (low.min(*value), high.max(*value))
            });
        let last = numbers.last().copied().unwrap_or_default();
        let mut text = format!(
            "last {}, {} in {} looks",
            show(last),
            if low < high {
                format!("between {} and {}", show(low), show(high))
            } else {
                "the same".to_owned()
            },
            self.seen.len()
        );
        let blind = self.seen.len() - numbers.len();
        if blind > 0 {
            text += &format!(", {blind} without a number");
        }
        for limit in &self.limits {
            let word = if limit.warns { "should be" } else { "must be" };
            text += &format!("; {word} {}{}", compared(&limit.operator), show(limit.value));
        }
        text
    }
}

fn axis(frame: &Frame, plot: &Plot<'_>) -> Markup {
    let bottom = HEIGHT - BELOW;
    let time = |at: Timestamp| at.strftime("%m-%d %H:%M:%S").to_string();
    html! {
        path.axis d=(format!("M{LEFT} {ABOVE}V{bottom}H{}", WIDTH - 8.0)) {}
        text x=(LEFT - 6.0) y=(ABOVE + 4.0) text-anchor="end" { (plot.unit.format(frame.high)) }
        text x=(LEFT - 6.0) y=(bottom) text-anchor="end" { (plot.unit.format(frame.low)) }
        @if let (Some((first, _)), Some((last, _))) = (plot.seen.first(), plot.seen.last()) {
            text x=(LEFT) y=(HEIGHT - 5.0) { (time(*first)) }
            text x=(WIDTH - 8.0) y=(HEIGHT - 5.0) text-anchor="end" { (time(*last)) " UTC" }
        }
    }
}

fn line(limit: &LimitReport, frame: &Frame) -> Markup {
    let y = frame.y(limit.value);
    html! {
        path.limit.warns[limit.warns] d=(format!("M{LEFT} {}H{}", px(y), WIDTH - 8.0)) {}
        text.limit.warns[limit.warns] x=(WIDTH - 12.0) y=(px((y - 4.0).max(ABOVE + 4.0))) text-anchor="end" { (limit.unit.format(limit.value)) }
    }
}

/// A comparison in words, for those who hear the picture.
fn compared(operator: &str) -> &'static str {
    match operator {
        "<" => "below ",
        "<=" => "at most ",
        ">=" => "at least ",
        ">" => "above ",
        _ => "",
    }
}

fn px(value: f64) -> String {
    format!("{value:.1}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use launchgate_core::name::Name;

    fn plot(values: &[Option<f64>], limit: Option<&LimitReport>) -> String {
        let at = |i: usize| {
            Timestamp::from_second(1_800_000_000 + 30 * i64::try_from(i).expect("small"))
                .expect("in range")
        };
        let seen = values.iter().enumerate().map(|(i, value)| (at(i), *value)).collect();
        Plot { name: "lag", unit: Unit::Time, seen, limits: limit.into_iter().collect() }
            .draw()
            .into_string()
    }

    #[test]
    fn gaps_stay_gaps_and_limits_are_in_the_picture() {
        let limit = LimitReport {
            reading: Name::of("lag"),
            unit: Unit::Time,
            value: 5.0,
            operator: "<=".into(),
            warns: false,
        };
        let drawn = plot(&[Some(1.0), Some(2.0), None, Some(1.5)], Some(&limit));
        assert_eq!(drawn.matches("class=\"seen\"").count(), 2, "{drawn}");
        assert_eq!(drawn.matches("class=\"blind\"").count(), 1, "{drawn}");
        assert!(
            drawn.contains(
                "last 1.5s, between 1s and 2s in 4 looks, 1 without a number; must be at most 5s"
            ),
            "{drawn}"
        );
        assert!(!drawn.contains("NaN"), "{drawn}");
    }

    #[test]
    fn nothing_and_one_look_and_zeros_can_be_drawn() {
        let rows: [(&str, &[Option<f64>], bool); 5] = [
            ("never looked", &[], false),
            ("no number", &[None, None], false),
            ("one look", &[Some(3.0)], true),
            ("zeros", &[Some(0.0), Some(0.0)], true),
            ("negative", &[Some(-3.0), Some(-1.0)], true),
        ];
        for (name, values, picture) in rows {
            let drawn = plot(values, None);
            assert_eq!(drawn.contains("<svg"), picture, "{name}: {drawn}");
            assert!(!drawn.contains("NaN") && !drawn.contains("inf"), "{name}: {drawn}");
        }
    }
}
