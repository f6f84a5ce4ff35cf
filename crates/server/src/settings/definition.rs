//! The form of one definition, and the macro that turns the table of them into types.

use super::kind::Kind;
use super::{Origin, SettingsError};

/// What is known of one setting: its name, values, default and documentation.
#[derive(Clone, Copy, Debug)]
pub struct Definition {
    /// The name in the file. The flag has `-` for `_`; the environment variable is `TIDINGS_` and the name in capitals.
    pub key: &'static str,
    /// One word for the kind of its values: `duration`, `bytes`, `integer`, …
    pub kind: &'static str,
    /// What to write, as the end of a sentence that begins with "write".
    pub advice: &'static str,
    /// The value where nobody says another, as it would be written.
    pub default: &'static str,
    /// The smallest and the largest value, where the kind has an order.
    pub range: Option<Range>,
    /// The heading it stands under.
    pub group: &'static str,
    /// Full sentences for a person who has not seen the server before.
    pub doc: &'static str,
    /// Whether help and documentation leave it out.
    pub hidden: bool,
    /// Whether a running server keeps the value that it was started with, whatever is reloaded.
    pub restart: bool,
}

impl Definition {
    /// The flag: `--long-poll-timeout`, here without the dashes.
    pub fn flag(&self) -> String {
        self.key.replace('_', "-")
    }

    /// What is told of it, with what a reload does not change.
    pub fn told(&self) -> String {
        let restart = if self.restart { " A change takes effect at the next start." } else { "" };
        format!("{}{restart}", self.doc)
    }

    /// The environment variable: `TIDINGS_LONG_POLL_TIMEOUT`.
    pub fn variable(&self) -> String {
        super::variable_name(self.key)
    }
}

/// The smallest and the largest value of a setting, as they would be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// At least this.
    pub least: &'static str,
    /// At most this.
    pub most: &'static str,
}

/// A value that somebody said, and who.
#[derive(Clone, Debug)]
pub(super) struct Given<T> {
    pub(super) value: T,
    /// As it was written, for errors that name it.
    pub(super) text: String,
    pub(super) origin: Origin,
}

impl<T> Given<T> {
    /// Reads a text as a value of that kind and range.
    pub(super) fn parse(
        key: &str,
        kind: &Kind<T>,
        range: Option<Range>,
        (text, origin): (&str, Origin),
    ) -> Result<Given<T>, SettingsError> {
        let value = (kind.parse)(text).map_err(|invalid| SettingsError::InvalidValue {
            place: origin.place_of(key),
            text: text.to_owned(),
            invalid,
            advice: kind.advice,
        })?;
        // Nothing at all, where that is a value, is in every range.
        if let Some(Range { least, most }) = range.filter(|_| !text.is_empty()) {
            let amount = (kind.amount)(&value);
            if amount < (kind.amount)(&written(kind, least)) || (kind.amount)(&written(kind, most)) < amount {
                let place = origin.place_of(key);
                return Err(SettingsError::OutOfRange { place, text: text.to_owned(), least, most });
            }
        }
        Ok(Given { value, text: text.to_owned(), origin })
    }
}

/// The value of a text that stands in the table itself.
pub(super) fn written<T>(kind: &Kind<T>, text: &'static str) -> T {
    (kind.parse)(text).expect("a test reads every default and range of the table")
}

/// Turns the table into [`Settings`](super::Settings), [`SettingsInput`](super::SettingsInput), their defaults
/// and the list of [`Definition`]s, so that each setting is written down once.
macro_rules! settings_table {
    ($(
        group $group:literal {
            $(
                $(#[doc = $doc:literal])+
                $key:ident: $type:ty = $kind:ident $default:literal
                    $(in $least:literal..=$most:literal)? $(; $mark:ident)*,
            )+
        }
    )+) => {
        /// All settings of a server: complete, each in its range, and checked against each other.
        ///
        /// Made by [`SettingsInput::resolve`] only.
        #[derive(Clone, Debug)]
        #[non_exhaustive]
        pub struct Settings {
            $($(
                $(#[doc = $doc])+
                pub $key: $type,
            )+)+
            /// What streams are given by their names.
            pub policies: Policies,
            /// Who may do what.
            pub access: Arc<Policy>,
            /// What questions to the application are signed with.
            pub webhook_key: Option<SigningKey>,
            /// Which pages of other origins may use the server.
            pub origins: Arc<Origins>,
        }

        /// What the file, the environment and flags said, each value with its origin. Nothing is complete here.
        #[derive(Clone, Debug, Default)]
        pub struct SettingsInput {
            $($( pub(super) $key: Option<Given<$type>>, )+)+
            /// The tables `[[streams]]` of the file, in its order.
            pub(super) rules: Vec<Rule>,
            /// The tables that say who may do what.
            pub(super) access: AccessTables,
            /// The tables `[[origins]]`.
            pub(super) origins: Origins,
        }

        /// Every setting, in the order of the documentation.
        pub static SETTINGS: &[Definition] = &[$($(
            Definition {
                key: stringify!($key),
                kind: kind::$kind.name,
                advice: kind::$kind.advice,
                default: $default,
                range: range!($($least, $most)?),
                group: $group,
                doc: concat!($($doc),+).trim_ascii(),
                hidden: marked!(hidden in $($mark)*),
                restart: marked!(restart in $($mark)*),
            },
        )+)+];

        impl SettingsInput {
            /// Takes the text of one setting. A later text of the same setting replaces the earlier.
            pub fn set(&mut self, key: &str, text: &str, origin: Origin) -> Result<(), SettingsError> {
                match key {
                    $($(
                        stringify!($key) => {
                            let range = range!($($least, $most)?);
                            let given = Given::parse(key, &kind::$kind, range, (text, origin))?;
                            self.$key = Some(given);
                        }
                    )+)+
                    _ => return Err(unknown_setting(key, &origin)),
                }
                Ok(())
            }

            /// These values, and where nothing was said those of a weaker origin.
            #[must_use]
            pub fn or(mut self, weaker: SettingsInput) -> SettingsInput {
                self.rules.extend(weaker.rules);
                SettingsInput {
                    $($( $key: self.$key.or(weaker.$key), )+)+
                    rules: self.rules,
                    access: self.access.or(weaker.access),
                    // Only the file has any.
                    origins: if self.origins.is_empty() { weaker.origins } else { self.origins },
                }
            }

            /// What was said, as it was written: key, kind and text.
            pub(super) fn texts(&self) -> impl Iterator<Item = (&'static Definition, Option<&str>)> {
                let texts = [$($( self.$key.as_ref().map(|given| given.text.as_str()), )+)+];
                SETTINGS.iter().zip(texts)
            }

            /// Takes what needs a restart from what a running server was started with.
            pub(super) fn keep_until_restart(&mut self, running: &SettingsInput) {
                $($(
                    if marked!(restart in $($mark)*) {
                        self.$key.clone_from(&running.$key);
                    }
                )+)+
            }

            /// Every setting with its value or its default; the rules that join two of them are not checked yet.
            pub(super) fn fill(&self) -> Settings {
                let filled = Settings {
                    $($(
                        $key: match &self.$key {
                            Some(given) => given.value.clone(),
                            None => written(&kind::$kind, $default),
                        },
                    )+)+
                    policies: Policies::default(),
                    access: Arc::new(Policy::without_rules()),
                    webhook_key: None,
                    origins: Arc::new(self.origins.clone()),
                };
                filled
            }
        }
    };
}

/// The range of a setting, if the table gives one.
macro_rules! range {
    () => {
        None
    };
    ($least:literal, $most:literal) => {
        Some(Range { least: $least, most: $most })
    };
}

/// Whether a mark stands behind a setting: `hidden`, or `restart`.
macro_rules! marked {
    (hidden in hidden $($_others:ident)*) => {
        true
    };
    (restart in restart $($_others:ident)*) => {
        true
    };
    ($mark:ident in) => {
        false
    };
    ($mark:ident in $_other:ident $($others:ident)*) => {
        marked!($mark in $($others)*)
    };
}

pub(super) use {marked, range, settings_table};
