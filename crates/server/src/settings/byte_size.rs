//! Sizes in bytes as people write them: `8 MiB`, `64KiB`, `1048576`.

use super::kind::InvalidValue;

const UNITS: [(&str, usize); 5] =
    [("b", 1), ("kib", 1 << 10), ("mib", 1 << 20), ("gib", 1 << 30), ("tib", 1 << 40)];

/// Reads a whole number of bytes, or of `KiB`, `MiB`, `GiB`, `TiB` in any letter case.
pub(super) fn parse_bytes(text: &str) -> Result<usize, InvalidValue> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, unit) = text.split_at(digits);
    let unit = unit.trim_start();
    if digits.is_empty() {
        return Err(InvalidValue::new("is not a size"));
    }
    let unit_bytes = if unit.is_empty() {
        1
    } else {
        UNITS
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(unit))
            .map(|(_, bytes)| *bytes)
            .ok_or_else(|| InvalidValue::new(format!("has the unknown unit `{unit}`")))?
    };
    let count = digits.parse::<usize>().ok();
    count.and_then(|count| count.checked_mul(unit_bytes)).ok_or_else(|| InvalidValue::new("is too large"))
}

/// The shortest exact text: `8 MiB`, `16448 KiB`, `1000`.
pub(super) fn show_bytes(bytes: usize) -> String {
    let whole = UNITS.iter().rev().find(|(_, unit)| 1 < *unit && bytes != 0 && bytes.is_multiple_of(*unit));
    match whole {
        Some((name, unit)) => format!("{} {}iB", bytes / unit, name[..1].to_ascii_uppercase()),
        None => bytes.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_read_as_people_write_them() {
        for (text, bytes) in [
            ("0", 0),
            ("1048576", 1 << 20),
            ("64KiB", 64 << 10),
            ("8 MiB", 8 << 20),
            ("1 gib", 1 << 30),
            ("10 B", 10),
        ] {
            assert_eq!(parse_bytes(text), Ok(bytes), "{text}");
        }
    }

    #[test]
    fn other_texts_say_what_is_wrong() {
        for (text, reason) in [
            ("", "is not a size"),
            ("MiB", "is not a size"),
            ("-1", "is not a size"),
            ("8 MB", "has the unknown unit `MB`"),
            ("1.5 MiB", "has the unknown unit `.5 MiB`"),
            ("99999999999999999999", "is too large"),
            ("99999999999 TiB", "is too large"),
        ] {
            assert_eq!(parse_bytes(text), Err(InvalidValue::new(reason)), "{text}");
        }
    }

    #[test]
    fn a_size_is_shown_exactly() {
        for text in ["8 MiB", "16448 KiB", "1000", "0", "1 TiB"] {
            assert_eq!(show_bytes(parse_bytes(text).unwrap()), text);
        }
    }
}
