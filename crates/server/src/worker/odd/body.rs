//! Bodies of requests that hyper reads: whole, within a limit and a time.

use super::body_room::BodyRoom;
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

/// Reads a body. Holds at most `bytes_max` bytes, for which it takes room.
pub(super) async fn collect(
    body: Incoming,
    bytes_max: usize,
    time_max: Duration,
    room: &mut BodyRoom,
) -> Collected {
    let limit = bytes_max as u64;
    if limit.saturating_add(DROPPED_BYTES_MAX) < body.size_hint().lower() {
        return Collected::Unread(too_large(bytes_max));
    }
    if !body.is_end_stream() && !room.begin() {
        return Collected::Unread(Problem::too_busy(1));
    }
    let collected = tokio::time::timeout(time_max, read(body, bytes_max, room)).await;
    room.end();
    match collected {
        Ok(read) => read,
        Err(_elapsed) => {
            let detail = "send the whole body within `request_timeout`";
            Collected::Unread(Problem::new(ErrorCode::RequestTimeout, detail))
        }
    }
}

async fn read(mut body: Incoming, bytes_max: usize, room: &mut BodyRoom) -> Collected {
    let mut whole = BytesMut::new();
    // Better at once than after most of it was read.
    let mut refused = (!room.has(body.size_hint().lower())).then(|| Problem::too_busy(1));
    let mut total = 0_u64;
    while let Some(frame) = body.frame().await {
        let frame = match frame {
            Ok(frame) => frame,
            Err(error) => {
                return Collected::Unread(Problem::new(ErrorCode::InvalidRequest, error.to_string()));
            }
        };
        let Some(data) = frame.data_ref() else { continue };
        total += data.len() as u64;
        if bytes_max as u64 + DROPPED_BYTES_MAX < total {
            return Collected::Unread(too_large(bytes_max));
        }
        if refused.is_some() {
            continue;
        }
        if total <= bytes_max as u64 && room.take(data.len()) {
            whole.extend_from_slice(data);
            continue;
        }
        refused = Some(if total <= bytes_max as u64 { Problem::too_busy(1) } else { too_large(bytes_max) });
        whole = BytesMut::new();
        room.give_back();
    }
    refused.map_or_else(|| Collected::Whole(whole.freeze()), Collected::Refused)
}

pub(super) fn too_large(bytes_max: usize) -> Problem {
    let detail = format!("a body has at most {bytes_max} bytes (`max_message_bytes`)");
    Problem::new(ErrorCode::TooLarge, detail)
}
