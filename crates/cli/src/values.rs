//! Values of flags that more than one command reads.

use std::time::Duration;
use tidings_model::{Durability, Offset, Start};
use tidings_server::settings::parse_duration;

/// Reads `--from`: `beginning` (or `-1`), `now`, `last:N`, or an offset.
pub(crate) fn start(text: &str) -> Result<Start, String> {
    match text {
        "beginning" | "-1" => return Ok(Start::Beginning),
        "now" => return Ok(Start::Now),
        _ => {}
    }
    if let Some(count) = text.strip_prefix("last:") {
        return match count.parse() {
            Ok(0) => Ok(Start::Now),
            Ok(count) => Ok(Start::Last(count)),
            Err(_) => Err("write a number after `last:`, such as `last:10`".to_owned()),
        };
    }
    let wrong = "write `beginning`, `now`, `last:N` or an offset that the server gave";
    Offset::parse(text).map(Start::After).map_err(|_| wrong.to_owned())
}

/// Reads a duration, such as `2s`.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    parse_duration(text)
        .map_err(|invalid| format!("it {invalid}; write one such as `2s`, `500ms` or `1h30m`"))
}

/// Reads a duration that is not zero.
pub(crate) fn positive_duration(text: &str) -> Result<Duration, String> {
    duration(text).and_then(|it| if it.is_zero() { Err("it must be above zero".to_owned()) } else { Ok(it) })
}

/// Reads a duration of whole seconds, at least one: what headers can carry.
pub(crate) fn whole_seconds(text: &str) -> Result<Duration, String> {
    match duration(text)? {
        it if it.is_zero() || it.subsec_nanos() != 0 => {
            Err("it must be whole seconds, at least `1s`".to_owned())
        }
        it => Ok(it),
    }
}

/// Reads a number above zero.
pub(crate) fn count(text: &str) -> Result<u64, String> {
    match text.parse() {
        Ok(0) | Err(_) => Err("write a whole number above zero".to_owned()),
        Ok(count) => Ok(count),
    }
}

/// Reads `disk` or `memory`.
pub(crate) fn durability(text: &str) -> Result<Durability, String> {
    Durability::parse(text).ok_or_else(|| "write `disk` or `memory`".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_start_is_a_word_or_an_offset() {
        assert_eq!(start("beginning"), Ok(Start::Beginning));
        assert_eq!(start("-1"), Ok(Start::Beginning));
        assert_eq!(start("now"), Ok(Start::Now));
        assert_eq!(start("last:10"), Ok(Start::Last(10)));
        assert_eq!(start("last:0"), Ok(Start::Now));
        let token = "0000000000000abc_0000000000000009";
        assert_eq!(start(token), Ok(Start::After(Offset::parse(token).unwrap())));
        assert!(start("last:x").unwrap_err().contains("last:10"));
        assert!(start("10").unwrap_err().contains("beginning"));
    }

    #[test]
    fn a_duration_needs_a_unit() {
        assert_eq!(duration("2s"), Ok(Duration::from_secs(2)));
        assert_eq!(duration("2").unwrap_err(), "it has no unit; write one such as `2s`, `500ms` or `1h30m`");
        assert!(positive_duration("0s").is_err());
        assert!(whole_seconds("500ms").is_err());
        assert_eq!(whole_seconds("1m"), Ok(Duration::from_mins(1)));
    }

    #[test]
    fn a_count_is_above_zero() {
        assert_eq!(count("7"), Ok(7));
        assert!(count("0").is_err() && count("-1").is_err() && count("x").is_err());
    }
}
