//! Settings from a TOML file: the settings at the top, then tables `[[streams]]`.

use super::access::{TableInput, TableKind};
use super::environment::unknown_setting;
use super::origins::OriginsInput;
use super::rule::{RULE_KEYS, Rule, RuleInput};
use super::{Origin, SETTINGS, SettingsError, SettingsInput, bounded_file};
use std::path::Path;
use std::sync::Arc;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// The key of the tables that carry [`Rule`]s.
const STREAMS: &str = "streams";

/// The key of the tables that list [`Origins`](super::Origins).
const ORIGINS: &str = "origins";

impl SettingsInput {
    /// Reads a settings file.
    pub fn from_file(path: &Path) -> Result<SettingsInput, SettingsError> {
        let name = path.display().to_string();
        match bounded_file::read_text(path) {
            Ok(text) => SettingsInput::parse_toml(&text, &name),
            Err(error) => Err(SettingsError::Unreadable { path: name, error }),
        }
    }

    /// Reads the text of a settings file; `path` is only named in errors.
    pub fn parse_toml(text: &str, path: &str) -> Result<SettingsInput, SettingsError> {
        let file = File { path: path.into(), text };
        let root = DeTable::parse(text).map_err(|error| SettingsError::Syntax {
            path: path.to_owned(),
            line: file.line_at(error.span().map_or(0, |span| span.start)),
            message: error.message().to_owned(),
        })?;
        let mut input = SettingsInput::default();
        for (key, value) in in_order(root.get_ref()) {
            let name = key.get_ref().as_ref();
            let origin = file.origin_of(key);
            if name == STREAMS {
                input.rules = file.rules(value, &origin)?;
            } else if name == ORIGINS {
                file.origins(value, &origin, &mut input)?;
            } else if let Some(kind) = TableKind::parse(name) {
                file.access_tables(kind, value, &origin, &mut input)?;
            } else if SETTINGS.iter().any(|setting| setting.key == name) {
                input.set(name, &file.scalar(value), origin)?;
            } else if RULE_KEYS.iter().any(|rule| rule.key == name) {
                return Err(misplaced(name, &origin, "it goes into a table `[[streams]]`"));
            } else {
                return Err(unknown_setting(name, &origin));
            }
        }
        Ok(input)
    }
}

/// A settings file that is being read.
struct File<'a> {
    path: Arc<str>,
    text: &'a str,
}

impl File<'_> {
    fn rules(&self, value: &Spanned<DeValue<'_>>, origin: &Origin) -> Result<Vec<Rule>, SettingsError> {
        let Some(tables) = value.get_ref().as_array() else {
            return Err(misplaced(
                STREAMS,
                origin,
                "write `[[streams]]`, in double brackets, once for each pattern",
            ));
        };
        tables.iter().map(|table| self.rule(table)).collect()
    }

    fn rule(&self, value: &Spanned<DeValue<'_>>) -> Result<Rule, SettingsError> {
        let begin = Origin::File { path: Arc::clone(&self.path), line: self.line_at(value.span().start) };
        let Some(table) = value.get_ref().as_table() else {
            return Err(misplaced(
                STREAMS,
                &begin,
                "write `[[streams]]`, in double brackets, once for each pattern",
            ));
        };
        let mut rule = RuleInput::default();
        for (key, value) in in_order(table) {
            let name = key.get_ref().as_ref();
            let origin = self.origin_of(key);
            let is_setting = SETTINGS.iter().any(|setting| setting.key == name);
            if is_setting && RULE_KEYS.iter().all(|rule| rule.key != name) {
                return Err(misplaced(
                    name,
                    &origin,
                    "it is the server's: write it above the first `[[streams]]`",
                ));
            }
            rule.set(name, &self.scalar(value), origin)?;
        }
        rule.complete(&begin)
    }

    /// The tables `[[rights]]` or `[[keys]]`.
    fn access_tables(
        &self,
        kind: TableKind,
        value: &Spanned<DeValue<'_>>,
        origin: &Origin,
        input: &mut SettingsInput,
    ) -> Result<(), SettingsError> {
        let name = kind.name();
        let advice = format!("write `[[{name}]]`, in double brackets, once for each table");
        let tables = value.get_ref().as_array().ok_or_else(|| misplaced(name, origin, &advice))?;
        for value in tables {
            let begin = Origin::File { path: Arc::clone(&self.path), line: self.line_at(value.span().start) };
            let table = value.get_ref().as_table().ok_or_else(|| misplaced(name, &begin, &advice))?;
            let mut read = TableInput::new(kind);
            for (key, value) in in_order(table) {
                let (key, origin) = (key.get_ref().as_ref(), self.origin_of(key));
                if TableInput::is_list(key) {
                    read.grant(key, &patterns(key, value, &origin)?, &origin)?;
                } else {
                    read.set(key, &self.scalar(value), &origin)?;
                }
            }
            input.access.add(read, &begin)?;
        }
        Ok(())
    }

    /// The tables `[[origins]]`.
    fn origins(
        &self,
        value: &Spanned<DeValue<'_>>,
        origin: &Origin,
        input: &mut SettingsInput,
    ) -> Result<(), SettingsError> {
        let advice = "write `[[origins]]`, in double brackets, once for each table";
        let tables = value.get_ref().as_array().ok_or_else(|| misplaced(ORIGINS, origin, advice))?;
        for value in tables {
            let begin = Origin::File { path: Arc::clone(&self.path), line: self.line_at(value.span().start) };
            let table = value.get_ref().as_table().ok_or_else(|| misplaced(ORIGINS, &begin, advice))?;
            let mut read = OriginsInput::default();
            for (key, value) in in_order(table) {
                let (key, origin) = (key.get_ref().as_ref(), self.origin_of(key));
                if OriginsInput::is_list(key) {
                    read.list(key, &patterns(key, value, &origin)?, &origin)?;
                } else {
                    read.set(key, &self.scalar(value), &origin)?;
                }
            }
            input.origins.add(read, &begin)?;
        }
        Ok(())
    }

    fn origin_of<T>(&self, key: &Spanned<T>) -> Origin {
        Origin::File { path: Arc::clone(&self.path), line: self.line_at(key.span().start) }
    }

    fn line_at(&self, byte: usize) -> usize {
        let before = self.text.as_bytes().iter().take(byte);
        1 + before.filter(|byte| **byte == b'\n').count()
    }

    /// The value as a flag or a variable would give it; other values than these fail where they are read.
    fn scalar(&self, value: &Spanned<DeValue<'_>>) -> String {
        let as_written = || self.text.get(value.span()).unwrap_or_default().to_owned();
        match value.get_ref() {
            DeValue::String(text) => text.to_string(),
            DeValue::Integer(integer) => i64::from_str_radix(integer.as_str(), integer.radix())
                .map_or_else(|_| as_written(), |n| n.to_string()),
            DeValue::Boolean(switch) => switch.to_string(),
            DeValue::Float(_) | DeValue::Datetime(_) | DeValue::Array(_) | DeValue::Table(_) => as_written(),
        }
    }
}

/// A list of patterns, or one alone.
fn patterns(key: &str, value: &Spanned<DeValue<'_>>, origin: &Origin) -> Result<Vec<String>, SettingsError> {
    let one = value.get_ref().as_str().map(|text| vec![text.to_owned()]);
    let many =
        || value.get_ref().as_array()?.iter().map(|one| Some(one.get_ref().as_str()?.to_owned())).collect();
    one.or_else(many).ok_or_else(|| {
        misplaced(key, origin, &format!("write a list of patterns, such as `{key} = [\"orders/**\"]`"))
    })
}

/// A key that exists, but not there.
fn misplaced(key: &str, origin: &Origin, advice: &str) -> SettingsError {
    SettingsError::UnknownName {
        place: format!("{origin}: `{key}` can't stand here"),
        advice: advice.to_owned(),
    }
}

type Entry<'a, 'i> = (&'a Spanned<toml::de::DeString<'i>>, &'a Spanned<DeValue<'i>>);

/// The entries as they stand in the file, so that the first error that is told is the first in the file.
fn in_order<'a, 'i>(table: &'a DeTable<'i>) -> Vec<Entry<'a, 'i>> {
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    entries
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str) -> String {
        let refused = SettingsInput::parse_toml(text, "t.toml").and_then(SettingsInput::resolve);
        refused.err().map_or_else(|| "accepted".to_owned(), |error| error.to_string())
    }

    #[test]
    fn values_may_be_texts_or_numbers() {
        let text = "workers = 3\nheartbeat = \"5s\"\nmax_message_bytes = 65_536\npage_bytes = \"64 KiB\"\n";
        let settings = SettingsInput::parse_toml(text, "t.toml").unwrap().resolve().unwrap();
        assert_eq!(settings.workers, 3);
        assert_eq!(settings.heartbeat.as_secs(), 5);
        assert_eq!(settings.max_message_bytes, 65536);
        assert_eq!(settings.page_bytes, 65536);
    }

    #[test]
    fn an_error_names_line_key_and_remedy() {
        for (text, message) in [
            (
                "# a\nlong_pol_timeout = 1\n",
                "t.toml:2: unknown key `long_pol_timeout`; did you mean `long_poll_timeout`?",
            ),
            ("port = 80", "t.toml:1: unknown key `port`; `tidings config default` prints every setting"),
            (
                "[server]\nlisten = 1",
                "t.toml:1: unknown key `server`; `tidings config default` prints every setting",
            ),
            (
                "\n\nheartbeat = 30",
                "t.toml:3: `heartbeat`: `30` has no unit; \
                 write whole numbers with units, such as `30s`, `500ms`, `1h30m` or `7d`",
            ),
            (
                "heartbeat = \"10ms\"",
                "t.toml:1: `heartbeat`: `10ms` is out of range; write at least `1s` and at most `1h`",
            ),
            (
                "workers = -1",
                "t.toml:1: `workers`: `-1` is not a whole number; write a whole number, such as `1000`",
            ),
            (
                "workers = [1, 2]",
                "t.toml:1: `workers`: `[1, 2]` is not a whole number; write a whole number, such as `1000`",
            ),
            ("heartbeat = ", "t.toml:1: string values must be quoted, expected literal string"),
            ("heartbeat = \"1s\"\nheartbeat = \"2s\"", "t.toml:2: duplicate key"),
            (
                "durability = \"disk\"",
                "t.toml:1: `durability` can't stand here; it goes into a table `[[streams]]`",
            ),
        ] {
            assert_eq!(refusal(text), message);
        }
    }

    #[test]
    fn an_error_in_a_stream_table_names_it_too() {
        for (text, message) in [
            (
                "[streams]\nmatch = \"a\"",
                "t.toml:1: `streams` can't stand here; write `[[streams]]`, in double brackets, once for each pattern",
            ),
            (
                "\n[[streams]]\ndurability = \"disk\"",
                "t.toml:2: this `[[streams]]` has no `match`; write the streams that it is for, \
                 such as `match = \"orders/*\"`",
            ),
            (
                "[[streams]]\nmatch = \"a//b\"",
                "t.toml:2: `match`: `a//b` is no pattern (a pattern can't hold an empty segment: no `//`, and no `/` \
                 at either end); write a stream name in which `*` is one segment and `**` any number, such as `orders/*`",
            ),
            (
                "[[streams]]\nmatch = \"a\"\nretention_aged = \"1d\"",
                "t.toml:3: unknown key `retention_aged` of a `[[streams]]` table; did you mean `retention_age`?",
            ),
            (
                "[[streams]]\nmatch = \"a\"\nlisten = \"127.0.0.1:80\"",
                "t.toml:3: `listen` can't stand here; it is the server's: write it above the first `[[streams]]`",
            ),
        ] {
            assert_eq!(refusal(text), message);
        }
    }

    #[test]
    fn a_file_that_is_not_there_is_named() {
        let error = SettingsInput::from_file(Path::new("no/such.toml")).err().map(|error| error.to_string());
        let error = error.unwrap_or_default();
        assert!(error.starts_with("cannot read the settings file no/such.toml: "), "{error}");
    }
}
