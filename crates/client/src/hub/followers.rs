//! All who follow something, behind one lock: where the hub and its users meet.

use super::follower::{Follower, FollowerId, Mode};
use crate::session::Standpoint;
use crate::transport::websocket::Post;
use crate::{FollowError, FollowEvent, FollowOptions, Via};
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use tidings_model::{Offset, StreamName};
use tokio::sync::Notify;

/// What a client and its hub share.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    state: Mutex<State>,
    /// There is something to do for the hub.
    pub(super) work: Notify,
}

/// What a user wants of the session as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Control {
    Via(Via),
    Wake,
    Hidden(bool),
    Pause,
    Resume,
}

#[derive(Debug, Default)]
pub(super) struct State {
    followers: BTreeMap<FollowerId, Follower>,
    last_id: FollowerId,
    /// Somebody has come, gone, or is not attached any more.
    pub(super) is_changed: bool,
    /// Bounded by taking each kind once.
    pub(super) controls: Vec<Control>,
    /// What was last wanted, for a hub that begins.
    pub(super) via: Option<Via>,
    socket: Option<Post>,
    standpoint: Standpoint,
}

impl Shared {
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One more who follows.
    pub(crate) fn add(&self, stream: StreamName, options: &FollowOptions) -> FollowerId {
        let mut state = self.lock();
        state.last_id += 1;
        let id = state.last_id;
        state.followers.insert(id, Follower::new(stream, options));
        state.is_changed = true;
        self.work.notify_one();
        id
    }

    /// It follows no more.
    pub(crate) fn remove(&self, id: FollowerId) {
        let mut state = self.lock();
        let _gone = state.followers.remove(&id);
        state.is_changed = true;
        self.work.notify_one();
    }

    /// The next event of a follower.
    pub(crate) fn poll_next(
        &self,
        id: FollowerId,
        context: &mut Context<'_>,
    ) -> Poll<Result<FollowEvent, FollowError>> {
        let mut state = self.lock();
        let follower = state.followers.get_mut(&id).expect("it is there until it is dropped");
        let was_full = follower.is_full() || !follower.has_room();
        match follower.take() {
            Some(result) => {
                if was_full && follower.has_room() {
                    self.work.notify_one();
                }
                Poll::Ready(result)
            }
            None => {
                follower.waker = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }

    pub(crate) fn resume_at(&self, id: FollowerId, offset: Offset) {
        let mut state = self.lock();
        if let Some(follower) = state.followers.get_mut(&id) {
            follower.resume_at(offset);
        }
        state.is_changed = true;
        self.work.notify_one();
    }

    pub(crate) fn offset(&self, id: FollowerId) -> Option<Offset> {
        self.lock().followers.get(&id)?.offset()
    }

    /// Tells the hub what a user wants. Of two of a kind the newer one counts.
    pub(crate) fn control(&self, control: Control) {
        let mut state = self.lock();
        let kind = std::mem::discriminant(&control);
        state.controls.retain(|waiting| std::mem::discriminant(waiting) != kind);
        state.controls.push(control);
        if let Control::Via(via) = control {
            state.via = Some(via);
        }
        self.work.notify_one();
    }

    /// The WebSocket that brings messages, to publish over.
    pub(crate) fn socket(&self) -> Option<Post> {
        self.lock().socket.clone()
    }

    pub(crate) fn standpoint(&self) -> Standpoint {
        self.lock().standpoint
    }
}

impl State {
    /// Notes what users may ask for.
    pub(super) fn on_settled(&mut self, socket: Option<Post>, standpoint: Standpoint) {
        self.socket = socket;
        self.standpoint = standpoint;
    }

    /// A hub begins: nobody is attached to it.
    pub(super) fn begin(&mut self) {
        self.is_changed = true;
        for follower in self.followers.values_mut().filter(|follower| !matches!(follower.mode, Mode::Ended)) {
            follower.mode = Mode::New;
        }
    }

    /// Somebody who has no part in anything yet.
    pub(super) fn next_new(&mut self) -> Option<&mut Follower> {
        self.followers.values_mut().find(|follower| matches!(follower.mode, Mode::New))
    }

    pub(super) fn attached(&self) -> impl Iterator<Item = &Follower> {
        self.followers.values().filter(|follower| follower.is_attached())
    }

    pub(super) fn followers_mut(&mut self) -> impl Iterator<Item = &mut Follower> {
        self.followers.values_mut()
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = (FollowerId, &mut Follower)> {
        self.followers.iter_mut().map(|(id, follower)| (*id, follower))
    }

    pub(super) fn get_mut(&mut self, id: FollowerId) -> Option<&mut Follower> {
        self.followers.get_mut(&id)
    }
}
