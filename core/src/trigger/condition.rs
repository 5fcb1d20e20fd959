//! A condition over checks, in three values: breach, good, and unknown, which becomes neither of the others.
//!
//! The logic is Kleene's: `any` is in breach if one child is and good only if all are; `all` is good if one child is and
//! in breach only if all are; *k of n* lies between.

use std::fmt;

use crate::expectation::Expectation;
use crate::name::CheckPath;

/// How the children of a condition count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Rule {
    /// One breach is enough.
    Any,
    /// Every child must be in breach.
    All,
    /// At least so many children must be in breach.
    AtLeast(usize),
}

/// One watched expectation.
#[derive(Debug, Clone, PartialEq)]
pub struct Child {
    /// The check whose readings are watched.
    pub check: CheckPath,
    /// What counts as breach.
    pub breach: Expectation,
}

/// What a trigger watches: children and a rule. There is at least one child; the first belongs to the check that looks
/// least often, and the condition is judged when that check has looked.
#[derive(Debug, Clone, PartialEq)]
pub struct Condition {
    /// How the children count.
    pub rule: Rule,
    /// The children, slowest first.
    pub children: Vec<Child>,
}

/// One of three values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Class {
    Breach,
    Good,
    Unknown,
}

impl Condition {
    /// A condition on one check.
    pub fn one(check: CheckPath, breach: Expectation) -> Self {
        Self { rule: Rule::Any, children: vec![Child { check, breach }] }
    }

    /// The check at whose looks the condition is judged.
    pub fn clock(&self) -> &CheckPath {
        &self.children[0].check
    }

    /// The checks that it watches, each once.
    pub fn checks(&self) -> Vec<&CheckPath> {
        let mut checks: Vec<&CheckPath> = self.children.iter().map(|child| &child.check).collect();
        checks.sort();
        checks.dedup();
        checks
    }

    /// The condition's value from its children's.
    pub(super) fn compose(&self, children: &[Class]) -> Class {
        let count = |class: Class| children.iter().filter(|c| **c == class).count();
        let needed = match self.rule {
            Rule::Any => 1,
            Rule::All => children.len(),
            Rule::AtLeast(needed) => needed,
        };
        if count(Class::Breach) >= needed {
            Class::Breach
        } else if count(Class::Breach) + count(Class::Unknown) < needed {
            Class::Good
        } else {
            Class::Unknown
        }
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let joined = |between: &str| {
            let parts: Vec<String> =
                self.children.iter().map(|c| format!("{}: {}", c.check, c.breach)).collect();
            parts.join(between)
        };
        match self.rule {
            Rule::Any => f.write_str(&joined(" or ")),
            Rule::All => f.write_str(&joined(" and ")),
            Rule::AtLeast(needed) => write!(f, "{needed} of ({})", joined("; ")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reading::{ReadingSpec, ReadingType, Unit};

    #[test]
    fn three_values_are_composed_as_kleene_does() {
        use Class::{Breach as B, Good as G, Unknown as U};
        let specs = [ReadingSpec::new("value", ReadingType::Number(Unit::Percent), "")];
        let child = || Child {
            check: "health/errors".parse().unwrap(),
            breach: Expectation::compile("value > 5%", &specs).unwrap(),
        };
        let rows: [(&str, Rule, [Class; 3], Class); 11] = [
            ("any: one breach", Rule::Any, [G, U, B], B),
            ("any: good and unknown", Rule::Any, [G, U, G], U),
            ("any: all good", Rule::Any, [G, G, G], G),
            ("all: one good decides", Rule::All, [B, U, G], G),
            ("all: a breach too few", Rule::All, [B, U, B], U),
            ("all: each", Rule::All, [B, B, B], B),
            ("2 of 3: two", Rule::AtLeast(2), [B, G, B], B),
            ("2 of 3: one and an unknown", Rule::AtLeast(2), [B, G, U], U),
            ("2 of 3: one and an unknown too few", Rule::AtLeast(2), [G, G, U], G),
            ("nothing is known", Rule::Any, [U, U, U], U),
            ("nothing is known, all", Rule::All, [U, U, U], U),
        ];
        for (row, rule, values, expected) in rows {
            let condition = Condition { rule, children: vec![child(), child(), child()] };
            assert_eq!(condition.compose(&values), expected, "{row}");
        }
    }
}
