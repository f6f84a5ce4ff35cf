//! What can be wrong with settings. Each text says where, what, and what to write.

use super::InvalidValue;
use std::io;
use std::net::SocketAddr;

/// Why settings were refused.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The file can't be read.
    #[error("cannot read the settings file {path}: {error}")]
    Unreadable {
        /// The file, as it was named.
        path: String,
        /// What the system said.
        error: io::Error,
    },
    /// The file is not TOML.
    #[error("{path}:{line}: {message}")]
    Syntax {
        /// The file, as it was named.
        path: String,
        /// Counted from 1.
        line: usize,
        /// What the parser said.
        message: String,
    },
    /// No setting has that name.
    #[error("{place}; {advice}")]
    UnknownName {
        /// Where it stands, and its name.
        place: String,
        /// A name that is near, or where to find the names.
        advice: String,
    },
    /// The value is of another kind than the setting.
    #[error("{place}: `{text}` {invalid}; write {advice}")]
    InvalidValue {
        /// Where it stands, and the name of the setting.
        place: String,
        /// As it was written.
        text: String,
        /// What is wrong with it.
        invalid: InvalidValue,
        /// What to write instead.
        advice: &'static str,
    },
    /// The value is too small or too large by itself.
    #[error("{place}: `{text}` is out of range; write at least `{least}` and at most `{most}`")]
    OutOfRange {
        /// Where it stands, and the name of the setting.
        place: String,
        /// As it was written.
        text: String,
        /// The smallest value.
        least: &'static str,
        /// The largest value.
        most: &'static str,
    },
    /// A table `[[streams]]` that no stream can match.
    #[error(
        "{place}: this `[[streams]]` has no `match`; write the streams that it is for, such as `match = \"orders/*\"`"
    )]
    NoPattern {
        /// Where the table begins.
        place: String,
    },
    /// A file that should hold keys.
    #[error("{place}: {path} {reason}")]
    KeyFile {
        /// Where it is named, and the name of the setting.
        place: String,
        /// The file.
        path: String,
        /// What is wrong with it: "has no key …".
        reason: String,
    },
    /// Others can reach the server, and nothing says what they may do.
    #[error(
        "{key} = `{listen}` ({origin}): others can reach this address, and there are no rules of who may do what; write them into the settings file, such as\n  \
         [[rights]]\n  to = \"anybody\"\n  read = [\"**\"]\nwith which everybody may read and nobody may publish, and `token_keys`, `token_secret_file` or `[[keys]]` for those who may do more; \
         or say `--insecure`, and whoever reaches it may read, publish and delete everything"
    )]
    NoRules {
        /// Which setting says so.
        key: &'static str,
        /// Where it would listen.
        listen: SocketAddr,
        /// Who said so.
        origin: String,
    },
    /// Two values that don't go together.
    #[error("{values}: {rule}; {advice}")]
    Conflict {
        /// The two, with their values and origins.
        values: String,
        /// Why they don't go together.
        rule: &'static str,
        /// Which to change.
        advice: String,
    },
}
