//! What a check asks, as queries that have an answer at every instant.

use launchgate_core::observation::{Cause, Failure};
use launchgate_core::reading::Readings;
use launchgate_probes::prometheus::Settings;

use super::range::Range;

/// The least events that are judged by, where the launch file says nothing: the probe's own.
const MIN_EVENTS: u64 = 30;

/// What came of every slot.
type Outcomes = Vec<Result<Readings, Failure>>;

/// The queries of one check.
#[derive(Debug, PartialEq)]
pub(super) struct Question {
    form: Form,
    /// The series whose newest sample says when the values were true.
    newest: Option<String>,
    /// The least events.
    least: u64,
}

#[derive(Debug, PartialEq)]
enum Form {
    /// The launch file's own query, with how many series it yields, and the one for its traffic.
    Query { text: String, series: usize, traffic: Option<String> },
    /// Errors and events.
    Share { errors: String, events: String },
    /// A quantile and the events behind it.
    Quantile { quantile: String, events: String },
}

impl Question {
    /// What these settings ask.
    ///
    /// # Errors
    /// A form that cannot be asked over time.
    pub(super) fn of(settings: &Settings) -> Result<Self, Failure> {
        let least = settings.min_events.unwrap_or(MIN_EVENTS);
        let window = |text: &Option<String>| text.clone().unwrap_or_else(|| "1m".to_owned());
        let mut newest = settings.samples.clone();
        let form = if let Some(text) = &settings.query {
            let series = usize::from(settings.expect_series.unwrap_or(1));
            Form::Query { text: text.clone(), series, traffic: settings.traffic.clone() }
        } else if let Some(rate) = &settings.error_rate {
            newest = Some(rate.total.clone());
            let grown = |of: &str| format!("sum(increase({of}[{}]))", window(&rate.window));
            Form::Share { errors: grown(&rate.errors), events: grown(&rate.total) }
        } else if let Some(latency) = &settings.latency {
            let window = window(&latency.window);
            let buckets = suffixed(&latency.histogram, "_bucket")?;
            let count = suffixed(&latency.histogram, "_count")?;
            newest = Some(count.clone());
            let grown = format!("sum by (le) (increase({buckets}[{window}]))");
            Form::Quantile {
                quantile: format!("histogram_quantile({}, {grown})", latency.quantile),
                events: format!("sum(increase({count}[{window}]))"),
            }
        } else {
            return Err(Failure::new(Cause::BadResponse, "the check asks nothing"));
        };
        Ok(Self { form, newest, least })
    }

    /// Asks, and says what each slot holds.
    ///
    /// # Errors
    /// What keeps the source from answering.
    pub(super) async fn ask(&self, range: &Range) -> Result<Outcomes, Failure> {
        let outcomes = self.values(range).await?;
        let Some(newest) = &self.newest else { return Ok(outcomes) };
        let stamps = range.ask(&format!("max(timestamp({newest}))")).await?;
        let slots = outcomes.into_iter().zip(stamps).enumerate();
        let dated = slots
            .map(|(slot, (outcome, stamps))| range.dated(slot, outcome?, stamps.first().copied()));
        Ok(dated.collect())
    }

    async fn values(&self, range: &Range) -> Result<Outcomes, Failure> {
        match &self.form {
            Form::Query { text, series, traffic } => {
                let values = range.ask(text).await?;
                let traffic = match traffic {
                    Some(traffic) => Some(range.ask(traffic).await?),
                    None => None,
                };
                let slot = |(i, values): (usize, &Vec<f64>)| {
                    let events =
                        traffic.as_ref().map(|slots| self.events(&slots[i])).transpose()?;
                    let readings = found(values, *series)?;
                    Ok(events.map_or(readings.clone(), |n| readings.number("traffic", n)))
                };
                Ok(values.iter().enumerate().map(slot).collect())
            }
            Form::Share { errors, events } => {
                let (errors, events) = (range.ask(errors).await?, range.ask(events).await?);
                let slot = |(errors, events): (&Vec<f64>, &Vec<f64>)| {
                    let events = self.events(events)?;
                    let errors = errors.first().copied().unwrap_or(0.0);
                    let share = 100.0 * errors / events;
                    let readings = Readings::new().number("value", share);
                    Ok(readings.number("errors", errors).number("traffic", events))
                };
                Ok(errors.iter().zip(&events).map(slot).collect())
            }
            Form::Quantile { quantile, events } => {
                let (values, events) = (range.ask(quantile).await?, range.ask(events).await?);
                let slot = |(values, events): (&Vec<f64>, &Vec<f64>)| {
                    let events = self.events(events)?;
                    let value = found(values, 1)?.values;
                    let mut readings = Readings::new().number("traffic", events);
                    let value = value.into_iter().filter(|(name, _)| name.as_str() == "value");
                    readings.values.extend(value);
                    Ok(readings)
                };
                Ok(values.iter().zip(&events).map(slot).collect())
            }
        }
    }

    /// The events of a slot, if they are enough to judge by.
    fn events(&self, values: &[f64]) -> Result<f64, Failure> {
        let nothing = || Failure::new(Cause::NoData, "nothing tells how many events there were");
        let events = values.first().copied().ok_or_else(nothing)?;
        #[expect(clippy::cast_precision_loss, reason = "nobody asks for 2^53 events")]
        let least = self.least as f64;
        if events.is_nan() || events < least {
            let message = format!("{events:.0} events are fewer than {least}");
            return Err(Failure::new(Cause::LowTraffic, message));
        }
        Ok(events)
    }
}

/// The number of a slot: of several series the highest.
fn found(values: &[f64], series: usize) -> Result<Readings, Failure> {
    let has = values.len();
    if has == 0 {
        return Err(Failure::new(Cause::NoData, "the query yields no series"));
    }
    if has != series {
        let cause = if has > series { Cause::TooManySeries } else { Cause::Partial };
        let message = format!("the query yields {has} series where {series} are expected");
        return Err(Failure::new(cause, message));
    }
    if values.iter().any(|value| !value.is_finite()) {
        return Err(Failure::new(Cause::Nan, "the query yields what is not finite"));
    }
    let highest = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let lowest = values.iter().copied().fold(f64::INFINITY, f64::min);
    Ok(Readings::new().number("value", highest).number("lowest", lowest))
}

/// A histogram's selector with its name's ending in place.
fn suffixed(selector: &str, ending: &str) -> Result<String, Failure> {
    let (name, rest) = selector.split_at(selector.find('{').unwrap_or(selector.len()));
    let name = name.trim().trim_end_matches("_bucket");
    if name.is_empty() {
        let message = format!("the histogram `{selector}` has no name before its labels");
        return Err(Failure::new(Cause::BadResponse, message));
    }
    Ok(format!("{name}{ending}{rest}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn forms_become_queries() {
        let rows = [
            (
                "a query",
                json!({"query": "q", "traffic": "t", "min_events": 5}),
                Ok(Form::Query { text: "q".into(), series: 1, traffic: Some("t".into()) }),
            ),
            (
                "a share",
                json!({"error_rate": {"total": "r", "errors": "r{code=\"500\"}", "window": "2m"}}),
                Ok(Form::Share {
                    errors: "sum(increase(r{code=\"500\"}[2m]))".into(),
                    events: "sum(increase(r[2m]))".into(),
                }),
            ),
            (
                "a quantile",
                json!({"latency": {"histogram": "h{a=\"b\"}", "quantile": 0.99}}),
                Ok(Form::Quantile {
                    quantile:
                        "histogram_quantile(0.99, sum by (le) (increase(h_bucket{a=\"b\"}[1m])))"
                            .into(),
                    events: "sum(increase(h_count{a=\"b\"}[1m]))".into(),
                }),
            ),
            (
                "a histogram without a name",
                json!({"latency": {"histogram": "{__name__=\"h\"}", "quantile": 0.99}}),
                Err("the histogram `{__name__=\"h\"}` has no name before its labels"),
            ),
        ];
        for (row, mut settings, expected) in rows {
            settings["source"] = json!({"kind": "prometheus", "url": "http://127.0.0.1"});
            let settings = launchgate_probes::strict::read(settings).expect(row);
            let form = Question::of(&settings).map(|question| question.form);
            assert_eq!(form.map_err(|f| f.message), expected.map_err(str::to_owned), "{row}");
        }
    }

    /// A name, the values of the series, how many are expected, and what that makes.
    type Row = (&'static str, &'static [f64], usize, Result<f64, Cause>);

    #[test]
    fn slots_are_numbers_or_say_why_not() {
        let rows: [Row; 6] = [
            ("one", &[2.0], 1, Ok(2.0)),
            ("the highest", &[2.0, 3.0], 2, Ok(3.0)),
            ("none", &[], 1, Err(Cause::NoData)),
            ("too many", &[1.0, 2.0], 1, Err(Cause::TooManySeries)),
            ("too few", &[1.0], 2, Err(Cause::Partial)),
            ("not finite", &[f64::NAN], 1, Err(Cause::Nan)),
        ];
        for (row, values, series, expected) in rows {
            let value = found(values, series).map(|readings| readings.get("value").cloned());
            let expected = expected.map(|v| Some(launchgate_core::reading::Value::Number(v)));
            assert_eq!(value.map_err(|f| f.cause), expected, "{row}");
        }
    }
}
