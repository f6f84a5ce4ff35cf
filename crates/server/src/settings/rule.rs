//! Rules: the tables `[[streams]]` of the file, which give settings to streams by their names.

use super::definition::{Given, Range};
use super::kind::{BYTES, COUNT, DURABILITY, DURATION, Kind, PATTERN, SWITCH, WHEN_BEHIND};
use super::policy::WhenBehind;
use super::suggestion::nearest;
use super::{InvalidValue, Origin, SettingsError};
use std::time::Duration;
use tidings_model::{Durability, Pattern};

/// One table.
#[derive(Clone, Debug)]
pub(super) struct Rule {
    /// The streams that it is for.
    pub(super) pattern: Pattern,
    pub(super) values: RuleValues,
}

/// What a table says; what it leaves out is up to later tables and the settings of the server.
#[derive(Clone, Debug, Default)]
pub(super) struct RuleValues {
    pub(super) durability: Option<Durability>,
    pub(super) retention_age: Option<Duration>,
    pub(super) retention_bytes: Option<u64>,
    pub(super) retention_count: Option<u64>,
    pub(super) create_on_publish: Option<bool>,
    pub(super) ttl_seconds: Option<u64>,
    /// With its origin: it is held against the server's.
    pub(super) max_message_bytes: Option<Given<usize>>,
    pub(super) poll_interval: Option<Duration>,
    pub(super) behind: Option<WhenBehind>,
    pub(super) behind_messages: Option<u64>,
}

/// A key of a table, for documentation.
pub(super) struct RuleKey {
    pub(super) key: &'static str,
    pub(super) kind: &'static str,
    /// A value as it would be written in TOML.
    pub(super) example: &'static str,
    pub(super) doc: &'static str,
}

/// Every key of a table, in the order of the documentation.
pub(super) const RULE_KEYS: [RuleKey; 11] = [
    RuleKey {
        key: "match",
        kind: PATTERN.name,
        example: "\"orders/*\"",
        doc: "The streams it is for: `*` is one segment of the name, `**` any number of them, and inside a segment \
              `*` is any run of characters.",
    },
    RuleKey {
        key: "durability",
        kind: DURABILITY.name,
        example: "\"memory\"",
        doc: "As `default_durability`, for streams that are created without one.",
    },
    RuleKey {
        key: "retention_age",
        kind: DURATION.name,
        example: "\"7d\"",
        doc: "Messages that are older are trimmed.",
    },
    RuleKey {
        key: "retention_bytes",
        kind: BYTES.name,
        example: "\"1 GiB\"",
        doc: "The oldest messages are trimmed so that not more is kept.",
    },
    RuleKey {
        key: "retention_count",
        kind: COUNT.name,
        example: "10000",
        doc: "The oldest messages are trimmed so that not more are kept.",
    },
    RuleKey {
        key: "create_on_publish",
        kind: SWITCH.name,
        example: "true",
        doc: "Whether a publish to a missing stream creates it. Where no table says so it does not.",
    },
    RuleKey {
        key: "ttl",
        kind: DURATION.name,
        example: "\"1h\"",
        doc: "A stream that is created without a TTL or an expiry ends when nobody has read or published for so long. \
              Whole seconds.",
    },
    RuleKey {
        key: "max_message_bytes",
        kind: BYTES.name,
        example: "\"64 KiB\"",
        doc: "As the server's `max_message_bytes`, and at most that.",
    },
    RuleKey {
        key: "poll_interval",
        kind: DURATION.name,
        example: "\"10s\"",
        doc: "As the server's `poll_interval`.",
    },
    RuleKey {
        key: "behind",
        kind: WHEN_BEHIND.name,
        example: "\"latest\"",
        doc: "What a live follower (SSE, WebSocket) gets that reads more slowly than others publish: `catch-up`, where no \
              table says otherwise, is all messages; `latest` skips it to the newest one, with a marker that says what was \
              skipped.",
    },
    RuleKey {
        key: "behind_messages",
        kind: COUNT.name,
        example: "10",
        doc: "Where `behind` is `latest`: how many messages may wait for a follower before it is skipped; 1000 where no table \
              says otherwise.",
    },
];

const TTL: Kind<Duration> = Kind {
    parse: |text| match (DURATION.parse)(text)? {
        duration if duration.subsec_millis() != 0 => {
            Err(InvalidValue::new("is not a whole number of seconds"))
        }
        duration => Ok(duration),
    },
    ..DURATION
};

const TIME_RANGE: Range = Range { least: "1s", most: "36500d" };
const BYTES_RANGE: Range = Range { least: "1", most: "1024 TiB" };
const COUNT_RANGE: Range = Range { least: "1", most: "1000000000000000" };
const MESSAGE_RANGE: Range = Range { least: "1", most: "1 GiB" };
const INTERVAL_RANGE: Range = Range { least: "1s", most: "1d" };

/// A table while its keys are read.
#[derive(Default)]
pub(super) struct RuleInput {
    pattern: Option<Pattern>,
    values: RuleValues,
}

impl RuleInput {
    /// Takes one key of the table.
    pub(super) fn set(&mut self, key: &str, text: &str, origin: Origin) -> Result<(), SettingsError> {
        let values = &mut self.values;
        let said = (text, origin);
        match key {
            "match" => {
                self.pattern = Some(Given::parse(key, &PATTERN, None, said)?.value);
            }
            "durability" => {
                values.durability = Some(Given::parse(key, &DURABILITY, None, said)?.value);
            }
            "retention_age" => {
                values.retention_age = Some(Given::parse(key, &DURATION, Some(TIME_RANGE), said)?.value);
            }
            "retention_bytes" => {
                values.retention_bytes =
                    Some(Given::parse(key, &BYTES, Some(BYTES_RANGE), said)?.value as u64);
            }
            "retention_count" => {
                values.retention_count =
                    Some(Given::parse(key, &COUNT, Some(COUNT_RANGE), said)?.value as u64);
            }
            "create_on_publish" => {
                values.create_on_publish = Some(Given::parse(key, &SWITCH, None, said)?.value);
            }
            "ttl" => {
                values.ttl_seconds = Some(Given::parse(key, &TTL, Some(TIME_RANGE), said)?.value.as_secs());
            }
            "max_message_bytes" => {
                values.max_message_bytes = Some(Given::parse(key, &BYTES, Some(MESSAGE_RANGE), said)?);
            }
            "poll_interval" => {
                values.poll_interval = Some(Given::parse(key, &DURATION, Some(INTERVAL_RANGE), said)?.value);
            }
            "behind" => {
                values.behind = Some(Given::parse(key, &WHEN_BEHIND, None, said)?.value);
            }
            "behind_messages" => {
                values.behind_messages =
                    Some(Given::parse(key, &COUNT, Some(COUNT_RANGE), said)?.value as u64);
            }
            _ => return Err(unknown_key(key, &said.1)),
        }
        Ok(())
    }

    /// The rule, once all keys of the table that began at `begin` were read.
    pub(super) fn complete(self, begin: &Origin) -> Result<Rule, SettingsError> {
        match self.pattern {
            Some(pattern) => Ok(Rule { pattern, values: self.values }),
            None => Err(SettingsError::NoPattern { place: begin.to_string() }),
        }
    }
}

fn unknown_key(key: &str, origin: &Origin) -> SettingsError {
    let keys = RULE_KEYS.map(|rule| rule.key);
    SettingsError::UnknownName {
        place: format!("{origin}: unknown key `{key}` of a `[[streams]]` table"),
        advice: match nearest(key, keys) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("the keys are {}", keys.join(", ")),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_takes_its_example() {
        let mut rule = RuleInput::default();
        for RuleKey { key, example, .. } in &RULE_KEYS {
            rule.set(key, example.trim_matches('"'), Origin::Flag).unwrap();
        }
        assert!(rule.complete(&Origin::Flag).is_ok());
    }

    #[test]
    fn a_ttl_is_whole_seconds() {
        let refused =
            RuleInput::default().set("ttl", "1s500ms", Origin::Flag).err().map(|error| error.to_string());
        let message = "--ttl: `1s500ms` is not a whole number of seconds; \
                       write whole numbers with units, such as `30s`, `500ms`, `1h30m` or `7d`";
        assert_eq!(refused.as_deref(), Some(message));
    }
}
