//! What an exchange says of itself to an administrator: plain data, that may go from one worker to another.

use std::sync::Arc;
use tidings_engine::Stream;

/// Who asks, how, and where they stand.
#[derive(Debug, Default)]
pub(crate) struct About {
    /// The word of the transport; none for what is no read.
    pub(crate) transport: Option<&'static str>,
    /// What they are known by, if by anything.
    pub(crate) subject: Option<String>,
    /// Some of the streams that are read, each with the index of the message that comes next.
    pub(crate) streams: Vec<(Arc<Stream>, u64)>,
    /// How many are read.
    pub(crate) stream_count: usize,
}

impl About {
    /// Of so many streams it is said where the reader stands.
    pub(crate) const STREAMS_MAX: usize = 10;

    /// It reads that stream, and stands there.
    pub(crate) fn reads(&mut self, stream: &Arc<Stream>, next: u64) {
        self.stream_count += 1;
        if self.streams.len() < About::STREAMS_MAX {
            self.streams.push((Arc::clone(stream), next));
        }
    }

    /// A transport that is asked for by that word.
    pub(crate) fn by(&mut self, transport: &'static str) {
        self.transport = Some(transport);
    }
}
