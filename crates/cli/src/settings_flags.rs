//! The flags of `tidings serve`, made from the server's table of settings.

use clap::builder::Arg;
use clap::error::ErrorKind;
use clap::{ArgMatches, Args, Command, FromArgMatches};
use std::path::{Path, PathBuf};
use tidings_server::settings::{
    Definition, Origin, SETTINGS, Settings, SettingsError, SettingsInput, SettingsSource,
};

/// Read where nobody names a settings file, if it stands there.
pub(crate) const DEFAULT_FILE: &str = "tidings.toml";

/// Where a server's settings come from: one flag for each, and the name of the file.
#[derive(Debug, Args)]
pub(crate) struct SettingsArguments {
    /// The settings file. Without this flag, `tidings.toml` is read if it is there
    #[arg(long, value_name = "FILE", env = "TIDINGS_CONFIG")]
    pub(crate) config: Option<PathBuf>,

    #[command(flatten)]
    flags: SettingsFlags,
}

impl SettingsArguments {
    /// The file that counts, if there is one.
    pub(crate) fn file(&self) -> Option<&Path> {
        match &self.config {
            Some(path) => Some(path),
            None => Some(Path::new(DEFAULT_FILE)).filter(|path| path.exists()),
        }
    }

    /// The file, with the environment and the flags above it.
    pub(crate) fn source(&self) -> Result<SettingsSource, SettingsError> {
        let environment = SettingsInput::from_environment(std::env::vars_os())?;
        let above = self.flags.input.clone().or(environment);
        Ok(SettingsSource::new(above, self.file().map(Path::to_owned)))
    }

    /// Reads all of them and checks them together.
    pub(crate) fn settings(&self) -> Result<Settings, SettingsError> {
        Ok(self.source()?.load()?.settings().clone())
    }
}

/// What the flags said.
#[derive(Clone, Debug, Default)]
struct SettingsFlags {
    input: SettingsInput,
}

impl FromArgMatches for SettingsFlags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<SettingsFlags, clap::Error> {
        let mut flags = SettingsFlags::default();
        flags.update_from_arg_matches(matches)?;
        Ok(flags)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        for setting in SETTINGS {
            if let Some(text) = matches.get_one::<String>(setting.key) {
                let taken = self.input.set(setting.key, text, Origin::Flag);
                taken.map_err(|error| clap::Error::raw(ErrorKind::ValueValidation, error))?;
            }
        }
        Ok(())
    }
}

impl Args for SettingsFlags {
    fn augment_args(command: Command) -> Command {
        SETTINGS.iter().fold(command, |command, setting| command.arg(flag(setting)))
    }

    fn augment_args_for_update(command: Command) -> Command {
        SettingsFlags::augment_args(command)
    }
}

fn flag(setting: &Definition) -> Arg {
    let arg = Arg::new(setting.key)
        .long(setting.flag())
        .value_name(setting.kind.to_uppercase())
        .help(format!("{} [default: {}] [env: {}]", setting.told(), setting.default, setting.variable()))
        .help_heading(setting.group)
        .hide(setting.hidden);
    if setting.kind == "boolean" {
        // `--examples` alone means yes.
        arg.num_args(0..=1).default_missing_value("true")
    } else {
        // A negative number is a wrong value, and told so, not an unknown flag.
        arg.allow_hyphen_values(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;
    use std::time::Duration;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        settings: SettingsArguments,
    }

    #[test]
    fn every_setting_has_its_flag() {
        for setting in SETTINGS {
            let line = Line::try_parse_from(["x", &format!("--{}={}", setting.flag(), setting.default)]);
            assert!(line.is_ok(), "{line:?}");
        }
        let line = Line::try_parse_from(["x", "--long-poll-timeout", "500ms"]).unwrap();
        let settings = line.settings.flags.input.resolve().unwrap();
        assert_eq!(settings.long_poll_timeout, Duration::from_millis(500));
    }

    #[test]
    fn a_switch_alone_means_yes() {
        for (words, examples) in [
            (&["x"][..], false),
            (&["x", "--examples"], true),
            (&["x", "--examples", "--workers", "1"], true),
            (&["x", "--examples", "false"], false),
            (&["x", "--examples=true"], true),
        ] {
            let line = Line::try_parse_from(words).unwrap();
            assert_eq!(line.settings.flags.input.resolve().unwrap().examples, examples, "{words:?}");
        }
    }

    #[test]
    fn a_wrong_value_names_the_flag_and_the_remedy() {
        let error = Line::try_parse_from(["x", "--heartbeat", "30"]).unwrap_err();
        assert_eq!(error.exit_code(), 2);
        let told = "error: --heartbeat: `30` has no unit; \
                    write whole numbers with units, such as `30s`, `500ms`, `1h30m` or `7d`\n";
        assert!(error.to_string().starts_with(told), "{error}");
    }
}
