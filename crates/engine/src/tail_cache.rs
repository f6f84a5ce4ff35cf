//! The tail cache: the batches that were committed last, over all streams, up to a number of bytes.
//!
//! The streams hold the batches; this holds their order, and so keeps the streams live. First in, first out: what leaves it is the oldest batch of
//! its own stream too, so what a stream has in memory is always a run without holes that ends at its tail. A stream may
//! drop its oldest batches earlier, when they are trimmed or it is deleted; their bytes are counted until their turn.

use crate::stream::Stream;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
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
    const BATCH_BYTES: usize = 256;
    const MESSAGE_BYTES: usize = size_of::<bytes::Bytes>();
    /// What the first batch of a stream costs beside that, roughly: the live stream itself, its name, its queue of batches,
    /// and its places among the live streams. Most streams of a server are here with one batch, or not at all.
    const STREAM_BYTES: usize = size_of::<Stream>() + 480;

    pub(crate) fn new(bytes_max: usize) -> TailCache {
        TailCache { bytes_max, bytes: 0, order: VecDeque::new() }
    }

    /// What all of it takes, roughly.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// A batch was just put at the end of the stream's run.
    pub(crate) fn on_appended(&mut self, stream: &Arc<Stream>, batch: &Batch) {
        let bytes = TailCache::BATCH_BYTES + batch.bytes() + batch.messages.len() * TailCache::MESSAGE_BYTES;
        self.bytes += bytes;
        if stream.cache_places.fetch_add(1, Ordering::Relaxed) == 0 {
            self.bytes += TailCache::STREAM_BYTES;
        }
        self.order.push_back(Place { stream: Arc::clone(stream), end_index: batch.end_index(), bytes });
        while self.bytes_max < self.bytes {
            let Some(oldest) = self.order.pop_front() else { break };
            self.bytes -= oldest.bytes;
            if oldest.stream.cache_places.fetch_sub(1, Ordering::Relaxed) == 1 {
                self.bytes -= TailCache::STREAM_BYTES;
            }
            oldest.stream.uncache_to(oldest.end_index);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{batch, stream};
    use crate::reader::{PageLimit, Step};

    const ALL: PageLimit = PageLimit { bytes: usize::MAX, messages: u64::MAX };
    /// What a batch of one small message counts.
    const ONE: usize = TailCache::BATCH_BYTES + TailCache::MESSAGE_BYTES + 1;
    /// What that of one message of each of some streams counts.
    const FIRST: usize = ONE + TailCache::STREAM_BYTES;

    fn append(cache: &mut TailCache, stream: &Arc<Stream>, first_index: u64) {
        let batch = batch(first_index, &["x"]);
        stream.on_appended(Arc::clone(&batch));
        cache.on_appended(stream, &batch);
    }

    /// The indexes from which the stream can be read in memory.
    fn in_memory(stream: &Stream) -> Vec<u64> {
        let (_, tail) = stream.bounds();
        (0..tail).filter(|next| matches!(stream.step(*next, ALL), Step::Page(_))).collect()
    }

    #[test]
    fn what_came_first_goes_first_over_all_streams() {
        let (a, b) = (stream("a"), stream("b"));
        let mut cache = TailCache::new(2 * FIRST + ONE);
        append(&mut cache, &a, 0);
        append(&mut cache, &b, 0);
        append(&mut cache, &a, 1);
        assert_eq!((in_memory(&a), in_memory(&b)), (vec![0, 1], vec![0]));
        append(&mut cache, &b, 1);
        assert_eq!((in_memory(&a), in_memory(&b)), (vec![1], vec![0, 1]));
        append(&mut cache, &b, 2);
        append(&mut cache, &b, 3);
        assert_eq!((in_memory(&a), in_memory(&b)), (vec![], vec![1, 2, 3]));
        append(&mut cache, &b, 4);
        assert_eq!(in_memory(&b), [1, 2, 3, 4], "without the other stream there is room for more");
        assert!(cache.bytes <= cache.bytes_max);
    }

    #[test]
    fn a_batch_larger_than_the_cache_leaves_nothing() {
        let stream = stream("a");
        let mut cache = TailCache::new(FIRST - 1);
        append(&mut cache, &stream, 0);
        assert_eq!((in_memory(&stream), cache.bytes, cache.order.len()), (vec![], 0, 0));
        assert!(matches!(stream.step(0, ALL), Step::Stored));
        assert!(matches!(stream.step(1, ALL), Step::AtTail { closed: false }));
    }

    #[test]
    fn what_a_trim_dropped_early_does_not_take_later_batches_along() {
        let stream = stream("a");
        let mut cache = TailCache::new(FIRST + 2 * ONE);
        for index in 0..3 {
            append(&mut cache, &stream, index);
        }
        stream.on_trimmed(2, 1);
        assert_eq!(in_memory(&stream), [2]);
        append(&mut cache, &stream, 3);
        append(&mut cache, &stream, 4);
        assert_eq!(in_memory(&stream), [2, 3, 4]);
        append(&mut cache, &stream, 5);
        assert_eq!(in_memory(&stream), [3, 4, 5]);
    }

    #[test]
    fn a_deleted_stream_keeps_no_message_in_memory() {
        let (gone, next) = (stream("a"), stream("a"));
        let mut cache = TailCache::new(FIRST + ONE);
        let batch = batch(0, &["x"]);
        gone.on_appended(Arc::clone(&batch));
        cache.on_appended(&gone, &batch);
        gone.on_deleted();
        assert_eq!(Arc::strong_count(&batch), 1);
        append(&mut cache, &next, 0);
        append(&mut cache, &next, 1);
        assert_eq!((in_memory(&next), Arc::strong_count(&gone)), (vec![0, 1], 1));
    }
}
