//! Where a setting was said, so that an error can point at it.

use std::fmt;
use std::sync::Arc;

/// Who said a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A line of a settings file.
    File {
        /// The file, as it was named.
        path: Arc<str>,
        /// Counted from 1.
        line: usize,
    },
    /// An environment variable.
    Environment,
    /// A flag of the command line.
    Flag,
}

impl Origin {
    /// The place of a key, in the words of that origin: `tidings.toml:3: heartbeat`, `--heartbeat`.
    pub(super) fn place_of(&self, key: &str) -> String {
        match self {
            Origin::File { path, line } => format!("{path}:{line}: `{key}`"),
            Origin::Environment => format!("environment variable {}", super::variable_name(key)),
            Origin::Flag => format!("--{}", key.replace('_', "-")),
        }
    }
}

/// Short, for a value that is named in another sentence: `tidings.toml:3`, `environment`, `flag`.
impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::File { path, line } => write!(f, "{path}:{line}"),
            Origin::Environment => f.write_str("environment"),
            Origin::Flag => f.write_str("flag"),
        }
    }
}
