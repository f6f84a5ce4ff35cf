//! What is published: texts like small JSON objects, made once before anything is timed.

use crate::random::Random;
use bytes::Bytes;
use std::fmt::Write;

/// The size of a message, where nothing else is said.
pub(crate) const MESSAGE_BYTES: usize = 128;

/// Messages that compress like real ones: the keys repeat, most values don't.
pub(crate) struct Messages(Vec<Bytes>);

impl Messages {
    const COUNT: u32 = 4_096;
    const EVENTS: [&str; 8] =
        ["created", "updated", "deleted", "shipped", "paid", "refunded", "viewed", "cancelled"];

    pub(crate) fn new() -> Messages {
        Messages::of(MESSAGE_BYTES)
    }

    /// Messages of another size, 128 bytes or more.
    pub(crate) fn of(message_bytes: usize) -> Messages {
        let mut random = Random::new(7);
        let mut text = String::new();
        for _ in 0..Messages::COUNT {
            Messages::write(&mut text, message_bytes, &mut random);
        }
        let all = Bytes::from(text);
        let begins = (0..all.len()).step_by(message_bytes);
        Messages(begins.map(|at| all.slice(at..at + message_bytes)).collect())
    }

    /// Any of them.
    pub(crate) fn pick(&self, random: &mut Random) -> &Bytes {
        &self.0[random.below(Messages::COUNT) as usize]
    }

    fn write(text: &mut String, message_bytes: usize, random: &mut Random) {
        let end = text.len() + message_bytes - 2;
        let event = Messages::EVENTS[random.below(8) as usize];
        let (id, cents) = (random.bits(), random.below(100_000));
        let (time, user) = (1_700_000_000_000 + u64::from(random.below(u32::MAX)), random.below(1_000_000));
        let object = write!(
            text,
            r#"{{"id":"{id:016x}","event":"order.{event}","user":{user},"total":{}.{:02},"at":{time},"note":""#,
            cents / 100,
            cents % 100
        );
        object.expect("a text takes any write");
        while text.len() < end {
            text.push(char::from(b'a' + u8::try_from(random.below(26)).expect("a letter is a byte")));
        }
        text.truncate(end);
        text.push_str("\"}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_message_is_a_json_object_of_the_size() {
        for bytes in [MESSAGE_BYTES, 1_000] {
            for message in &Messages::of(bytes).0 {
                assert_eq!(message.len(), bytes);
                assert!(serde_json::from_slice::<serde_json::Value>(message).unwrap().is_object());
            }
        }
    }
}
