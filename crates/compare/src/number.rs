//! Numbers as people read them: two or three digits that count, and a unit.

use std::fmt;

/// A number and its unit, apart, so that a page may set the unit smaller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Figure {
    /// Digits, a point, commas between thousands; perhaps a sign.
    pub(crate) number: String,
    /// May be empty.
    pub(crate) unit: &'static str,
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let gap = if self.unit.is_empty() { "" } else { " " };
        f.pad(&format!("{}{gap}{}", self.number, self.unit))
    }
}

/// A duration, from nanoseconds to hours.
pub(crate) fn duration(milliseconds: f64) -> Figure {
    const UNITS: &[(f64, &str)] = &[(1e-3, "µs"), (1.0, "ms"), (1e3, "s"), (60e3, "min"), (3_600e3, "h")];
    in_units(milliseconds, UNITS)
}

/// A size, in powers of 1,000.
pub(crate) fn size(bytes: f64) -> Figure {
    const UNITS: &[(f64, &str)] = &[(1.0, "B"), (1e3, "KB"), (1e6, "MB"), (1e9, "GB"), (1e12, "TB")];
    in_units(bytes, UNITS)
}

/// A part of a whole.
pub(crate) fn percent(part: f64) -> Figure {
    Figure { number: rounded(part * 100.0), unit: "%" }
}

/// `3.1 times`.
pub(crate) fn times(ratio: f64) -> Figure {
    Figure { number: rounded(ratio), unit: "times" }
}

/// A number without a unit, rounded.
pub(crate) fn plain(value: f64) -> Figure {
    Figure { number: rounded(value), unit: "" }
}

/// A count, exactly.
pub(crate) fn count(value: u64) -> String {
    grouped(&value.to_string())
}

/// `1 message`, `2 messages`.
pub(crate) fn counted(value: u64, one: &str) -> String {
    if value == 1 { format!("1 {one}") } else { format!("{} {one}s", count(value)) }
}

/// The largest unit in which the value, rounded, is at least 1; seconds up to two minutes, minutes up to two hours.
fn in_units(value: f64, units: &[(f64, &'static str)]) -> Figure {
    let reaches = |size: f64, unit: &str| {
        let least = if unit == "min" || unit == "h" { 2.0 } else { 0.9995 };
        least * size <= value.abs()
    };
    let (size, unit) = *units.iter().rev().find(|(size, unit)| reaches(*size, unit)).unwrap_or(&units[0]);
    let text = rounded(value / size);
    Figure { number: text, unit }
}

/// Two digits that count below 100, three above.
fn rounded(value: f64) -> String {
    let size = value.abs();
    if !value.is_finite() {
        return "–".to_owned();
    }
    if size == 0.0 {
        return "0".to_owned();
    }
    if 99.5 <= size {
        let step = 10_f64.powf((size.log10() + 1e-9).floor() - 2.0).max(1.0);
        return signed(value, &grouped(&format!("{:.0}", (size / step).round() * step)));
    }
    let digits = if 9.95 <= size {
        0
    } else if 0.995 <= size {
        1
    } else {
        // 0.034: as many places as it takes to show two digits.
        fraction_digits(size)
    };
    let text = format!("{size:.digits$}");
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    signed(value, text)
}

fn signed(value: f64, digits: &str) -> String {
    if value < 0.0 { format!("−{digits}") } else { digits.to_owned() }
}

/// How many places show two digits of a number below 1, at most 6.
fn fraction_digits(size: f64) -> usize {
    (1..6)
        .find(|&places| 0.995 <= size * 10_f64.powi(places - 1))
        .map_or(6, |places| places.unsigned_abs() as usize)
}

fn grouped(digits: &str) -> String {
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index != 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_the_unit_that_suits() {
        let cases = [
            (0.0, "0 µs"),
            (0.000_4, "0.4 µs"),
            (0.84, "840 µs"),
            (0.999_9, "1 ms"),
            (3.12, "3.1 ms"),
            (12.4, "12 ms"),
            (999.7, "1 s"),
            (2_600.0, "2.6 s"),
            (90_000.0, "90 s"),
            (150_000.0, "2.5 min"),
            (3.0 * 3_600e3, "3 h"),
        ];
        for (milliseconds, text) in cases {
            assert_eq!(duration(milliseconds).to_string(), text, "{milliseconds}");
        }
    }

    #[test]
    fn sizes_are_in_powers_of_1000() {
        let cases =
            [(0.0, "0 B"), (310.0, "310 B"), (1_240.0, "1.2 KB"), (12e6, "12 MB"), (-2_300.0, "−2.3 KB")];
        for (bytes, text) in cases {
            assert_eq!(size(bytes).to_string(), text, "{bytes}");
        }
    }

    #[test]
    fn numbers_keep_two_or_three_digits() {
        let cases = [
            (0.1, "0.1"),
            (0.034_4, "0.034"),
            (0.996, "1"),
            (0.04, "0.04"),
            (1.0, "1"),
            (9.96, "10"),
            (31.4, "31"),
            (99.7, "100"),
            (100.0, "100"),
            (1_000.0, "1,000"),
            (1_236.0, "1,240"),
            (123_456.0, "123,000"),
            (f64::NAN, "–"),
        ];
        for (value, text) in cases {
            assert_eq!(plain(value).to_string(), text, "{value}");
        }
        assert_eq!(times(3.12).to_string(), "3.1 times");
        assert_eq!(percent(0.031).to_string(), "3.1 %");
        assert_eq!(count(1_234_567), "1,234,567");
        assert_eq!(
            (counted(1, "message"), counted(5_000, "message")),
            ("1 message".into(), "5,000 messages".into())
        );
    }
}
