//! A grade: from `A+` down to `F`, and below it `M` and `T` for certificates that clients would not accept.

use std::fmt;

/// A grade, the worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Grade {
    /// The certificate is not trusted.
    T,
    /// The certificate is for other names.
    M,
    /// Broken.
    F,
    /// A score of at least 20.
    E,
    /// At least 35.
    D,
    /// At least 50.
    C,
    /// At least 65.
    B,
    /// At least 80, with a warning.
    AMinus,
    /// At least 80.
    A,
    /// At least 80, and exemplary.
    APlus,
}

impl Grade {
    /// The grade as a number, from 0 for `T` to 9 for `A+`.
    pub(super) fn rank(self) -> u8 {
        match self {
            Self::T => 0,
            Self::M => 1,
            Self::F => 2,
            Self::E => 3,
            Self::D => 4,
            Self::C => 5,
            Self::B => 6,
            Self::AMinus => 7,
            Self::A => 8,
            Self::APlus => 9,
        }
    }

    /// The grade's name.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::T => "T",
            Self::M => "M",
            Self::F => "F",
            Self::E => "E",
            Self::D => "D",
            Self::C => "C",
            Self::B => "B",
            Self::AMinus => "A-",
            Self::A => "A",
            Self::APlus => "A+",
        }
    }
}

impl fmt::Display for Grade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// From the worst that is possible to the best, where something was not tested.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Range<T> {
    /// The worst.
    pub(super) lower: T,
    /// The best.
    pub(super) upper: T,
}

impl<T: Copy + PartialEq> Range<T> {
    /// The one value that is possible, if there is but one.
    pub(super) fn point(self) -> Option<T> {
        (self.lower == self.upper).then_some(self.lower)
    }
}

impl<T: fmt::Display + Copy + PartialEq> fmt::Display for Range<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.point() {
            Some(point) => write!(f, "{point}"),
            None => write!(f, "{} to {}", self.lower, self.upper),
        }
    }
}
