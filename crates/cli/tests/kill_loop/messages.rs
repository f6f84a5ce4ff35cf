//! What is published: 1 to 8 KiB of JSON that a number tells all of.

use std::sync::OnceLock;
use tidings_testkit::Random;

const TEXT_BYTES_MIN: usize = 1 << 10;
const TEXT_BYTES_MAX: usize = 8 << 10;
const LETTERS: &[u8] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 .";

/// Message `number`.
pub(crate) fn message(number: u64) -> String {
    let mut random = Random::seeded(number);
    let bytes = TEXT_BYTES_MIN + random.below(TEXT_BYTES_MAX - TEXT_BYTES_MIN);
    let from = random.below(letters().len() - bytes);
    format!(r#"{{"number":{number},"text":"{}"}}"#, &letters()[from..from + bytes])
}

/// The body that publishes them at once.
pub(crate) fn batch(numbers: &[u64]) -> String {
    let messages: Vec<String> = numbers.iter().map(|number| message(*number)).collect();
    format!("[{}]", messages.join(","))
}

/// Which message this is, byte for byte.
pub(crate) fn number_of(data: &str) -> Option<u64> {
    let (digits, _) = data.strip_prefix(r#"{"number":"#)?.split_once(',')?;
    digits.parse().ok().filter(|number| message(*number) == data)
}

/// Letters that say nothing, so that no compression helps, of which each message has a part.
fn letters() -> &'static str {
    static ALL: OnceLock<String> = OnceLock::new();
    ALL.get_or_init(|| {
        let mut random = Random::seeded(0);
        (0..8 * TEXT_BYTES_MAX).map(|_| char::from(LETTERS[random.below(LETTERS.len())])).collect()
    })
}
