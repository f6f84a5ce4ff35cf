//! Which data folder a tool works on.

use crate::exit::Stop;
use crate::settings_flags::DEFAULT_FILE;
use clap::Args;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use tidings_log::{LogSettings, LookError, OpenError};
use tidings_server::settings::{Origin, Settings, SettingsInput};

/// Which data folder, found as `tidings serve` finds it.
#[derive(Debug, Args)]
pub(crate) struct DataArguments {
    /// The data folder [default: the setting `data`, which is `tidings-data` if nobody says otherwise]
    #[arg(long, value_name = "DIR")]
    data: Option<String>,

    /// The settings file. Without this flag, `tidings.toml` is read if it is there
    #[arg(long, value_name = "FILE", env = "TIDINGS_CONFIG")]
    config: Option<PathBuf>,
}

impl DataArguments {
    /// The settings that a server would start with.
    pub(crate) fn settings(&self) -> Result<Settings, Stop> {
        let wrong = |error: tidings_server::settings::SettingsError| Stop::Usage(error.to_string());
        let mut input = SettingsInput::default();
        if let Some(data) = &self.data {
            input.set("data", data, Origin::Flag).map_err(wrong)?;
        }
        let environment = SettingsInput::from_environment(std::env::vars_os()).map_err(wrong)?;
        let default = Some(Path::new(DEFAULT_FILE)).filter(|path| path.exists());
        let file =
            self.config.as_deref().or(default).map(SettingsInput::from_file).transpose().map_err(wrong)?;
        input.or(environment).or(file.unwrap_or_default()).resolve().map_err(wrong)
    }

    /// The folder.
    pub(crate) fn folder(&self) -> Result<PathBuf, Stop> {
        Ok(self.settings()?.data)
    }
}

/// The limits of a log that a tool writes to: what is there already is never too much.
pub(crate) fn log_settings(settings: &Settings) -> LogSettings {
    LogSettings {
        segment_bytes: settings.segment_bytes as u64,
        streams_max: usize::MAX,
        producers_max: usize::MAX,
        ..LogSettings::default()
    }
}

/// Why a tool can't have a folder. `instead` says what to do while a server runs on it.
pub(crate) fn refused(folder: &Path, error: LookError, instead: &str) -> Stop {
    let folder = folder.display();
    let is_missing = |error: &LookError| matches!(error, LookError::Open(OpenError::Storage(error)) if error.kind() == ErrorKind::NotFound);
    Stop::Failed(match error {
        error if is_missing(&error) => {
            anyhow::anyhow!("there is no folder {folder} (--data says where it is)")
        }
        LookError::NoLog => anyhow::anyhow!("there is no log in {folder} (--data says where it is)"),
        LookError::Open(OpenError::Locked { .. }) => anyhow::anyhow!("a server runs on {folder}; {instead}"),
        LookError::Open(OpenError::Storage(error)) => {
            anyhow::Error::new(error).context(format!("{folder} can't be read"))
        }
        LookError::Open(error) => anyhow::anyhow!("{folder}: {error}"),
    })
}
