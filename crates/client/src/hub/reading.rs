//! Pages that are read for one follower alone: those who join from another place than the session's, or stayed behind.

use super::follower::{Follower, FollowerId, Joins, Mode};
use super::followers::Shared;
use crate::backoff::{Backoff, Chance};
use crate::http_client::HttpClient;
use crate::{Page, ReadError, client};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Instant;
use tidings_model::{Start, StreamName};
use tokio::task::JoinSet;

/// How many pages are read at a time; others wait for their turn.
const READS_MAX: usize = 4;

/// What was read for a follower.
#[derive(Debug)]
pub(super) struct Read {
    pub(super) follower: FollowerId,
    from: Start,
    result: Result<Page, ReadError>,
}

/// The reads that are under way, and the pauses after those that failed.
pub(super) struct Readers {
    http: Arc<HttpClient>,
    tasks: JoinSet<Read>,
    pauses: HashMap<FollowerId, Pause>,
    chance: Chance,
}

struct Pause {
    backoff: Backoff,
    until: Instant,
}

impl Readers {
    pub(super) fn new(http: Arc<HttpClient>) -> Readers {
        let chance = Chance::new(rand::random());
        Readers { http, tasks: JoinSet::new(), pauses: HashMap::new(), chance }
    }

    /// Starts to read for those who have room for a page.
    pub(super) fn start(&mut self, shared: &Shared, followed: &HashSet<StreamName>, now: Instant) {
        let mut state = shared.lock();
        self.pauses.retain(|id, _| state.get_mut(*id).is_some());
        for (id, follower) in state.iter_mut() {
            if READS_MAX <= self.tasks.len() {
                return;
            }
            let Mode::Reading(reading) = &follower.mode else { continue };
            let is_paused = self.pauses.get(&id).is_some_and(|pause| now < pause.until);
            if reading.is_asked || is_paused || !follower.has_room() {
                continue;
            }
            follower.on_asked(followed.contains(&follower.stream));
            let (http, stream, from) =
                (Arc::clone(&self.http), follower.stream.clone(), follower.place.start());
            self.tasks.spawn(async move {
                let result = client::read_page(&http, &stream, from, None).await;
                Read { follower: id, from, result }
            });
        }
    }

    /// When the next pause ends.
    pub(super) fn poll_timeout(&self, now: Instant) -> Option<Instant> {
        self.pauses.values().map(|pause| pause.until).filter(|until| now < *until).min()
    }

    /// The next page; waits for ever while none is asked for. May be cancelled.
    pub(super) async fn next(&mut self) -> Read {
        loop {
            match self.tasks.join_next().await {
                Some(Ok(read)) => return read,
                Some(Err(_aborted)) => {}
                None => std::future::pending().await,
            }
        }
    }

    /// A page has come, or none.
    pub(super) fn on_read(
        &mut self,
        follower: &mut Follower,
        read: Read,
        is_followed: bool,
        now: Instant,
    ) -> Joins {
        if !matches!(follower.mode, Mode::Reading(_)) || follower.place.start() != read.from {
            return Joins::Not; // It has gone on from elsewhere meanwhile.
        }
        match read.result {
            Ok(page) => {
                self.pauses.remove(&read.follower);
                follower.on_page(page, is_followed)
            }
            Err(error) => {
                if follower.on_read_error(error) {
                    let pause = self
                        .pauses
                        .entry(read.follower)
                        .or_insert_with(|| Pause { backoff: Backoff::default(), until: now });
                    pause.until = now + pause.backoff.next_wait(&mut self.chance);
                } else {
                    self.pauses.remove(&read.follower);
                }
                Joins::Not
            }
        }
    }
}
