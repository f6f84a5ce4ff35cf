//! Whole numbers as decimal text, written without allocation and read without tolerance.

/// The largest integer that every client can hold exactly: 2^53 − 1.
pub const INTEGER_MAX: u64 = (1 << 53) - 1;

/// The longest decimal text of a `u64`.
const DIGITS_MAX: usize = 20;

/// Appends `number` in decimal.
pub fn write_decimal(number: u64, out: &mut Vec<u8>) {
    let mut digits = [0_u8; DIGITS_MAX];
    let mut at = digits.len();
    let mut rest = number;
    loop {
        at -= 1;
        digits[at] = digit(rest % 10);
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

/// Fills `place` with the last decimal digits of `number`, zeros in front.
pub(crate) fn fill_decimal(mut number: u64, place: &mut [u8]) {
    for byte in place.iter_mut().rev() {
        *byte = digit(number % 10);
        number /= 10;
    }
}

#[allow(clippy::cast_possible_truncation, reason = "the value is below ten")]
fn digit(value: u64) -> u8 {
    b'0' + value as u8
}

/// Reads `^\d+$`; `None` for anything else and for numbers above 64 bits.
pub(crate) fn parse_decimal(text: &[u8]) -> Option<u64> {
    if text.is_empty() {
        return None;
    }
    text.iter().try_fold(0_u64, |number, byte| {
        let digit = byte.is_ascii_digit().then(|| u64::from(byte - b'0'))?;
        number.checked_mul(10)?.checked_add(digit)
    })
}

/// As [`parse_decimal`], up to [`INTEGER_MAX`].
pub(crate) fn parse_integer(text: &[u8]) -> Option<u64> {
    parse_decimal(text).filter(|&number| number <= INTEGER_MAX)
}

/// As [`parse_integer`], and without zeros in front: what [`write_decimal`] writes, and nothing else.
pub(crate) fn parse_canonical(text: &[u8]) -> Option<u64> {
    match text {
        [b'0', _, ..] => None,
        _ => parse_integer(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_written_as_the_library_does() {
        for number in [0, 7, 10, 99, 100, 12_345, u64::MAX] {
            let mut out = Vec::new();
            write_decimal(number, &mut out);
            assert_eq!(out, number.to_string().as_bytes());
        }
        let mut place = [0; 4];
        fill_decimal(123_456, &mut place);
        assert_eq!(&place, b"3456");
    }

    #[test]
    fn only_digits_are_a_number() {
        for bad in ["", "+1", "-1", "1.0", "1e3", " 1", "1abc", "0x1", "18446744073709551616"] {
            assert_eq!(parse_decimal(bad.as_bytes()), None, "{bad}");
        }
        assert_eq!(parse_decimal(b"007"), Some(7));
        assert_eq!(parse_decimal(b"18446744073709551615"), Some(u64::MAX));
        assert_eq!(parse_integer(b"9007199254740991"), Some(INTEGER_MAX));
        assert_eq!(parse_integer(b"9007199254740992"), None);
        assert_eq!(parse_canonical(b"060"), None);
        assert_eq!(parse_canonical(b"0"), Some(0));
    }
}
