//! The `timeout` of a long poll: seconds, with fractions.

use crate::Problem;
use crate::digits::parse_decimal;
use crate::query::invalid;
use std::time::Duration;

/// What a longer timeout is taken as. Every server's own limit is far below.
const TIMEOUT_MAX: Duration = Duration::from_hours(24);

/// Reads `30`, `0.5` or `.5`; parts of a millisecond are dropped.
pub(super) fn parse(text: &str) -> Result<Duration, Problem> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let is_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.len() + fraction.len() == 0 || !is_digits(whole) || !is_digits(fraction) {
        return Err(invalid("`timeout` is a number of seconds, such as 30 or 0.5"));
    }
    let seconds = match whole {
        "" => 0,
        digits => parse_decimal(digits.as_bytes()).unwrap_or(u64::MAX),
    };
    let ms = fraction.bytes().chain(*b"000").take(3).fold(0, |ms, digit| ms * 10 + u64::from(digit - b'0'));
    Ok(Duration::from_secs(seconds).saturating_add(Duration::from_millis(ms)).min(TIMEOUT_MAX))
}

/// The text that [`parse`] reads, to the millisecond.
pub(super) fn to_text(timeout: Duration) -> String {
    match timeout.subsec_millis() {
        0 => timeout.as_secs().to_string(),
        ms => format!("{}.{ms:03}", timeout.as_secs()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_may_have_fractions_and_no_end() {
        let parsed = |text| parse(text).map(|timeout| timeout.as_millis());
        for (text, ms) in
            [("0", 0), ("30", 30_000), ("0.5", 500), (".25", 250), ("1.", 1_000), ("1.0019", 1_001)]
        {
            assert_eq!(parsed(text), Ok(ms), "{text}");
        }
        for huge in ["86401", "18446744073709551615.9", "99999999999999999999999"] {
            assert_eq!(parse(huge), Ok(TIMEOUT_MAX), "{huge}");
        }
    }

    #[test]
    fn nothing_else_is_a_timeout() {
        for bad in ["", ".", "-1", "+1", "1e3", "NaN", "inf", "1.2.3", "1,5", " 1", "1s"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
