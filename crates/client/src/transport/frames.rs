//! The frames of the protocol, whichever transport brings them.

use crate::Malformed;
use bytes::Bytes;
use serde_json::value::RawValue;
use tidings_protocol::websocket::server_message::ServerMessage;

/// Reads one frame.
pub(super) fn parse_frame(text: &Bytes) -> Result<ServerMessage, Malformed> {
    ServerMessage::parse(text).map_err(|invalid| Malformed(invalid.to_string()))
}

/// Reads an array of frames: the answer to a poll or a long poll.
pub(super) fn parse_frames(body: &Bytes) -> Result<Vec<ServerMessage>, Malformed> {
    let not_an_array = |_| Malformed("the answer is not an array of frames".to_owned());
    let all: Vec<&RawValue> = serde_json::from_slice(body).map_err(not_an_array)?;
    all.into_iter().map(|frame| parse_frame(&body.slice_ref(frame.get().as_bytes()))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_array_holds_frames_and_nothing_else() {
        let heartbeat = r#"{"type":"heartbeat"}"#;
        let parse = |text: String| parse_frames(&Bytes::from(text));
        assert_eq!(parse("[]".to_owned()), Ok(Vec::new()));
        let two = parse(format!(" [{heartbeat} , {{\"type\":\"of the future\"}}]\n"));
        assert_eq!(two, Ok(vec![ServerMessage::Heartbeat, ServerMessage::Unknown]));
        for wrong in ["", "<html>", "{}", "[1]", "[{}]", "[{\"type\":\"live\"}]", heartbeat] {
            assert!(parse(wrong.to_owned()).is_err(), "{wrong}");
        }
    }
}
