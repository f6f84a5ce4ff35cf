//! The `Date` header: `Sun, 06 Nov 1994 08:49:37 GMT`.

use crate::civil::Civil;
use crate::digits::fill_decimal;
use tidings_model::Timestamp;

/// The text of a `Date` header. It holds for one second, so a server writes it once per tick.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HttpDate([u8; 29]);

impl HttpDate {
    /// The text for that moment.
    pub fn at(time: Timestamp) -> HttpDate {
        const WEEKDAYS: [&[u8; 3]; 7] = [b"Sun", b"Mon", b"Tue", b"Wed", b"Thu", b"Fri", b"Sat"];
        const MONTHS: &[u8] = b"JanFebMarAprMayJunJulAugSepOctNovDec";
        let civil = Civil::at(time);
        let month_at = usize::try_from(civil.month - 1).expect("below twelve") * 3;
        let mut text = *b"Sun, 00 Jan 0000 00:00:00 GMT";
        text[0..3].copy_from_slice(WEEKDAYS[civil.weekday]);
        fill_decimal(civil.day, &mut text[5..7]);
        text[8..11].copy_from_slice(&MONTHS[month_at..month_at + 3]);
        fill_decimal(civil.year, &mut text[12..16]);
        fill_decimal(civil.hour, &mut text[17..19]);
        fill_decimal(civil.minute, &mut text[20..22]);
        fill_decimal(civil.second, &mut text[23..25]);
        HttpDate(text)
    }

    /// The bytes after `date: `.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_rfc_comes_out() {
        let date = HttpDate::at(Timestamp(784_111_777_000));
        assert_eq!(date.as_bytes(), b"Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(HttpDate::at(Timestamp(0)).as_bytes(), b"Thu, 01 Jan 1970 00:00:00 GMT");
    }
}
