//! From words to a typed predicate: precedence, names, types and units.

use regex::Regex;

use super::lexer::{Placed, Token, lex, problem};
use super::{Op, Operand, Predicate};
use crate::problem::{Problem, did_you_mean};
use crate::reading::{ReadingSpec, ReadingType, Unit, Value, texts};

/// The most brackets that may be open at once; launch files come from people.
const MAX_DEPTH: usize = 32;

/// Parses and types a text.
pub(super) fn parse(text: &str, specs: &[ReadingSpec]) -> Result<Predicate, Problem> {
    let tokens = lex(text)?;
    let mut parser = Parser { tokens: &tokens, at: 0, end: text.chars().count(), specs, depth: 0 };
    let predicate = parser.or()?;
    match parser.tokens.get(parser.at) {
        None => Ok(predicate),
        Some(left) => Err(problem("the expectation should end here", left.at)
            .hint("join two with `and` or `or`, or write them as two entries")),
    }
}

struct Parser<'t> {
    tokens: &'t [Placed],
    at: usize,
    end: usize,
    specs: &'t [ReadingSpec],
    depth: usize,
}

impl Parser<'_> {
    fn place(&self) -> usize {
        self.tokens.get(self.at).map_or(self.end, |t| t.at)
    }

    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at).map(|t| &t.token)
    }

    fn take_word(&mut self, word: &str) -> bool {
        let found = matches!(self.peek(), Some(Token::Word(w)) if w == word);
        self.at += usize::from(found);
        found
    }

    fn take_symbol(&mut self, symbol: &str) -> bool {
        let found = matches!(self.peek(), Some(Token::Symbol(s)) if *s == symbol);
        self.at += usize::from(found);
        found
    }

    fn or(&mut self) -> Result<Predicate, Problem> {
        let mut sides = vec![self.and()?];
        while self.take_word("or") {
            sides.push(self.and()?);
        }
        Ok(if sides.len() == 1 { sides.remove(0) } else { Predicate::Or(sides) })
    }

    fn and(&mut self) -> Result<Predicate, Problem> {
        let mut sides = vec![self.not()?];
        while self.take_word("and") {
            sides.push(self.not()?);
        }
        Ok(if sides.len() == 1 { sides.remove(0) } else { Predicate::And(sides) })
    }

    fn not(&mut self) -> Result<Predicate, Problem> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(problem("the expectation is nested too deeply", self.place()));
        }
        let predicate = if self.take_word("not") {
            Predicate::Not(Box::new(self.not()?))
        } else if self.take_symbol("(") {
            let inner = self.or()?;
            if !self.take_symbol(")") {
                return Err(problem("a `)` is missing", self.place()));
            }
            inner
        } else {
            self.comparison()?
        };
        self.depth -= 1;
        Ok(predicate)
    }

    fn comparison(&mut self) -> Result<Predicate, Problem> {
        let left_at = self.place();
        let left = self.sum(None)?;
        let op_at = self.place();
        let Some(op) = self.operator() else {
            return match left {
                Operand::Reading(spec) if spec.kind == ReadingType::Flag => {
                    Ok(Predicate::Flag(spec))
                }
                _ => Err(problem("a comparison is missing", op_at)
                    .hint("operators are < <= == != >= > in contains matches")),
            };
        };
        let right_at = self.place();
        let right = self.sum(Some(&left))?;
        if op == Op::Matches {
            return matches(left, &right, left_at, right_at);
        }
        check_types(&left, op, &right, op_at, right_at)?;
        Ok(Predicate::Compare(left, op, right))
    }

    fn operator(&mut self) -> Option<Op> {
        let op = match self.peek()? {
            Token::Symbol("<") => Op::Less,
            Token::Symbol("<=") => Op::LessEqual,
            Token::Symbol("==") => Op::Equal,
            Token::Symbol("!=") => Op::NotEqual,
            Token::Symbol(">=") => Op::GreaterEqual,
            Token::Symbol(">") => Op::Greater,
            Token::Word(w) if w == "in" => Op::In,
            Token::Word(w) if w == "contains" => Op::Contains,
            Token::Word(w) if w == "matches" => Op::Matches,
            Token::Word(_) | Token::Text(_) | Token::Number(..) | Token::Symbol(_) => return None,
        };
        self.at += 1;
        Some(op)
    }

    fn sum(&mut self, beside: Option<&Operand>) -> Result<Operand, Problem> {
        let mut left = self.product(beside)?;
        loop {
            let at = self.place();
            let op = if self.take_symbol("+") {
                '+'
            } else if self.take_symbol("-") {
                '-'
            } else {
                return Ok(left);
            };
            let right = self.product(None)?;
            let (a, b) = (number_unit(&left, at)?, number_unit(&right, at)?);
            if a != b {
                return Err(problem(format!("{} and {} cannot be added", a.name(), b.name()), at));
            }
            left = Operand::Arithmetic(Box::new(left), op, Box::new(right), a);
        }
    }

    fn product(&mut self, beside: Option<&Operand>) -> Result<Operand, Problem> {
        let mut left = self.operand(beside)?;
        loop {
            let at = self.place();
            let op = if self.take_symbol("*") {
                '*'
            } else if self.take_symbol("/") {
                '/'
            } else {
                return Ok(left);
            };
            let right = self.operand(None)?;
            let unit = match (number_unit(&left, at)?, op, number_unit(&right, at)?) {
                (unit, _, Unit::One) | (Unit::One, '*', unit) => unit,
                (a, '/', b) if a == b => Unit::One,
                (a, _, b) => {
                    let text =
                        format!("{} and {} cannot be combined by `{op}`", a.name(), b.name());
                    return Err(problem(text, at));
                }
            };
            left = Operand::Arithmetic(Box::new(left), op, Box::new(right), unit);
        }
    }

    fn operand(&mut self, beside: Option<&Operand>) -> Result<Operand, Problem> {
        let at = self.place();
        if self.take_symbol("[") {
            return self.list(at);
        }
        let token = self.peek().cloned();
        self.at += 1;
        match token {
            Some(Token::Number(number, unit)) => Ok(Operand::Literal(Value::Number(number), unit)),
            Some(Token::Text(text)) => Ok(Operand::Literal(Value::Text(text), Unit::One)),
            Some(Token::Word(w)) if w == "true" || w == "false" => {
                Ok(Operand::Literal(Value::Flag(w == "true"), Unit::One))
            }
            Some(Token::Word(word)) => self.reading_or_text(&word, at, beside),
            Some(Token::Symbol(_)) | None => Err(problem("a reading or a value is missing", at)),
        }
    }

    /// A bare word is a reading, or a text where it cannot be mistaken for one (`203.0.113.10`, `app.example`).
    fn reading_or_text(
        &self,
        word: &str,
        at: usize,
        beside: Option<&Operand>,
    ) -> Result<Operand, Problem> {
        if let Some(spec) = self.specs.iter().find(|s| s.name.as_str() == word) {
            return Ok(Operand::Reading(spec.clone()));
        }
        let plainly_text =
            word.contains(['.', ':']) || word.starts_with(|c: char| c.is_ascii_digit());
        if beside.is_some() && plainly_text {
            return Ok(Operand::Literal(Value::Text(word.to_owned()), Unit::One));
        }
        let names = || self.specs.iter().map(|s| s.name.as_str());
        let hint = did_you_mean(word, names()).unwrap_or_else(|| {
            if beside.is_some() {
                return format!("a text is written in quotes: \"{word}\"");
            }
            format!("readings are {}", names().collect::<Vec<_>>().join(", "))
        });
        Err(problem(format!("no reading is called `{word}`"), at).hint(hint))
    }

    fn list(&mut self, start: usize) -> Result<Operand, Problem> {
        let mut items = Vec::new();
        while !self.take_symbol("]") {
            let at = self.place();
            match self.peek().cloned() {
                Some(Token::Word(text) | Token::Text(text)) => items.push(text),
                Some(Token::Number(number, Unit::One)) => items.push(number.to_string()),
                Some(Token::Number(..) | Token::Symbol(_)) => {
                    return Err(problem("lists hold texts", at));
                }
                None => return Err(problem("the list is never closed", start)),
            }
            self.at += 1;
            if !self.take_symbol(",") && self.peek() != Some(&Token::Symbol("]")) {
                return Err(problem("a `,` or `]` is missing", self.place()));
            }
        }
        Ok(Operand::Literal(texts(items), Unit::One))
    }
}

/// The type of an operand.
fn kind(operand: &Operand) -> ReadingType {
    match operand {
        Operand::Reading(spec) => spec.kind,
        Operand::Literal(Value::Number(_) | Value::NotFinite(_), unit) => {
            ReadingType::Number(*unit)
        }
        Operand::Literal(Value::Flag(_), _) => ReadingType::Flag,
        Operand::Literal(Value::Text(_), _) => ReadingType::Text,
        Operand::Literal(Value::Texts(_), _) => ReadingType::Texts,
        Operand::Arithmetic(_, _, _, unit) => ReadingType::Number(*unit),
    }
}

fn number_unit(operand: &Operand, at: usize) -> Result<Unit, Problem> {
    match kind(operand) {
        ReadingType::Number(unit) => Ok(unit),
        other => Err(problem(format!("arithmetic takes numbers, and this is {other}"), at)),
    }
}

fn check_types(
    left: &Operand,
    op: Op,
    right: &Operand,
    op_at: usize,
    right_at: usize,
) -> Result<(), Problem> {
    use ReadingType::{Flag, Number, Text, Texts};
    if matches!(left, Operand::Literal(..)) && matches!(right, Operand::Literal(..)) {
        return Err(problem(
            "this compares two constants, so it says nothing about the target",
            op_at,
        ));
    }
    let (a, b) = (kind(left), kind(right));
    let fits = match op {
        Op::Less | Op::LessEqual | Op::Greater | Op::GreaterEqual => {
            matches!((a, b), (Number(x), Number(y)) if x == y)
        }
        Op::Equal | Op::NotEqual => match (a, b) {
            (Number(x), Number(y)) => x == y,
            _ => a == b,
        },
        Op::In => matches!((a, b), (Text, Texts)),
        Op::Contains => matches!((a, b), (Texts | Text, Text) | (Texts, Texts)),
        Op::Matches => matches!((a, b), (Text, Text)),
    };
    if fits {
        return Ok(());
    }
    let problem =
        problem(format!("{a} cannot be compared with {b} by `{}`", op.symbol()), right_at);
    Err(match (a, b) {
        (Number(unit), Number(Unit::One)) if unit != Unit::One => problem.hint(match unit {
            Unit::Time => "write a unit, such as `90d` or `800ms`",
            Unit::Percent => "write it in percent, such as `5%`",
            Unit::Bytes => "write a size, such as `2GiB`",
            Unit::One | Unit::PerSecond => "the units differ",
        }),
        (Texts, Text) => problem.hint("write a list, such as `[203.0.113.10]`, or use `contains`"),
        (Flag, _) => problem.hint("write `== true`, `== false`, or the reading alone"),
        _ => problem,
    })
}

fn matches(
    left: Operand,
    right: &Operand,
    left_at: usize,
    right_at: usize,
) -> Result<Predicate, Problem> {
    let Operand::Literal(Value::Text(pattern), _) = right else {
        return Err(problem("`matches` takes a pattern in quotes", right_at));
    };
    if kind(&left) != ReadingType::Text {
        return Err(problem(
            format!("`matches` looks at a text, and this is {}", kind(&left)),
            left_at,
        ));
    }
    match Regex::new(pattern) {
        Ok(regex) => Ok(Predicate::Matches(left, regex)),
        Err(error) => {
            let last = error.to_string().lines().last().unwrap_or_default().trim().to_owned();
            Err(problem(format!("the pattern cannot be read: {last}"), right_at))
        }
    }
}
