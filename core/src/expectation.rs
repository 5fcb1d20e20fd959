//! Expectations: predicates over readings, parsed and typed when the launch file is compiled, that explain themselves.
//!
//! Evaluation is three-valued. A reading that is absent or not finite makes its comparison unknown, and unknown never
//! becomes true: `and` is false if one side is false, `or` is true if one side is true, else unknown wins.

mod evaluate;
mod lexer;
mod parser;
#[cfg(test)]
mod tests;

use std::fmt;

use regex::Regex;

use crate::observation::Cause;
use crate::problem::Problem;
use crate::reading::{ReadingSpec, Readings, Unit, Value};

/// Three-valued truth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Truth {
    /// It holds.
    True,
    /// It does not.
    False,
    /// There is no telling, and why.
    Unknown(Cause),
}

/// What an expectation said about readings, with the observed values inside the sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judged {
    /// Whether it holds.
    pub truth: Truth,
    /// `days_left 87d > 90d is false`.
    pub because: String,
}

/// A number that a reading is compared with.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limit<'e> {
    /// The reading.
    pub reading: &'e ReadingSpec,
    /// The number, in the base of the reading's unit.
    pub value: f64,
    /// Whether the expectation holds above it, rather than below.
    pub above: bool,
    /// How the two are compared, as a launch file says it, such as `<=`.
    pub operator: &'static str,
}

/// How two values are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Op {
    Less,
    LessEqual,
    Equal,
    NotEqual,
    GreaterEqual,
    Greater,
    In,
    Contains,
    Matches,
}

impl Op {
    fn symbol(self) -> &'static str {
        match self {
            Self::Less => "<",
            Self::LessEqual => "<=",
            Self::Equal => "==",
            Self::NotEqual => "!=",
            Self::GreaterEqual => ">=",
            Self::Greater => ">",
            Self::In => "in",
            Self::Contains => "contains",
            Self::Matches => "matches",
        }
    }
}

/// A typed operand: a reading, a literal, or arithmetic on numbers.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Operand {
    Reading(ReadingSpec),
    Literal(Value, Unit),
    Arithmetic(Box<Operand>, char, Box<Operand>, Unit),
}

/// A typed predicate.
#[derive(Debug, Clone)]
pub(crate) enum Predicate {
    Compare(Operand, Op, Operand),
    Matches(Operand, Regex),
    Flag(ReadingSpec),
    Not(Box<Predicate>),
    And(Vec<Predicate>),
    Or(Vec<Predicate>),
}

impl Predicate {
    fn limits<'e>(&'e self, found: &mut Vec<Limit<'e>>) {
        match self {
            Self::Compare(
                Operand::Reading(reading),
                op,
                Operand::Literal(Value::Number(value), _),
            ) => {
                let above = matches!(op, Op::Greater | Op::GreaterEqual);
                let orders = above || matches!(op, Op::Less | Op::LessEqual | Op::Equal);
                found.extend(orders.then_some(Limit {
                    reading,
                    value: *value,
                    above,
                    operator: op.symbol(),
                }));
            }
            Self::And(all) | Self::Or(all) => all.iter().for_each(|each| each.limits(found)),
            // What must not hold has its limit on the other side, and is left to the sentence.
            Self::Not(_) | Self::Compare(..) | Self::Matches(..) | Self::Flag(_) => {}
        }
    }
}

/// A compiled expectation.
#[derive(Debug, Clone)]
pub struct Expectation {
    source: String,
    predicate: Predicate,
}

impl PartialEq for Expectation {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}

impl fmt::Display for Expectation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.source)
    }
}

impl Expectation {
    /// Compiles a text against the readings that a probe declares.
    ///
    /// # Errors
    /// A problem with the offset into the text: bad syntax, an unknown reading, types or units that do not meet.
    pub fn compile(text: &str, specs: &[ReadingSpec]) -> Result<Self, Problem> {
        let predicate = parser::parse(text, specs)?;
        Ok(Self { source: text.trim().to_owned(), predicate })
    }

    /// The limit, where this is nothing but one number compared with one; nothing where it says more than that.
    pub fn limit(&self) -> Option<Limit<'_>> {
        let Predicate::Compare(Operand::Reading(reading), op, Operand::Literal(limit, _)) =
            &self.predicate
        else {
            return None;
        };
        let above = match op {
            Op::Greater | Op::GreaterEqual => true,
            Op::Less | Op::LessEqual => false,
            Op::Equal | Op::NotEqual | Op::In | Op::Contains | Op::Matches => return None,
        };
        match limit {
            Value::Number(value) => {
                Some(Limit { reading, value: *value, above, operator: op.symbol() })
            }
            Value::NotFinite(_) | Value::Flag(_) | Value::Text(_) | Value::Texts(_) => None,
        }
    }

    /// Every number that a reading is held against, whichever way, for a plot to show beside what was seen.
    pub fn limits(&self) -> Vec<Limit<'_>> {
        let mut limits = Vec::new();
        self.predicate.limits(&mut limits);
        limits
    }

    /// Judges readings.
    pub fn evaluate(&self, readings: &Readings) -> Judged {
        evaluate::predicate(&self.predicate, readings)
    }
}
