//! Settings from environment variables: `TIDINGS_` and the key in capitals.

use super::suggestion::nearest;
use super::{Origin, SETTINGS, SettingsError, SettingsInput};
use std::ffi::OsString;

const PREFIX: &str = "TIDINGS_";

/// Variables with our prefix that are no settings of the server: the command line reads them.
const OF_THE_COMMAND_LINE: [&str; 4] = ["TIDINGS_URL", "TIDINGS_CA", "TIDINGS_CONFIG", "TIDINGS_TOKEN"];

/// The environment variable of a key.
pub fn variable_name(key: &str) -> String {
    format!("{PREFIX}{}", key.to_ascii_uppercase())
}

impl SettingsInput {
    /// Takes the settings among the variables of a process, such as [`std::env::vars_os`] gives.
    /// A name that begins with `TIDINGS_` and is unknown is an error.
    pub fn from_environment(
        variables: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<SettingsInput, SettingsError> {
        let mut input = SettingsInput::default();
        for (name, value) in variables {
            let Some(name) = name.to_str().filter(|name| name.starts_with(PREFIX)) else {
                continue;
            };
            if OF_THE_COMMAND_LINE.contains(&name) {
                continue;
            }
            let key = SETTINGS.iter().map(|setting| setting.key).find(|key| variable_name(key) == name);
            let Some(key) = key else {
                let known = name.strip_prefix(PREFIX).unwrap_or(name).to_ascii_lowercase();
                return Err(unknown_setting(&known, &Origin::Environment));
            };
            input.set(key, &value.to_string_lossy(), Origin::Environment)?;
        }
        Ok(input)
    }
}

/// The error for a key that is not in the table, in the words of its origin.
pub(super) fn unknown_setting(key: &str, origin: &Origin) -> SettingsError {
    let keys = SETTINGS.iter().filter(|setting| !setting.hidden).map(|setting| setting.key);
    let near = nearest(key, keys);
    let (place, near) = match origin {
        Origin::File { path, line } => {
            (format!("{path}:{line}: unknown key `{key}`"), near.map(|key| format!("`{key}`")))
        }
        Origin::Environment => {
            (format!("unknown environment variable {}", variable_name(key)), near.map(variable_name))
        }
        Origin::Flag => {
            (format!("unknown flag {}", origin.place_of(key)), near.map(|key| origin.place_of(key)))
        }
    };
    let advice = match near {
        Some(near) => format!("did you mean {near}?"),
        None => "`tidings config default` prints every setting".to_owned(),
    };
    SettingsError::UnknownName { place, advice }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<SettingsInput, String> {
        let variables = variables.iter().map(|(name, value)| (OsString::from(name), OsString::from(value)));
        SettingsInput::from_environment(variables).map_err(|error| error.to_string())
    }

    #[test]
    fn every_setting_has_its_variable() {
        for setting in SETTINGS {
            let input = read(&[(&setting.variable(), setting.default)]);
            assert!(input.is_ok(), "{input:?}");
        }
        let input = read(&[("TIDINGS_HEARTBEAT", "5s"), ("PATH", "/bin"), ("HEARTBEAT", "x")]).unwrap();
        assert_eq!(input.resolve().unwrap().heartbeat.as_secs(), 5);
    }

    #[test]
    fn the_variables_of_the_command_line_are_left_alone() {
        assert!(read(&[("TIDINGS_URL", "http://127.0.0.1:1"), ("TIDINGS_CONFIG", "x.toml")]).is_ok());
    }

    #[test]
    fn a_wrong_variable_says_what_to_write() {
        for (name, value, message) in [
            (
                "TIDINGS_LONG_POL_TIMEOUT",
                "30s",
                "unknown environment variable TIDINGS_LONG_POL_TIMEOUT; did you mean TIDINGS_LONG_POLL_TIMEOUT?",
            ),
            (
                "TIDINGS_PORT",
                "80",
                "unknown environment variable TIDINGS_PORT; `tidings config default` prints every setting",
            ),
            (
                "TIDINGS_LISTEN",
                "4437",
                "environment variable TIDINGS_LISTEN: `4437` is not an address; write an IP address and a port, \
                 such as `127.0.0.1:4437` or `[::]:4437`",
            ),
        ] {
            assert_eq!(read(&[(name, value)]).err().as_deref(), Some(message));
        }
    }
}
