//! Many streams in one request: the transports of HTTP around a [`Feed`], each of its frames wrapped for them.

mod page;
mod sse;

pub(super) use page::{long_poll, poll};
pub(super) use sse::sse;
