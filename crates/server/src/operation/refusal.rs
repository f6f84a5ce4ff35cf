//! What a refusal of the engine is on the wire: the one place that turns them into codes.

use tidings_engine::Refusal;
use tidings_protocol::{ErrorCode, Problem, ProblemFacts};

/// The problem that tells of a refusal.
pub(crate) fn problem_of(refusal: &Refusal) -> Problem {
    match refusal {
        Refusal::NotFound => Problem::stream_not_found(),
        Refusal::ConfigDiffers => {
            let detail =
                "the stream exists with another configuration; compare with HEAD, or delete it first";
            Problem::new(ErrorCode::StreamConflict, detail)
        }
        Refusal::Closed { tail } => Problem::stream_closed(*tail),
        Refusal::ContentTypeDiffers { stream } => {
            let detail = format!("send `Content-Type: {stream}`, which is the stream's");
            Problem::new(ErrorCode::ContentTypeMismatch, detail)
        }
        Refusal::ProducerStale { epoch } => Problem::producer_stale(*epoch),
        Refusal::ProducerEpochStart => {
            Problem::new(ErrorCode::ProducerEpoch, "a new `Producer-Epoch` begins with `Producer-Seq: 0`")
        }
        Refusal::ProducerGap { expected, received } => Problem::producer_gap(*expected, *received),
        Refusal::SeqRegressed { last } => {
            let detail = format!("send a `Stream-Seq` that sorts after {last:?}, byte by byte");
            Problem::new(ErrorCode::SeqRegressed, detail)
        }
        Refusal::KeyReused => {
            let detail =
                "this `Idempotency-Key` was used with other messages; take a new key for a new message";
            Problem::new(ErrorCode::IdempotencyConflict, detail)
        }
        Refusal::TooManyStreams => {
            Problem::new(ErrorCode::TooManyStreams, "delete streams, or raise `max_streams`")
        }
        Refusal::TooManyProducers => {
            let detail = "publish with one of the producers that the stream knows, or raise `max_producers`";
            Problem::new(ErrorCode::TooManyProducers, detail)
        }
        Refusal::StreamFull => {
            Problem::new(ErrorCode::TooLarge, "the stream has as many messages as an offset can count")
        }
        Refusal::Empty => Problem::new(ErrorCode::EmptyBody, "send at least one message"),
        Refusal::TooLarge => Problem::new(
            ErrorCode::TooLarge,
            "publish less at a time: this is more than the log can hold at once",
        ),
        Refusal::StorageFull => {
            let detail = "there is no room for more messages, on the disk or in `memory_bytes`; reads, deletes and trims go on, publish again later";
            Problem::new(ErrorCode::StorageFull, detail).with(ProblemFacts::RetryAfter { seconds: 5 })
        }
        Refusal::StorageFailed(_) => {
            let detail = "the server could not write, and ends; publish again when it is back";
            Problem::new(ErrorCode::StorageFailed, detail).with(ProblemFacts::RetryAfter { seconds: 1 })
        }
    }
}
