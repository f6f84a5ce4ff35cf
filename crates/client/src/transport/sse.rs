//! SSE: one response that never ends.

use super::Reporter;
use super::frames::parse_frame;
use super::report::Gone;
use crate::http_client::{HttpClient, root_cause};
use crate::session::{Heard, Question};
use crate::{Failure, Malformed, Unreachable};
use bytes::Bytes;
use http::Response;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use std::sync::Arc;
use tidings_protocol::sse::parser::{Item, Parser};
use tidings_protocol::websocket::server_message::ServerMessage;
use tidings_protocol::{Live, ReadManyRequest};

/// Asks for what comes after each place, for ever, and tells what comes.
pub(crate) async fn run(http: Arc<HttpClient>, streams: Question, reporter: Reporter) {
    let request = ReadManyRequest { streams, live: Live::SSE, timeout: None };
    let end = match http.open(http.read_many(&request)).await {
        Ok(response) if response.status() == 200 => read(&http, response, &reporter).await,
        Ok(response) => Ok(refused(&http, response).await),
        Err(unreachable) => Ok(unreachable.into()),
    };
    if let Ok(failure) = end {
        reporter.tell_end(failure).await;
    }
}

/// What another status than 200 says.
async fn refused(http: &HttpClient, response: Response<Incoming>) -> Failure {
    match http.whole(response, &mut || {}).await {
        Ok(answer) => answer.into_failure(),
        Err(unreachable) => unreachable.into(),
    }
}

/// Tells what comes, until it ends; then how it ended.
async fn read(http: &HttpClient, response: Response<Incoming>, reporter: &Reporter) -> Result<Failure, Gone> {
    let mut parser = Parser::new(http.options().answer_bytes_max);
    let mut body = response.into_body();
    while let Some(frame) = body.frame().await {
        let data = match frame {
            Ok(frame) => frame.into_data().unwrap_or_default(),
            Err(error) => return Ok(Unreachable::Broken(root_cause(&error)).into()),
        };
        let (frames, end) = frames(&mut parser, &data);
        // Any byte is a sign of life, a comment too.
        if frames.is_empty() {
            reporter.tell_bytes();
        } else {
            reporter.tell(Heard::Frames(frames)).await?;
        }
        if let Some(failure) = end {
            return Ok(failure);
        }
    }
    Ok(Unreachable::Ended.into())
}

/// The frames that these bytes complete, and why there will be no more.
fn frames(parser: &mut Parser, data: &[u8]) -> (Vec<ServerMessage>, Option<Failure>) {
    let (mut input, mut frames) = (data, Vec::new());
    while let Some(item) = parser.next_item(&mut input) {
        let event = match item {
            // Frames stand in events without a name; others are of the future.
            Ok(Item::Event(event)) if event.name.is_empty() || event.name == "message" => event,
            Ok(Item::Event(_) | Item::Comment | Item::Retry(_)) => continue,
            Err(error) => {
                return (frames, Some(Unreachable::TooLarge { bytes_max: error.bytes_max }.into()));
            }
        };
        match parse_frame(&Bytes::from(event.data)) {
            Ok(frame) => frames.push(frame),
            Err(Malformed(what)) => return (frames, Some(Malformed(what).into())),
        }
    }
    (frames, None)
}
