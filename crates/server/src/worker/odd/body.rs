//! Bodies of requests that hyper reads: whole, within a limit and a time.

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use std::time::Duration;
use tidings_protocol::{ErrorCode, Problem};

/// How much of a body that is too large is read and dropped, so that its sender hears the answer before it is cut off.
const DROPPED_BYTES_MAX: u64 = 64 << 20;

/// What became of a body.
pub(super) enum Collected {
    /// It is here.
    Whole(Bytes),
    /// It is refused, but was read to its end: another request may follow.
    Refused(Problem),
    /// It was given up in the middle.
    Unread(Problem),
}

/// Reads a body. Holds at most `bytes_max` bytes.
pub(super) async fn collect(body: Incoming, bytes_max: usize, time_max: Duration) -> Collected {
    let limit = bytes_max as u64;
    if limit.saturating_add(DROPPED_BYTES_MAX) < body.size_hint().lower() {
        return Collected::Unread(too_large(bytes_max));
    }
    match tokio::time::timeout(time_max, read(body, limit)).await {
        Ok(Ok(Some(whole))) => Collected::Whole(whole),
        Ok(Ok(None)) => Collected::Refused(too_large(bytes_max)),
        Ok(Err(problem)) => Collected::Unread(problem),
        Err(_elapsed) => {
            let detail = "send the whole body within `request_timeout`";
            Collected::Unread(Problem::new(ErrorCode::RequestTimeout, detail))
        }
    }
}

/// `None` for a body that was too large and is read to its end.
async fn read(mut body: Incoming, limit: u64) -> Result<Option<Bytes>, Problem> {
    let mut whole = BytesMut::new();
    let mut total = 0_u64;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| Problem::new(ErrorCode::InvalidRequest, error.to_string()))?;
        let Some(data) = frame.data_ref() else { continue };
        total += data.len() as u64;
        if limit + DROPPED_BYTES_MAX < total {
            return Err(Problem::new(ErrorCode::TooLarge, "the body is far above `max_message_bytes`"));
        }
        if total <= limit {
            whole.extend_from_slice(data);
        } else {
            whole = BytesMut::new();
        }
    }
    Ok((total <= limit).then(|| whole.freeze()))
}

pub(super) fn too_large(bytes_max: usize) -> Problem {
    let detail = format!("a body has at most {bytes_max} bytes (`max_message_bytes`)");
    Problem::new(ErrorCode::TooLarge, detail)
}
