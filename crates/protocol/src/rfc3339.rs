//! Points in time as RFC 3339 text: `2026-11-23T10:00:00.000Z`.

use crate::civil::Civil;
use crate::digits::fill_decimal;
use tidings_model::Timestamp;

/// The length of the text that this crate writes.
pub const RFC3339_BYTES: usize = 24;

/// The text of a point in time, in UTC with milliseconds. Years beyond 9999 are written as the end of that year.
pub fn rfc3339_text(time: Timestamp) -> [u8; RFC3339_BYTES] {
    let civil = Civil::at(time);
    let mut text = *b"0000-00-00T00:00:00.000Z";
    fill_decimal(civil.year, &mut text[0..4]);
    fill_decimal(civil.month, &mut text[5..7]);
    fill_decimal(civil.day, &mut text[8..10]);
    fill_decimal(civil.hour, &mut text[11..13]);
    fill_decimal(civil.minute, &mut text[14..16]);
    fill_decimal(civil.second, &mut text[17..19]);
    fill_decimal(civil.millisecond, &mut text[20..23]);
    text
}

/// Reads any RFC 3339 text, with `Z` or an offset. Moments before 1970 are taken as 1970.
///
/// jiff takes more than RFC 3339 allows (`[zone]`, a missing second, a space), so the shape is checked first.
pub fn parse_rfc3339(text: &str) -> Option<Timestamp> {
    if !has_rfc3339_shape(text.as_bytes()) {
        return None;
    }
    let moment: jiff::Timestamp = text.parse().ok()?;
    Some(Timestamp(u64::try_from(moment.as_millisecond()).unwrap_or(0)))
}

fn has_rfc3339_shape(text: &[u8]) -> bool {
    let Some((head, rest)) = text.split_at_checked("0000-00-00T00:00:00".len()) else {
        return false;
    };
    let zone = match rest {
        [b'.', fraction @ ..] => {
            let digits = fraction.iter().take_while(|byte| byte.is_ascii_digit()).count();
            if digits == 0 {
                return false;
            }
            &fraction[digits..]
        }
        _ => rest,
    };
    let is_zone = matches!(zone, b"Z" | b"z") || fits(zone, b"+00:00") || fits(zone, b"-00:00");
    is_zone && (fits(head, b"0000-00-00T00:00:00") || fits(head, b"0000-00-00t00:00:00"))
}

/// Whether `text` has a digit wherever `shape` has one, and is equal elsewhere.
fn fits(text: &[u8], shape: &[u8]) -> bool {
    let is_same = |(byte, like): (&u8, &u8)| if *like == b'0' { byte.is_ascii_digit() } else { byte == like };
    text.len() == shape.len() && text.iter().zip(shape).all(is_same)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(ms: u64) -> String {
        String::from_utf8(rfc3339_text(Timestamp(ms)).to_vec()).unwrap()
    }

    #[test]
    fn dates_are_those_of_the_calendar() {
        assert_eq!(text(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(text(951_782_400_000), "2000-02-29T00:00:00.000Z");
        assert_eq!(text(1_795_341_600_123), "2026-11-22T10:00:00.123Z");
        assert_eq!(text(4_107_542_399_999), "2100-02-28T23:59:59.999Z");
        assert_eq!(text(u64::MAX), "9999-12-31T23:59:59.999Z");
    }

    #[test]
    fn every_day_of_four_centuries_agrees_with_jiff() {
        for day in 0..146_097 {
            let ms = day * 86_400_000 + 3_723_004;
            let theirs = jiff::Timestamp::from_millisecond(i64::try_from(ms).unwrap()).unwrap();
            assert_eq!(text(ms), format!("{theirs:.3}"));
        }
    }

    #[test]
    fn a_text_with_an_offset_is_read() {
        let time = Timestamp(1_795_341_600_000);
        for good in [
            "2026-11-22T10:00:00Z",
            "2026-11-22t10:00:00.000z",
            "2026-11-22T11:30:00+01:30",
            "2026-11-22T10:00:00.0000009Z",
        ] {
            assert_eq!(parse_rfc3339(good), Some(time), "{good}");
        }
        assert_eq!(parse_rfc3339("1969-12-31T00:00:00Z"), Some(Timestamp(0)));
    }

    #[test]
    fn nothing_else_is_a_time() {
        for bad in [
            "",
            "2026-11-22",
            "2026-11-22 10:00:00Z",
            "2026-11-22T10:00:00",
            "2026-11-22T10:00Z",
            "2026-11-22T10:00:00.Z",
            "2026-13-22T10:00:00Z",
            "2026-02-30T10:00:00Z",
            "2026-11-22T25:00:00Z",
            "2026-11-22T10:00:00Z[Europe/Berlin]",
            "tomorrow",
        ] {
            assert_eq!(parse_rfc3339(bad), None, "{bad}");
        }
    }
}
