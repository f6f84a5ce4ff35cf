//! How much the server writes to its log.

/// The least important kind of line that is still written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// What went wrong.
    Error,
    /// Also what may go wrong soon.
    Warn,
    /// Also what the server does: start, listen, drain, end.
    Info,
    /// Also each connection.
    Debug,
}

impl LogLevel {
    /// The word in settings and in log lines.
    pub fn as_str(self) -> &'static str {
        match self {
            LogLevel::Error => "error",
            LogLevel::Warn => "warn",
            LogLevel::Info => "info",
            LogLevel::Debug => "debug",
        }
    }

    /// The level of that word, if it is one.
    pub fn parse(word: &str) -> Option<LogLevel> {
        use LogLevel::{Debug, Error, Info, Warn};
        [Error, Warn, Info, Debug].into_iter().find(|level| level.as_str() == word)
    }
}
