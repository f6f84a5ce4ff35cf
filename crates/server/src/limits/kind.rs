//! The limits: one line each. Its name is that of its setting, in the refusal and in the metrics.

use super::buckets::Rate;
use crate::settings::Settings;
use std::time::Duration;
use tidings_protocol::{LimitReached, Problem};

/// Whom an amount is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    Address,
    Subject,
    Stream,
}

impl Scope {
    const fn as_str(self) -> &'static str {
        match self {
            Scope::Address => "address",
            Scope::Subject => "subject",
            Scope::Stream => "stream",
        }
    }
}

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Measure {
    Connections,
    Follows,
    PublishedMessages,
    PublishedBytes,
}

/// Defines the enum and its facts from one line per limit.
macro_rules! limits {
    ($($name:ident = $setting:ident, $scope:ident, $measure:ident, $whole:literal;)+) => {
        /// One limit.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Limit {
            $($name,)+
        }

        impl Limit {
            /// Every limit, in the order of their numbers.
            pub(crate) const ALL: &[Limit] = &[$(Limit::$name,)+];

            /// The name of its setting.
            pub(crate) const fn as_str(self) -> &'static str {
                match self {
                    $(Limit::$name => stringify!($setting),)+
                }
            }

            /// What it allows; 0 is as much as one likes.
            pub(super) const fn amount(self, settings: &Settings) -> usize {
                match self {
                    $(Limit::$name => settings.$setting,)+
                }
            }

            pub(super) const fn scope(self) -> Scope {
                match self {
                    $(Limit::$name => Scope::$scope,)+
                }
            }

            pub(super) const fn measure(self) -> Measure {
                match self {
                    $(Limit::$name => Measure::$measure,)+
                }
            }

            /// What one of its scope has or does, in words.
            const fn words(self) -> &'static str {
                match self {
                    $(Limit::$name => $whole,)+
                }
            }
        }
    };
}

limits! {
    ConnectionsPerAddress = max_connections_per_address, Address, Connections, "connections at a time";
    ConnectRatePerAddress = connect_rate_per_address, Address, Connections, "new connections a second";
    FollowsPerAddress = max_follows_per_address, Address, Follows, "follows at a time";
    FollowsPerSubject = max_follows_per_subject, Subject, Follows, "follows at a time";
    FollowsPerStream = max_follows_per_stream, Stream, Follows, "follows at a time";
    PublishRatePerAddress = publish_rate_per_address, Address, PublishedMessages, "published messages a second";
    PublishRatePerSubject = publish_rate_per_subject, Subject, PublishedMessages, "published messages a second";
    PublishRatePerStream = publish_rate_per_stream, Stream, PublishedMessages, "published messages a second";
    PublishByteRatePerAddress = publish_byte_rate_per_address, Address, PublishedBytes, "published bytes a second";
    PublishByteRatePerSubject = publish_byte_rate_per_subject, Subject, PublishedBytes, "published bytes a second";
    PublishByteRatePerStream = publish_byte_rate_per_stream, Stream, PublishedBytes, "published bytes a second";
}

impl Limit {
    /// Those of a publish.
    pub(super) const PUBLISHING: [Limit; 6] = [
        Limit::PublishRatePerAddress,
        Limit::PublishRatePerSubject,
        Limit::PublishRatePerStream,
        Limit::PublishByteRatePerAddress,
        Limit::PublishByteRatePerSubject,
        Limit::PublishByteRatePerStream,
    ];

    /// How its bucket fills; `None` where it has none, or allows as much as one likes.
    pub(super) fn rate(self, settings: &Settings) -> Option<Rate> {
        Rate::new(self.amount(settings) as u64, settings.limit_burst)
    }

    /// The answer to what is too much, and when to ask again.
    pub(super) fn refusal(self, settings: &Settings, retry_after: Duration) -> Problem {
        Problem::limit_reached(LimitReached {
            limit: self.as_str(),
            amount: self.amount(settings) as u64,
            scope: self.scope().as_str(),
            words: self.words(),
            // Whole seconds: earlier would be refused again.
            retry_after_s: retry_after.as_secs() + u64::from(retry_after.subsec_nanos() != 0),
        })
    }
}
