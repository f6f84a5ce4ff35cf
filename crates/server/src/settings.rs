//! Settings: one table of definitions, read from a file, the environment and flags, in this order of growing weight.
//!
//! Owns what a setting is called, which values it takes, its default and its documentation. Does not know flags
//! parsers, sockets or what the server does with a value.
//!
//! Two stages: [`SettingsInput`] is what was said, each value with its origin; [`Settings`] is complete and
//! cross-checked, and [`SettingsInput::resolve`] is the one step between them.

mod access;
mod asking;
mod bounded_file;
mod byte_size;
mod check;
mod default_file;
mod definition;
mod duration;
mod environment;
mod error;
mod event_loop;
mod file;
mod file_stamps;
mod kind;
mod log_format;
mod log_level;
mod markdown;
mod networks;
mod origin;
mod origins;
mod otlp_endpoint;
mod policy;
mod rule;
mod source;
mod suggestion;
mod table;

pub use asking::{AskUrl, Events, SigningKey, WhenDown};
pub use default_file::default_file;
pub use definition::{Definition, Range};
pub use duration::parse_duration;
pub use environment::variable_name;
pub use error::SettingsError;
pub use event_loop::{EventLoop, Sends};
pub use kind::InvalidValue;
pub use log_format::LogFormat;
pub use log_level::LogLevel;
pub use markdown::settings_markdown;
pub use networks::Networks;
pub use origin::Origin;
pub use origins::Origins;
pub use otlp_endpoint::OtlpEndpoint;
pub use policy::{Policies, StreamPolicy, WhenBehind};
pub use source::{LoadedSettings, Reloaded, SettingsSource};
pub use table::{SETTINGS, Settings, SettingsInput};
