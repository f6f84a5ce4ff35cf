//! Policies: what a stream gets by its name.

use super::Settings;
use super::rule::{Rule, RuleValues};
use std::time::Duration;
use tidings_model::{Behind, Durability, Retention, StreamName};

/// What holds for one stream, as far as its creation did not say otherwise. Complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamPolicy {
    /// What an acknowledgement means.
    pub durability: Durability,
    /// What is kept.
    pub retention: Retention,
    /// Whether a publish creates the stream when it is missing.
    pub create_on_publish: bool,
    /// Seconds without a reader or a publish after which the stream ends; `None` is never.
    pub ttl: Option<u64>,
    /// The largest message, at most the server's.
    pub max_message_bytes: usize,
    /// What pollers are advised to wait between two polls.
    pub poll_interval: Duration,
    /// What live followers get that stay behind.
    pub behind: WhenBehind,
    /// How many messages may wait for a follower before it is behind, where that counts.
    pub behind_messages: u64,
}

/// The word of a rule for live followers that stay behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhenBehind {
    /// All messages.
    CatchUp,
    /// The newest one, and a marker that says what was skipped.
    Latest,
}

impl StreamPolicy {
    /// The rule for live followers that stay behind.
    pub fn behind(&self) -> Behind {
        match self.behind {
            WhenBehind::CatchUp => Behind::CatchUp,
            WhenBehind::Latest => Behind::Latest { messages_max: self.behind_messages },
        }
    }
}

/// The policies of all streams: the server's settings, and rules by pattern of name.
#[derive(Clone, Debug)]
pub struct Policies {
    defaults: StreamPolicy,
    rules: Vec<Rule>,
}

/// No rules and no limits: what stands in settings until their rules are checked.
impl Default for Policies {
    fn default() -> Policies {
        let defaults = StreamPolicy {
            durability: Durability::Disk,
            retention: Retention::default(),
            create_on_publish: false,
            ttl: None,
            max_message_bytes: usize::MAX,
            poll_interval: Duration::from_secs(1),
            behind: WhenBehind::CatchUp,
            behind_messages: Behind::MESSAGES_MAX,
        };
        Policies { defaults, rules: Vec::new() }
    }
}

impl Policies {
    /// The rules in the order of the file, over the server's own settings.
    pub(super) fn new(settings: &Settings, rules: Vec<Rule>) -> Policies {
        let defaults = StreamPolicy {
            durability: settings.default_durability,
            max_message_bytes: settings.max_message_bytes,
            poll_interval: settings.poll_interval,
            ..Policies::default().defaults
        };
        Policies { defaults, rules }
    }

    /// What holds for a stream. For each key the first matching rule that names it wins.
    /// A copy where there are no rules; with rules, it costs one match for each.
    pub fn for_stream(&self, name: &StreamName) -> StreamPolicy {
        let mut policy = self.defaults;
        // From the last rule to the first, so that an earlier one has the last word.
        for rule in self.rules.iter().rev().filter(|rule| rule.pattern.matches(name.as_str())) {
            rule.values.apply_to(&mut policy);
        }
        policy
    }
}

impl RuleValues {
    fn apply_to(&self, policy: &mut StreamPolicy) {
        let retention =
            Retention { age: self.retention_age, bytes: self.retention_bytes, count: self.retention_count };
        policy.durability = self.durability.unwrap_or(policy.durability);
        policy.retention = retention.or(policy.retention);
        policy.create_on_publish = self.create_on_publish.unwrap_or(policy.create_on_publish);
        policy.ttl = self.ttl_seconds.or(policy.ttl);
        policy.poll_interval = self.poll_interval.unwrap_or(policy.poll_interval);
        policy.behind = self.behind.unwrap_or(policy.behind);
        policy.behind_messages = self.behind_messages.unwrap_or(policy.behind_messages);
        if let Some(given) = &self.max_message_bytes {
            policy.max_message_bytes = given.value;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::SettingsInput;
    use super::*;

    fn policy(text: &str, name: &str) -> StreamPolicy {
        let settings = SettingsInput::parse_toml(text, "t.toml").unwrap().resolve().unwrap();
        settings.policies.for_stream(&StreamName::parse(name).unwrap())
    }

    #[test]
    fn without_rules_a_stream_gets_the_servers_settings() {
        let expected = StreamPolicy {
            durability: Durability::Memory,
            retention: Retention::default(),
            create_on_publish: false,
            ttl: None,
            max_message_bytes: 8 << 20,
            poll_interval: Duration::from_secs(1),
            behind: WhenBehind::CatchUp,
            behind_messages: 1_000,
        };
        assert_eq!(policy("default_durability = \"memory\"", "orders/42"), expected);
    }

    #[test]
    fn for_each_key_the_first_rule_that_names_it_wins() {
        let text = r#"
            poll_interval = "5s"
            [[streams]]
            match = "orders/*"
            retention_count = 10
            create_on_publish = true
            ttl = "1h"
            behind = "latest"
            [[streams]]
            match = "**"
            durability = "memory"
            retention_count = 99
            retention_age = "7d"
            retention_bytes = "1 GiB"
            create_on_publish = false
            max_message_bytes = "64 KiB"
            poll_interval = "10s"
            behind_messages = 7
        "#;
        let order = policy(text, "orders/42");
        assert_eq!(order.durability, Durability::Memory);
        assert_eq!(order.retention.count, Some(10));
        assert_eq!(order.retention.age, Some(Duration::from_hours(7 * 24)));
        assert_eq!(order.retention.bytes, Some(1 << 30));
        assert!(order.create_on_publish);
        assert_eq!(order.ttl, Some(3600));
        assert_eq!(order.max_message_bytes, 64 << 10);
        assert_eq!(order.poll_interval, Duration::from_secs(10));
        assert_eq!(order.behind(), Behind::Latest { messages_max: 7 });

        let other = policy(text, "orders");
        assert_eq!((other.retention.count, other.create_on_publish, other.ttl), (Some(99), false, None));
        assert_eq!(other.behind(), Behind::CatchUp);
    }
}
