//! What a list says of a stream. It makes no stream live: what changes by the second is told of those that are.

use crate::catalogs::durability_of;
use crate::lifetimes::lifetime_end;
use crate::shared::Shared;
use crate::stream::{Stream, StreamSummary};
use std::sync::Arc;
use tidings_log::StreamView;
use tidings_model::{Durability, Incarnation, Offset, StreamConfig, StreamName, Timestamp};

/// One stream in a list.
#[derive(Clone, Debug)]
pub struct ListedStream {
    /// Its name.
    pub name: StreamName,
    /// Which life of that name.
    pub incarnation: Incarnation,
    /// What it was created with.
    pub config: Arc<StreamConfig>,
    /// When it was created.
    pub created: Timestamp,
    /// How much of it there is, and who reads it.
    pub summary: StreamSummary,
    /// Its lifetime is over: nobody finds it.
    pub is_expired: bool,
}

impl ListedStream {
    /// What an acknowledgement means here.
    pub fn durability(&self) -> Durability {
        durability_of(self.incarnation)
    }

    /// The offset with that index.
    pub fn offset(&self, index: u64) -> Offset {
        Offset { incarnation: self.incarnation, index }
    }

    /// A live stream.
    pub(crate) fn of_live(stream: &Stream, now: Timestamp) -> ListedStream {
        ListedStream {
            name: stream.name().clone(),
            incarnation: stream.incarnation(),
            config: Arc::clone(stream.config()),
            created: stream.created(),
            summary: stream.summary(now),
            is_expired: stream.is_expired(now),
        }
    }

    /// What is committed, or what the live stream says: that may be a moment behind, but readers are told the same.
    pub(crate) fn of(view: StreamView, shared: &Shared, now: Timestamp) -> ListedStream {
        let live = shared.live.of(view.incarnation);
        let is_expired = match &live {
            Some(stream) => stream.is_expired(now),
            None => {
                let accessed = || shared.live.accessed(view.incarnation, view.created, now);
                lifetime_end(&view.config.lifetime, accessed).is_some_and(|end| end <= now)
            }
        };
        let summary = live.map_or_else(|| StreamSummary::of_unused(&view), |stream| stream.summary(now));
        let StreamView { name, incarnation, config, created, .. } = view;
        ListedStream { name, incarnation, config, created, summary, is_expired }
    }
}
