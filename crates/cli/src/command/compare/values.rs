//! The values of `tidings compare`: lists, rates, parts, headers, and the limits of each.

use crate::values::duration;
use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;
use tidings_compare::limits;

/// One or several values, with commas between them.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct List<T>(pub(super) Vec<T>);

impl<T> List<T> {
    /// Reads each; none twice.
    fn parse(text: &str, one: fn(&str) -> Result<T, String>) -> Result<List<T>, String>
    where
        T: PartialEq,
    {
        let mut values = Vec::new();
        for part in text.split(',') {
            let value = one(part.trim())?;
            if values.contains(&value) {
                return Err(format!("`{}` is there twice", part.trim()));
            }
            values.push(value);
        }
        Ok(List(values))
    }
}

/// Messages a second, as they were written.
#[derive(Clone, Debug)]
pub(super) struct Rate {
    pub(super) per_s: f64,
    text: String,
}

impl PartialEq for Rate {
    /// `60/min` is `1/s`.
    fn eq(&self, other: &Rate) -> bool {
        (self.per_s - other.per_s).abs() < 1e-9
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Reads numbers of followers.
pub(super) fn followers(text: &str) -> Result<List<usize>, String> {
    List::parse(text, |part| whole(part, &limits::FOLLOWERS))
}

/// Reads a number of streams.
pub(super) fn streams(text: &str) -> Result<usize, String> {
    whole(text, &limits::STREAMS)
}

/// Reads the size of a message.
pub(super) fn message_bytes(text: &str) -> Result<usize, String> {
    whole(text, &limits::MESSAGE_BYTES)
}

/// Reads rates.
pub(super) fn rates(text: &str) -> Result<List<Rate>, String> {
    List::parse(text, rate)
}

/// Reads `2/s`, `30/min`, `100/h`, or `10`, which is a second's.
fn rate(text: &str) -> Result<Rate, String> {
    const WRITE: &str = "write messages a second or a minute, such as `2/s`, `0.1/s` or `30/min`";
    let (number, unit) = text.split_once('/').unwrap_or((text, "s"));
    let seconds = match unit.trim() {
        "s" => 1.0,
        "min" => 60.0,
        "h" => 3_600.0,
        _ => return Err(WRITE.to_owned()),
    };
    let number: f64 = decimal(number).ok_or(WRITE)?;
    let per_s = number / seconds;
    let allowed = limits::MESSAGES_PER_S;
    if !allowed.contains(&per_s) {
        return Err(format!("it must be between {}/s and {}/s", allowed.start(), allowed.end()));
    }
    let text = if text.contains('/') { text.replace(' ', "") } else { format!("{text}/s") };
    Ok(Rate { per_s, text })
}

/// Reads intervals of polling.
pub(super) fn intervals(text: &str) -> Result<List<Duration>, String> {
    let list = List::parse(text, |part| duration_within(part, &limits::POLL_EVERY))?;
    if limits::POLL_INTERVALS_MAX < list.0.len() {
        return Err(format!("at most {} intervals can be compared at once", limits::POLL_INTERVALS_MAX));
    }
    Ok(list)
}

/// Reads for how long each run publishes.
pub(super) fn run_duration(text: &str) -> Result<Duration, String> {
    duration_within(text, &limits::DURATION)
}

/// Reads which latency is late.
pub(super) fn late(text: &str) -> Result<Duration, String> {
    duration_within(text, &limits::LATE)
}

/// Reads a round trip.
pub(super) fn rtt(text: &str) -> Result<Duration, String> {
    duration_within(text, &limits::RTT)
}

/// Reads `1%` as 0.01.
pub(super) fn loss(text: &str) -> Result<f64, String> {
    const WRITE: &str = "write a percentage, such as `1%`";
    let percent = text.strip_suffix('%').and_then(|number| decimal(number.trim_end())).ok_or(WRITE)?;
    let part = percent / 100.0;
    if !limits::LOSS.contains(&part) {
        return Err(format!("it must be between 0% and {}%", limits::LOSS.end() * 100.0));
    }
    Ok(part)
}

/// Reads a field of a request: `Name: value`.
pub(super) fn header(text: &str) -> Result<String, String> {
    let (name, value) =
        text.split_once(':').ok_or("write a name, a colon and a value, such as `Authorization: Bearer …`")?;
    let (name, value) = (name.trim(), value.trim());
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if name.is_empty() || !name.bytes().all(is_token) {
        return Err("what stands before the colon is no name of a header".to_owned());
    }
    if !value.bytes().all(|byte| byte == b'\t' || (b' '..=b'~').contains(&byte)) {
        return Err(format!("the value of `{name}` may hold visible ASCII characters and spaces only"));
    }
    Ok(format!("{name}: {value}"))
}

/// A duration as [`duration`] reads it back.
pub(super) fn duration_text(duration: Duration) -> String {
    match duration.subsec_millis() {
        0 => format!("{}s", duration.as_secs()),
        _ => format!("{}ms", duration.as_millis()),
    }
}

fn whole(text: &str, allowed: &RangeInclusive<usize>) -> Result<usize, String> {
    let (min, max) = (allowed.start(), allowed.end());
    text.parse()
        .ok()
        .filter(|number| allowed.contains(number))
        .ok_or_else(|| format!("write a whole number from {min} to {max}"))
}

fn duration_within(text: &str, allowed: &RangeInclusive<Duration>) -> Result<Duration, String> {
    let duration = duration(text)?;
    if allowed.contains(&duration) {
        return Ok(duration);
    }
    let (min, max) = (duration_text(*allowed.start()), duration_text(*allowed.end()));
    Err(format!("it must be between {min} and {max}"))
}

/// A plain decimal: no sign, no exponent, no `inf`.
fn decimal(text: &str) -> Option<f64> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    f64::from_str(text).ok().filter(|_| is_plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn per_s(text: &str) -> f64 {
        let list = rates(text).unwrap();
        assert_eq!(list.0.len(), 1);
        list.0[0].per_s
    }

    #[test]
    fn a_rate_is_of_a_second_a_minute_or_an_hour() {
        for (text, expected) in [("2/s", 2.0), ("30/min", 0.5), ("0.1/s", 0.1), ("10", 10.0), ("360/h", 0.1)]
        {
            assert!((per_s(text) - expected).abs() < 1e-12, "{text}");
        }
        assert_eq!(rates("10, 30/min").unwrap().0[0].to_string(), "10/s");
        for text in
            ["", "x", "2/day", "-1/s", "1e3/s", "inf", "0/s", "0.001/s", "20000/s", "2/s,", "1/s,60/min"]
        {
            assert!(rates(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_list_has_no_value_twice() {
        assert_eq!(followers("10,100, 1000"), Ok(List(vec![10, 100, 1_000])));
        assert_eq!(followers("10,10"), Err("`10` is there twice".to_owned()));
        assert_eq!(followers("0"), Err("write a whole number from 1 to 50000".to_owned()));
        assert_eq!(followers("1000000"), followers("many"));
    }

    #[test]
    fn intervals_have_bounds_and_are_few() {
        assert_eq!(intervals("1s,500ms"), Ok(List(vec![Duration::from_secs(1), Duration::from_millis(500)])));
        assert_eq!(intervals("10ms"), Err("it must be between 100ms and 600s".to_owned()));
        assert!(intervals("1s,2s,3s,4s,5s,6s").unwrap_err().contains("at most 5"));
        assert!(intervals("5").unwrap_err().contains("no unit"));
    }

    #[test]
    fn a_loss_is_a_percentage() {
        assert_eq!(loss("1%"), Ok(0.01));
        assert_eq!(loss("2.5 %"), Ok(0.025));
        assert!(loss("0.01").is_err() && loss("51%").is_err() && loss("-1%").is_err());
    }

    #[test]
    fn a_header_can_hold_no_second_one() {
        assert_eq!(header("Authorization:Bearer x "), Ok("Authorization: Bearer x".to_owned()));
        for text in ["Authorization", ": x", "A b: c", "A: b\r\nC: d"] {
            assert!(header(text).is_err(), "{text}");
        }
    }
}
