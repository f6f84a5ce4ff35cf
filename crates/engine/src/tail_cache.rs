//! The tail cache: the batches that were committed last, over all streams, up to a number of bytes.
//!
//! The streams hold the batches; this holds their order. First in, first out: what leaves it is the oldest batch of
//! its own stream too, so what a stream has in memory is always a run without holes that ends at its tail. A stream may
//! drop its oldest batches earlier, when they are trimmed or it is deleted; their bytes are counted until their turn.

use crate::stream::Stream;
use std::collections::VecDeque;
use std::sync::Arc;
use tidings_model::Batch;

/// Decides which batches stay in memory. Owned by the commit thread.
pub(crate) struct TailCache {
    bytes_max: usize,
    bytes: usize,
    order: VecDeque<Place>,
}

/// Where a batch stands in the order.
struct Place {
    stream: Arc<Stream>,
    end_index: u64,
    bytes: usize,
}

impl TailCache {
    /// What a batch costs beside its messages' bytes, roughly: its own struct and its places in the queues.
    const BATCH_BYTES: usize = 160;
    const MESSAGE_BYTES: usize = size_of::<bytes::Bytes>();

    pub(crate) fn new(bytes_max: usize) -> TailCache {
        TailCache { bytes_max, bytes: 0, order: VecDeque::new() }
    }

    /// A batch was just put at the end of the stream's run.
    pub(crate) fn on_appended(&mut self, stream: &Arc<Stream>, batch: &Batch) {
        let bytes = TailCache::BATCH_BYTES + batch.bytes() + batch.messages.len() * TailCache::MESSAGE_BYTES;
        self.bytes += bytes;
        self.order.push_back(Place { stream: Arc::clone(stream), end_index: batch.end_index(), bytes });
        while self.bytes_max < self.bytes {
            let Some(oldest) = self.order.pop_front() else { break };
            self.bytes -= oldest.bytes;
            oldest.stream.uncache_to(oldest.end_index);
        }
    }
}
