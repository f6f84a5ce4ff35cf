//! How to follow.

use tidings_model::Start;

/// How to follow a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FollowOptions {
    /// Where to begin.
    pub start: Start,
    /// Whether to wait for a stream that does not exist yet. It is then read from its first message on,
    /// whatever `start` says of `now` or `last`: nothing was there when the follow began.
    pub wait_for_stream: bool,
    /// How many messages wait, about, for a user who does not take them. Beyond that the follow holds the connection up
    /// for a moment, which makes the server send less; where others use the same connection, it then reads on by itself,
    /// from the server's log. Nothing is lost by being slow.
    pub buffer: usize,
}

impl FollowOptions {
    /// How many messages wait, where nobody says otherwise.
    pub const BUFFER: usize = 1_000;

    /// From there on.
    pub fn from(start: Start) -> FollowOptions {
        FollowOptions { start, ..FollowOptions::default() }
    }
}

impl Default for FollowOptions {
    /// From `now` on, a stream that exists.
    fn default() -> FollowOptions {
        FollowOptions { start: Start::Now, wait_for_stream: false, buffer: FollowOptions::BUFFER }
    }
}
