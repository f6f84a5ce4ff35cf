//! Figures, each perhaps with what it should be.

use crate::latency::Latency;
use crate::progress::{duration, whole};
use serde::{Deserialize, Serialize};
use std::fmt;

/// One thing that was measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Figure {
    pub(crate) what: String,
    value: f64,
    unit: Unit,
    aim: Option<Aim>,
}

/// What a value counts, and so how it is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Unit {
    Count,
    PerSecond,
    Bytes,
    BytesPerSecond,
    Seconds,
    Microseconds,
    Ratio,
    /// Of one, told in hundredths.
    Percent,
}

/// What a value should be.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Aim {
    AtLeast(f64),
    AtMost(f64),
    LessThan(f64),
}

impl Figure {
    pub(crate) fn new(what: impl Into<String>, value: f64, unit: Unit) -> Figure {
        Figure { what: what.into(), value, unit, aim: None }
    }

    pub(crate) fn count(what: impl Into<String>, count: u64) -> Figure {
        Figure::new(what, float(count), Unit::Count)
    }

    pub(crate) fn bytes(what: impl Into<String>, bytes: u64) -> Figure {
        Figure::new(what, float(bytes), Unit::Bytes)
    }

    pub(crate) fn aim(self, aim: Aim) -> Figure {
        Figure { aim: Some(aim), ..self }
    }

    /// The times of so much of what `what` did.
    pub(crate) fn quantiles(what: &str, latency: &Latency, quantiles: &[(&str, f64)]) -> Vec<Figure> {
        let figure = |&(name, quantile): &(&str, f64)| {
            Figure::new(format!("{what}, {name}"), latency.microseconds_at(quantile), Unit::Microseconds)
        };
        quantiles.iter().map(figure).collect()
    }

    pub(crate) fn is_missed(&self) -> bool {
        self.aim.is_some_and(|aim| !aim.is_met(self.value))
    }

    /// What was found, in its unit.
    pub(crate) fn found(&self) -> String {
        self.unit.text(self.value)
    }

    /// What it should be, in the same unit; empty if nobody said.
    pub(crate) fn aimed_at(&self) -> String {
        match self.aim {
            None => String::new(),
            Some(Aim::AtLeast(value)) => format!("at least {}", self.unit.text(value)),
            Some(Aim::AtMost(value)) => format!("at most {}", self.unit.text(value)),
            Some(Aim::LessThan(value)) => format!("less than {}", self.unit.text(value)),
        }
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.what, self.found())?;
        match self.aim {
            None => Ok(()),
            Some(_) if self.is_missed() => write!(f, ", missed: {}", self.aimed_at()),
            Some(_) => write!(f, " ({})", self.aimed_at()),
        }
    }
}

impl Aim {
    fn is_met(self, value: f64) -> bool {
        match self {
            Aim::AtLeast(aim) => aim <= value,
            Aim::AtMost(aim) => value <= aim,
            Aim::LessThan(aim) => value < aim,
        }
    }
}

impl Unit {
    fn text(self, value: f64) -> String {
        match self {
            Unit::Count => whole(value),
            Unit::PerSecond => format!("{}/s", whole(value)),
            Unit::Bytes if 1e10 <= value => format!("{:.1} GB", value / 1e9),
            Unit::Bytes if value < 1e6 => format!("{} bytes", whole(value)),
            Unit::Bytes => format!("{} MB", whole(value / 1e6)),
            Unit::BytesPerSecond => format!("{} MB/s", whole(value / 1e6)),
            Unit::Seconds => format!("{value:.2} s"),
            Unit::Microseconds => duration(value),
            Unit::Ratio => format!("{value:.2}"),
            Unit::Percent => format!("{:.2} %", value * 100.0),
        }
    }
}

/// A count as a figure.
#[expect(clippy::cast_precision_loss, reason = "counts of one run are far below 2^53")]
pub(crate) fn float(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missed_aim_is_told() {
        let figure = |value| Figure::new("creates", value, Unit::PerSecond).aim(Aim::AtLeast(50_000.0));
        assert_eq!(figure(50_000.0).to_string(), "creates: 50,000/s (at least 50,000/s)");
        assert_eq!(figure(49_000.0).to_string(), "creates: 49,000/s, missed: at least 50,000/s");
        assert!(figure(f64::NAN).is_missed(), "what is not known is no success");
        let time = Figure::new("p99", 1_000.0, Unit::Microseconds).aim(Aim::LessThan(1_000.0));
        assert_eq!(time.to_string(), "p99: 1.00 ms, missed: less than 1.00 ms");
    }

    #[test]
    fn sizes_are_decimal() {
        let texts = [100, 250_400_000, 12_800_000_000].map(|bytes| Figure::bytes("", bytes).found());
        assert_eq!(texts, ["100 bytes", "250 MB", "12.8 GB"]);
    }
}
