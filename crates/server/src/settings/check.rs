//! The step from what was said to complete settings: the rules that join two values.

use super::byte_size::show_bytes;
use super::definition::Given;
use super::rule::Rule;
use super::{Policies, SETTINGS, Settings, SettingsError, SettingsInput};
use crate::memory::machine;
use std::sync::Arc;

/// What a segment holds beside its messages: frame heads, and the records that open and end it.
const SEGMENT_OVERHEAD_BYTES: usize = 64 << 10;

impl SettingsInput {
    /// Fills in the defaults and checks values against each other.
    pub fn resolve(self) -> Result<Settings, SettingsError> {
        let mut settings = self.fill();
        if settings.workers == 0 {
            settings.workers = std::thread::available_parallelism().map_or(1, usize::from);
        }
        self.join_long_poll_timeouts(&mut settings)?;
        self.join_memory_budget(&mut settings)?;
        self.check_segment(&settings)?;
        self.join_request_memory(&mut settings)?;
        self.check_tls(&settings)?;
        self.check_proxies(&settings)?;
        for rule in &self.rules {
            self.check_rule(rule, &settings)?;
        }
        settings.access = Arc::new(self.policy(&settings)?);
        settings.webhook_key = self.webhook_key()?;
        self.check_webhook(settings.access.has_rules())?;
        self.check_cookie(&settings)?;
        settings.policies = Policies::new(&settings, self.rules);
        Ok(settings)
    }

    fn check_cookie(&self, settings: &Settings) -> Result<(), SettingsError> {
        let Some(begin) = self.origins.cookie_origin().filter(|_| settings.token_cookie.is_none()) else {
            return Ok(());
        };
        Err(SettingsError::UnknownName {
            place: format!("{begin}: this `[[origins]]` lets a cookie count, and none is named"),
            advice: "name it by token_cookie, or leave `cookie` out".to_owned(),
        })
    }

    fn join_long_poll_timeouts(&self, settings: &mut Settings) -> Result<(), SettingsError> {
        if settings.long_poll_timeout <= settings.long_poll_timeout_max {
            return Ok(());
        }
        if self.long_poll_timeout_max.is_none() {
            // Whoever asks for a longer default means that it may be as long.
            settings.long_poll_timeout_max = settings.long_poll_timeout;
            return Ok(());
        }
        let timeout = said("long_poll_timeout", self.long_poll_timeout.as_ref());
        let max = said("long_poll_timeout_max", self.long_poll_timeout_max.as_ref());
        Err(SettingsError::Conflict {
            values: format!("{timeout} and {max}"),
            rule: "the time that a long poll is held can't be above its limit",
            advice: "raise long_poll_timeout_max or lower long_poll_timeout".to_owned(),
        })
    }

    /// What is said stays as it is; the other limits of memory are lowered until they fit into the budget.
    fn join_memory_budget(&self, settings: &mut Settings) -> Result<(), SettingsError> {
        if settings.memory_budget_bytes == 0 {
            // Where the system does not say, there is no limit.
            settings.memory_budget_bytes = machine::memory_bytes().map_or(usize::MAX, |bytes| bytes / 4 * 3);
        }
        let budget = settings.memory_budget_bytes;
        lower(&mut settings.memory_bytes, self.memory_bytes.is_some(), budget / 4);
        lower(&mut settings.tail_cache_bytes, self.tail_cache_bytes.is_some(), budget / 8);
        lower(&mut settings.request_memory_bytes, self.request_memory_bytes.is_some(), budget / 8);
        lower(&mut settings.max_unfinished_bytes, self.max_unfinished_bytes.is_some(), budget / 8);
        lower(&mut settings.max_unsent_bytes, self.max_unsent_bytes.is_some(), budget / 8);
        let kept = settings.memory_bytes.saturating_add(settings.tail_cache_bytes);
        if self.memory_budget_bytes.is_none() || kept <= budget / 4 * 3 {
            return Ok(());
        }
        let said_of_budget = said("memory_budget_bytes", self.memory_budget_bytes.as_ref());
        let memory = said("memory_bytes", self.memory_bytes.as_ref());
        let cache = said("tail_cache_bytes", self.tail_cache_bytes.as_ref());
        Err(SettingsError::Conflict {
            values: format!("{memory}, {cache} and {said_of_budget}"),
            rule: "what messages may take in memory must leave a quarter of the budget for followers",
            advice: "raise memory_budget_bytes or lower memory_bytes and tail_cache_bytes".to_owned(),
        })
    }

    fn check_proxies(&self, settings: &Settings) -> Result<(), SettingsError> {
        if !settings.proxy_protocol || !settings.trusted_proxies.is_empty() {
            return Ok(());
        }
        Err(SettingsError::Conflict {
            values: said("proxy_protocol", self.proxy_protocol.as_ref()),
            rule: "the PROXY protocol needs proxies that are trusted, and none are named",
            advice: "write their addresses into trusted_proxies".to_owned(),
        })
    }

    fn join_request_memory(&self, settings: &mut Settings) -> Result<(), SettingsError> {
        if settings.max_message_bytes <= settings.request_memory_bytes {
            return Ok(());
        }
        if self.request_memory_bytes.is_none() {
            // Whoever allows a larger message means that it may arrive.
            settings.request_memory_bytes = settings.max_message_bytes;
            return Ok(());
        }
        let message = said("max_message_bytes", self.max_message_bytes.as_ref());
        let memory = said("request_memory_bytes", self.request_memory_bytes.as_ref());
        Err(SettingsError::Conflict {
            values: format!("{message} and {memory}"),
            rule: "the bodies that arrive must have room for one of the largest messages",
            advice: "raise request_memory_bytes or lower max_message_bytes".to_owned(),
        })
    }

    fn check_tls(&self, settings: &Settings) -> Result<(), SettingsError> {
        let certificates = said("tls_certificate_file", self.tls_certificate_file.as_ref());
        let conflict = |other: String, rule, advice: &str| {
            let values = format!("{certificates} and {other}");
            Err(SettingsError::Conflict { values, rule, advice: advice.to_owned() })
        };
        if settings.tls_certificate_file.len() != settings.tls_key_file.len() {
            return conflict(
                said("tls_key_file", self.tls_key_file.as_ref()),
                "each certificate needs the key that it was made for",
                "name as many files in tls_key_file as in tls_certificate_file, in the same order",
            );
        }
        let listen = said("tls_listen", self.tls_listen.as_ref());
        let domains = said("acme_domains", self.acme_domains.as_ref());
        let has_files = !settings.tls_certificate_file.is_empty();
        let has_domains = !settings.acme_domains.is_empty();
        if settings.tls_listen.is_some() && !has_files && !has_domains {
            let advice = "name its file by tls_certificate_file and that of its key by tls_key_file, or the server by acme_domains";
            return conflict(listen, "TLS needs a certificate", advice);
        }
        if settings.tls_listen.is_none() && (has_files || has_domains) {
            let values = format!("{} and {listen}", if has_files { certificates } else { domains });
            return Err(SettingsError::Conflict {
                values,
                rule: "a certificate is for an address that speaks TLS",
                advice: "write that address, such as tls_listen = \"0.0.0.0:443\"".to_owned(),
            });
        }
        if has_domains && settings.tls_client_ca_file.is_some() && !settings.tls_client_optional {
            let required = said("tls_client_ca_file", self.tls_client_ca_file.as_ref());
            return Err(SettingsError::Conflict {
                values: format!("{domains} and {required}"),
                rule: "the authority comes to see whether the names lead here, and has no certificate of a client",
                advice: "say tls_client_optional, or get the certificates in another way".to_owned(),
            });
        }
        Ok(())
    }

    fn check_segment(&self, settings: &Settings) -> Result<(), SettingsError> {
        let needed = 2 * settings.max_message_bytes + SEGMENT_OVERHEAD_BYTES;
        if needed <= settings.segment_bytes {
            return Ok(());
        }
        let message = said("max_message_bytes", self.max_message_bytes.as_ref());
        let segment = said("segment_bytes", self.segment_bytes.as_ref());
        Err(SettingsError::Conflict {
            values: format!("{message} and {segment}"),
            rule: "a segment must have room for two of the largest messages",
            advice: format!(
                "raise segment_bytes to at least {} or lower max_message_bytes",
                show_bytes(needed)
            ),
        })
    }

    fn check_rule(&self, rule: &Rule, settings: &Settings) -> Result<(), SettingsError> {
        let Some(given) = &rule.values.max_message_bytes else {
            return Ok(());
        };
        if given.value <= settings.max_message_bytes {
            return Ok(());
        }
        let of_server = said("max_message_bytes", self.max_message_bytes.as_ref());
        Err(SettingsError::Conflict {
            values: format!(
                "{} of a `[[streams]]` table and {of_server} of the server",
                said("max_message_bytes", Some(given))
            ),
            rule: "no stream may have larger messages than the server",
            advice: "raise the server's or lower the table's".to_owned(),
        })
    }
}

/// Takes a limit that nobody has set down to what fits.
fn lower(limit: &mut usize, is_set: bool, most: usize) {
    if !is_set {
        *limit = (*limit).min(most);
    }
}

/// What a server gets that is told nothing.
impl Default for Settings {
    fn default() -> Settings {
        SettingsInput::default().resolve().expect("a test resolves the defaults")
    }
}

/// A value in the words of who said it: ``segment_bytes = `1 MiB` (tidings.toml:4)``.
fn said<T>(key: &str, given: Option<&Given<T>>) -> String {
    if let Some(given) = given {
        return format!("{key} = `{}` ({})", given.text, given.origin);
    }
    let default = SETTINGS.iter().find(|setting| setting.key == key).map_or("", |setting| setting.default);
    format!("{key} = `{default}` (default)")
}

#[cfg(test)]
mod tests {
    use super::super::{Definition, Origin};
    use super::*;
    use std::time::Duration;

    fn file(text: &str) -> SettingsInput {
        SettingsInput::parse_toml(text, "t.toml").unwrap()
    }

    fn refusal(input: SettingsInput) -> String {
        input.resolve().err().map_or_else(|| "accepted".to_owned(), |error| error.to_string())
    }

    #[test]
    fn the_defaults_and_every_bound_go_together_with_the_table() {
        let settings = Settings::default();
        assert_eq!(settings.listen.to_string(), "127.0.0.1:4437");
        assert_eq!(settings.heartbeat, Duration::from_secs(25));
        assert_eq!(settings.max_message_bytes, 8 << 20);
        assert_ne!(settings.workers, 0);
        assert_eq!(settings.ws_echo, None);
        for Definition { key, default, range, .. } in SETTINGS {
            let mut input = SettingsInput::default();
            input.set(key, default, Origin::Flag).unwrap();
            for text in range.iter().flat_map(|range| [range.least, range.most]) {
                input.set(key, text, Origin::Flag).unwrap();
            }
        }
    }

    #[test]
    fn flags_beat_the_environment_which_beats_the_file() {
        let mut flags = SettingsInput::default();
        flags.set("heartbeat", "3s", Origin::Flag).unwrap();
        let mut environment = SettingsInput::default();
        environment.set("heartbeat", "2s", Origin::Environment).unwrap();
        environment.set("sse_retry", "2s", Origin::Environment).unwrap();
        let file = file("heartbeat = \"1s\"\nsse_retry = \"1s\"\nworkers = 7");
        let settings = flags.or(environment).or(file).resolve().unwrap();
        assert_eq!(settings.heartbeat, Duration::from_secs(3));
        assert_eq!(settings.sse_retry, Duration::from_secs(2));
        assert_eq!(settings.workers, 7);
    }

    #[test]
    fn a_longer_long_poll_raises_the_limit_unless_the_limit_was_said() {
        let raised = file("long_poll_timeout = \"5m\"").resolve().unwrap();
        assert_eq!(raised.long_poll_timeout_max, Duration::from_mins(5));
        assert_eq!(
            refusal(file("long_poll_timeout = \"5m\"\nlong_poll_timeout_max = \"1m\"")),
            "long_poll_timeout = `5m` (t.toml:1) and long_poll_timeout_max = `1m` (t.toml:2): the time that a long poll \
             is held can't be above its limit; raise long_poll_timeout_max or lower long_poll_timeout"
        );
        assert_eq!(
            refusal(file("long_poll_timeout_max = \"1s\"")),
            "long_poll_timeout = `30s` (default) and long_poll_timeout_max = `1s` (t.toml:1): the time that a long poll \
             is held can't be above its limit; raise long_poll_timeout_max or lower long_poll_timeout"
        );
    }

    #[test]
    fn a_segment_has_room_for_two_of_the_largest_messages() {
        let mut flags = SettingsInput::default();
        flags.set("max_message_bytes", "32 MiB", Origin::Flag).unwrap();
        assert_eq!(
            refusal(flags.or(file("segment_bytes = \"64 MiB\""))),
            "max_message_bytes = `32 MiB` (flag) and segment_bytes = `64 MiB` (t.toml:1): a segment must have room for \
             two of the largest messages; raise segment_bytes to at least 65600 KiB or lower max_message_bytes"
        );
    }

    #[test]
    fn bodies_have_room_for_the_largest_message_unless_less_was_said() {
        let large = "max_message_bytes = \"400 MiB\"\nsegment_bytes = \"1 GiB\"";
        assert_eq!(file(large).resolve().unwrap().request_memory_bytes, 400 << 20);
        assert_eq!(
            refusal(file("request_memory_bytes = \"1 MiB\"")),
            "max_message_bytes = `8 MiB` (default) and request_memory_bytes = `1 MiB` (t.toml:1): the bodies that \
             arrive must have room for one of the largest messages; raise request_memory_bytes or lower \
             max_message_bytes"
        );
    }

    #[test]
    fn no_stream_has_larger_messages_than_the_server() {
        assert_eq!(
            refusal(file("[[streams]]\nmatch = \"a\"\nmax_message_bytes = \"16 MiB\"")),
            "max_message_bytes = `16 MiB` (t.toml:3) of a `[[streams]]` table and max_message_bytes = `8 MiB` (default) \
             of the server: no stream may have larger messages than the server; raise the server's or lower the table's"
        );
    }
}
