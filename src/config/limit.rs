//! `load.max_dead_letters`: a count, or a share of what the pass counted at its start.

use std::fmt;

/// Millionths in one percent.
const PER_PERCENT: u64 = 10_000;

/// How many dead letters one pipeline may have in a pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeadLetterLimit {
    /// At most this many.
    Count(u64),
    /// At most this many millionths of what the pass counted at its start. Whole numbers, so that 29% of 100
    /// is 29.
    Millionths(u64),
}

impl DeadLetterLimit {
    /// One in a hundred: the default.
    pub const ONE_PERCENT: DeadLetterLimit = DeadLetterLimit::Millionths(PER_PERCENT);

    /// How many of `expected` records may be dead letters.
    pub fn of(self, expected: u64) -> u64 {
        match self {
            DeadLetterLimit::Count(count) => count,
            DeadLetterLimit::Millionths(share) => {
                let allowed = u128::from(expected) * u128::from(share) / 1_000_000;
                u64::try_from(allowed).unwrap_or(u64::MAX)
            }
        }
    }

    /// Whether `charged` dead letters of `expected` records are within the limit.
    pub fn allows(self, charged: u64, expected: u64) -> bool {
        charged <= self.of(expected)
    }

    /// Reads `1%`, `0.05%` or `120`.
    pub(super) fn parse(text: &str) -> Option<DeadLetterLimit> {
        let Some(percent) = text.strip_suffix('%') else {
            return text.parse().ok().map(DeadLetterLimit::Count);
        };
        let (whole, fraction) = percent.split_once('.').unwrap_or((percent, "0"));
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        if !digits(whole) || !digits(fraction) || fraction.len() > 4 {
            return None;
        }
        let millionths = whole.parse::<u64>().ok()?.checked_mul(PER_PERCENT)?
            + format!("{fraction:0<4}").parse::<u64>().ok()?;
        (millionths <= 100 * PER_PERCENT).then_some(DeadLetterLimit::Millionths(millionths))
    }
}

impl fmt::Display for DeadLetterLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DeadLetterLimit::Count(count) => count.fmt(f),
            DeadLetterLimit::Millionths(share) if share % PER_PERCENT == 0 => {
                write!(f, "{}%", share / PER_PERCENT)
            }
            DeadLetterLimit::Millionths(share) => {
                let text = format!("{}.{:04}", share / PER_PERCENT, share % PER_PERCENT);
                write!(f, "{}%", text.trim_end_matches('0'))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_exact() {
        for (text, expected, allowed) in [
            ("1%", 100, 1),
            ("1%", 199, 1),
            ("29%", 100, 29),
            ("0.05%", 10_000, 5),
            ("100%", 7, 7),
            ("3", 0, 3),
        ] {
            let limit = DeadLetterLimit::parse(text).unwrap();
            assert_eq!(limit.of(expected), allowed, "{text} of {expected}");
            assert_eq!(limit.to_string(), text);
        }
        assert!(DeadLetterLimit::Count(2).allows(2, 0) && !DeadLetterLimit::Count(2).allows(3, 1_000));
    }

    #[test]
    fn other_texts_are_no_limits() {
        for text in ["", "%", "-1%", "101%", "1.%", ".5%", "1,5%", "0.00001%", "one", "-1", "1 %"] {
            assert_eq!(DeadLetterLimit::parse(text), None, "{text}");
        }
    }
}
