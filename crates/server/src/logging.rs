//! The log of the server: lines on standard error, as much as the settings ask for.

use crate::settings::LogLevel;
use log::LevelFilter;

/// Begins to write lines. A program that has a logger of its own keeps it.
pub(crate) fn start(level: LogLevel) {
    let level = match level {
        LogLevel::Error => LevelFilter::Error,
        LogLevel::Warn => LevelFilter::Warn,
        LogLevel::Info => LevelFilter::Info,
        LogLevel::Debug => LevelFilter::Debug,
    };
    let mut builder = env_logger::Builder::new();
    builder.filter_level(LevelFilter::Warn).filter_module("tidings", level).format_target(false);
    // Only refused where another logger was started first.
    let _started = builder.format_timestamp_millis().try_init();
}
