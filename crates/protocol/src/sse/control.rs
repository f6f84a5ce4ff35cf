//! The control event: where the reader stands after what it got.

use super::write_id;
use crate::digits::write_decimal;
use crate::json::text::write_offset;
use serde::Deserialize;
use tidings_model::{Offset, Reset, ResetReason, Skip};

/// What a control event tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Control {
    /// Where to go on.
    pub next_offset: Offset,
    /// Whether that is the tail.
    pub up_to_date: bool,
    /// Whether anything can follow.
    pub end: ControlEnd,
    /// Where the reader stood before it was skipped to `next_offset`, because it stayed behind.
    pub skipped_from: Option<Offset>,
}

/// Whether anything can follow a control event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ControlEnd {
    /// The stream is open: the number to echo as `cursor=` when the reader comes back.
    Open {
        /// The cache key.
        cursor: u64,
    },
    /// The stream is closed and everything was sent.
    Closed,
}

/// Appends a control event that carries its offset as `id:` too: the first one of a response.
pub fn write_control_with_id(out: &mut Vec<u8>, control: &Control) {
    write_id(out, control.next_offset);
    write_control(out, control);
}

/// Appends a control event. Its JSON stays flat, since base clients find it by a pattern.
pub fn write_control(out: &mut Vec<u8>, control: &Control) {
    out.extend_from_slice(b"event: control\ndata:{\"streamNextOffset\":");
    write_offset(out, control.next_offset);
    if let ControlEnd::Open { cursor } = control.end {
        out.extend_from_slice(b",\"streamCursor\":\"");
        write_decimal(cursor, out);
        out.push(b'"');
    }
    if control.up_to_date {
        out.extend_from_slice(b",\"upToDate\":true");
    }
    if control.end == ControlEnd::Closed {
        out.extend_from_slice(b",\"streamClosed\":true");
    }
    if let Some(skip) = control.skip() {
        out.extend_from_slice(b",\"skippedFrom\":");
        write_offset(out, skip.from);
        out.extend_from_slice(b",\"skippedMessages\":");
        write_decimal(skip.messages(), out);
    }
    out.extend_from_slice(b"}\n\n");
}

/// The data of an event is not what its name says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the data of a `{event}` event is not as documented")]
pub struct InvalidEventData {
    /// The name of the event.
    pub event: &'static str,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ControlMembers {
    stream_next_offset: String,
    stream_cursor: Option<String>,
    #[serde(default)]
    up_to_date: bool,
    #[serde(default)]
    stream_closed: bool,
    skipped_from: Option<String>,
}

impl Control {
    /// What the reader was skipped over.
    pub fn skip(&self) -> Option<Skip> {
        self.skipped_from.map(|from| Skip { from, to: self.next_offset })
    }

    /// Reads the data of a `control` event. At the end of a closed stream the reader is always up to date.
    pub fn parse(data: &str) -> Result<Control, InvalidEventData> {
        const INVALID: InvalidEventData = InvalidEventData { event: super::CONTROL };
        let members: ControlMembers = serde_json::from_str(data).map_err(|_| INVALID)?;
        let next_offset = Offset::parse(&members.stream_next_offset).map_err(|_| INVALID)?;
        let end = if members.stream_closed {
            ControlEnd::Closed
        } else {
            let cursor = members.stream_cursor.ok_or(INVALID)?;
            ControlEnd::Open { cursor: cursor.parse().map_err(|_| INVALID)? }
        };
        let skipped_from = members.skipped_from.as_deref().map(Offset::parse).transpose();
        let skipped_from = skipped_from.map_err(|_| INVALID)?;
        let goes_on =
            |from: Offset| from.incarnation == next_offset.incarnation && from.index < next_offset.index;
        if !skipped_from.is_none_or(goes_on) {
            return Err(INVALID);
        }
        let up_to_date = members.up_to_date || members.stream_closed;
        Ok(Control { next_offset, up_to_date, end, skipped_from })
    }
}

#[derive(Deserialize)]
struct ResetMembers {
    reason: String,
    earliest: Option<String>,
    tail: Option<String>,
}

/// Reads the data of a `reset` event.
pub fn parse_reset(data: &str) -> Result<Reset, InvalidEventData> {
    const INVALID: InvalidEventData = InvalidEventData { event: super::RESET };
    let members: ResetMembers = serde_json::from_str(data).map_err(|_| INVALID)?;
    let token = |text: Option<String>| match text {
        None => Ok(None),
        Some(text) => Offset::parse(&text).map(Some).map_err(|_| INVALID),
    };
    Ok(Reset {
        reason: ResetReason::parse(&members.reason).ok_or(INVALID)?,
        earliest: token(members.earliest)?,
        tail: token(members.tail)?,
    })
}
