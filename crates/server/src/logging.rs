//! The log of the server: lines on standard error, as much as the settings ask for.

use crate::settings::LogLevel;
use log::LevelFilter;

/// Begins to write lines. A program that has a logger of its own keeps it.
pub(crate) fn start(level: LogLevel) {
    let mut builder = env_logger::Builder::new();
    // How much of ours is written may change, and is said by `set_level`.
    builder.filter_level(LevelFilter::Warn).filter_module("tidings", LevelFilter::Debug).format_target(false);
    // Only refused where another logger was started first.
    let _started = builder.format_timestamp_millis().try_init();
    set_level(level);
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
