//! Durations as people write them: `30s`, `500ms`, `1h30m`, `7d`.

use super::kind::InvalidValue;
use std::time::Duration;

/// The units and their milliseconds, largest first.
const UNITS: [(&str, u64); 5] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// Reads one or more whole numbers, each with its unit (`d`, `h`, `m`, `s`, `ms`), largest unit first.
pub fn parse_duration(text: &str) -> Result<Duration, InvalidValue> {
    let mut rest = text.trim();
    let mut ms = 0_u64;
    let mut units = UNITS.iter();
    if rest.is_empty() {
        return Err(InvalidValue::new("is empty"));
    }
    while !rest.is_empty() {
        let (digits, after) = split_at_first(rest, |c| !c.is_ascii_digit());
        let (unit, after) = split_at_first(after, |c| !c.is_ascii_alphabetic());
        if digits.is_empty() {
            return Err(InvalidValue::new("is not a duration"));
        }
        if unit.is_empty() {
            return Err(InvalidValue::new("has no unit"));
        }
        let Some((_, unit_ms)) = units.find(|(name, _)| *name == unit) else {
            return Err(InvalidValue::new(if UNITS.iter().any(|(name, _)| *name == unit) {
                "has its units in the wrong order".to_owned()
            } else {
                format!("has the unknown unit `{unit}`")
            }));
        };
        ms = digits
            .parse::<u64>()
            .ok()
            .and_then(|count| count.checked_mul(*unit_ms))
            .and_then(|part| ms.checked_add(part))
            .ok_or_else(|| InvalidValue::new("is too large"))?;
        rest = after;
    }
    Ok(Duration::from_millis(ms))
}

fn split_at_first(text: &str, is_end: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(is_end).unwrap_or(text.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_as_people_write_them() {
        for (text, ms) in [
            ("0s", 0),
            ("500ms", 500),
            ("30s", 30_000),
            ("2m", 120_000),
            ("1h30m", 5_400_000),
            ("7d", 604_800_000),
            ("1s500ms", 1_500),
            (" 30s ", 30_000),
        ] {
            assert_eq!(parse_duration(text), Ok(Duration::from_millis(ms)), "{text}");
        }
    }

    #[test]
    fn other_texts_say_what_is_wrong() {
        for (text, reason) in [
            ("", "is empty"),
            ("30", "has no unit"),
            ("1h30", "has no unit"),
            ("s", "is not a duration"),
            ("-1s", "is not a duration"),
            ("1.5s", "has no unit"),
            ("5 s", "has no unit"),
            ("5min", "has the unknown unit `min`"),
            ("30m1h", "has its units in the wrong order"),
            ("1s1s", "has its units in the wrong order"),
            ("99999999999999999999s", "is too large"),
            ("999999999999999999d", "is too large"),
        ] {
            assert_eq!(parse_duration(text), Err(InvalidValue::new(reason)), "{text}");
        }
    }
}
