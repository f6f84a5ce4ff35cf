//! The log of the server: lines on standard error, as much as the settings ask for, for people or for programs.

use crate::settings::{LogFormat, LogLevel, Settings};
use log::kv::{self, Key, Value, VisitSource};
use log::{LevelFilter, Record};
use serde_json::{Map, json};
use std::fmt::Display;

/// Begins to write lines. A program that has a logger of its own keeps it.
pub(crate) fn start(settings: &Settings) {
    let mut builder = env_logger::Builder::new();
    // How much of ours is written may change, and is said by `set_level`.
    builder.filter_level(LevelFilter::Warn).filter_module("tidings", LevelFilter::Debug).format_target(false);
    builder.format_timestamp_millis();
    if settings.log_format == LogFormat::Json {
        builder.format(|out, record| {
            use std::io::Write;
            let time = out.timestamp_millis();
            writeln!(out, "{}", json_line(&time, record))
        });
    }
    // Only refused where another logger was started first.
    let _started = builder.try_init();
    set_level(settings.log);
}

/// From now on lines of that level and above it are written.
pub(crate) fn set_level(level: LogLevel) {
    log::set_max_level(match level {
        LogLevel::Error => LevelFilter::Error,
        LogLevel::Warn => LevelFilter::Warn,
        LogLevel::Info => LevelFilter::Info,
        LogLevel::Debug => LevelFilter::Debug,
    });
}

/// One line: `time`, `level`, `message`, and what the record says beside.
fn json_line(time: &dyn Display, record: &Record<'_>) -> String {
    let mut members = Members(Map::new());
    let level = record.level().as_str().to_ascii_lowercase();
    for (name, value) in
        [("time", time.to_string()), ("level", level), ("message", record.args().to_string())]
    {
        members.0.insert(name.to_owned(), value.into());
    }
    // It refuses nothing.
    let _visited = record.key_values().visit(&mut members);
    serde_json::Value::Object(members.0).to_string()
}

struct Members(Map<String, serde_json::Value>);

impl<'kvs> VisitSource<'kvs> for Members {
    fn visit_pair(&mut self, key: Key<'kvs>, value: Value<'kvs>) -> Result<(), kv::Error> {
        let member = if let Some(number) = value.to_u64() {
            json!(number)
        } else if let Some(number) = value.to_f64() {
            json!(number)
        } else if let Some(truth) = value.to_bool() {
            json!(truth)
        } else {
            json!(value.to_string())
        };
        self.0.insert(key.to_string(), member);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_json_has_what_the_record_has() {
        let pairs =
            [("count", Value::from(7)), ("seconds", Value::from(0.5)), ("text", Value::from("a\n\"b"))];
        let line = json_line(
            &"2026-01-01T00:00:00.000Z",
            &Record::builder()
                .level(log::Level::Warn)
                .args(format_args!("line\nbreak"))
                .key_values(&pairs)
                .build(),
        );
        assert_eq!(line.lines().count(), 1);
        let line: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(
            line,
            json!({
                "time": "2026-01-01T00:00:00.000Z",
                "level": "warn",
                "message": "line\nbreak",
                "count": 7,
                "seconds": 0.5,
                "text": "a\n\"b",
            })
        );
    }
}
