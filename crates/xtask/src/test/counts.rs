//! How many tests passed and failed, read from what a test program prints.

use std::fmt;

/// A number of tests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) passed: u32,
    pub(super) failed: u32,
}

/// In which form a program says how its tests went.
#[derive(Clone, Copy, Debug)]
pub(super) enum Form {
    /// It runs no tests.
    None,
    /// `test result: ok. 5 passed; 0 failed; …`, once for each of several programs, as cargo prints it; and `conformance: 250 passed, 0 failed`,
    /// `deny: 1 passed, 0 failed`, or `fuzz: 2 passed, 0 failed`.
    PassedAndFailed,
    /// `ℹ pass 5` and `ℹ fail 0`, as Node.js prints it.
    Node,
}

/// How a line with a sum begins.
const SUMS: [&str; 4] = ["test result:", "conformance:", "deny:", "fuzz:"];

impl Form {
    /// What this line adds.
    pub(super) fn read(self, line: &str) -> Counts {
        match self {
            Form::None => Counts::default(),
            Form::PassedAndFailed => {
                let is_sum = SUMS.iter().any(|begin| line.starts_with(begin));
                let before = |word| if is_sum { number_before(line, word) } else { 0 };
                Counts { passed: before("passed"), failed: before("failed") }
            }
            Form::Node => {
                let after = |word| line.strip_prefix(word).and_then(|rest| rest.trim().parse().ok());
                Counts { passed: after("ℹ pass ").unwrap_or(0), failed: after("ℹ fail ").unwrap_or(0) }
            }
        }
    }
}

fn number_before(line: &str, word: &str) -> u32 {
    let words: Vec<&str> = line.split_whitespace().collect();
    let pair = words.windows(2).find(|pair| pair[1].trim_end_matches([';', ',']) == word);
    pair.and_then(|pair| pair[0].parse().ok()).unwrap_or(0)
}

impl Counts {
    pub(super) fn plus(self, other: Counts) -> Counts {
        Counts { passed: self.passed + other.passed, failed: self.failed + other.failed }
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed", self.passed, self.failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sums_of_each_kind_of_program_are_read() {
        let cargo = "test result: FAILED. 6 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.13s";
        assert_eq!(Form::PassedAndFailed.read(cargo), Counts { passed: 6, failed: 1 });
        let suite = "conformance: 244 passed, 6 failed";
        assert_eq!(Form::PassedAndFailed.read(suite), Counts { passed: 244, failed: 6 });
        assert_eq!(Form::PassedAndFailed.read("fuzz: 1 passed, 1 failed"), Counts { passed: 1, failed: 1 });
        assert_eq!(Form::PassedAndFailed.read("deny: 1 passed, 0 failed"), Counts { passed: 1, failed: 0 });
        assert_eq!(Form::Node.read("ℹ pass 12"), Counts { passed: 12, failed: 0 });
        assert_eq!(Form::Node.read("ℹ fail 3"), Counts { passed: 0, failed: 3 });
        assert_eq!(Form::PassedAndFailed.read("test a::passed ... ok"), Counts::default());
        assert_eq!(Form::Node.read("✔ pass 12"), Counts::default());
    }
}
