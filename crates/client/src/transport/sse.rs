//! SSE: one response that never ends.

use super::report::Gone;
use super::{Reporter, Source};
use crate::client::page_request;
use crate::http_client::root_cause;
use crate::session::Heard;
use crate::{Failure, Malformed, Message, Page, Unreachable};
use bytes::Bytes;
use http::Response;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tidings_model::Start;
use tidings_protocol::Live;
use tidings_protocol::envelope::parse_envelopes;
use tidings_protocol::sse::control::{Control, ControlEnd, parse_reset};
use tidings_protocol::sse::parser::{Event, EventTooLarge, Item, Parser};
use tidings_protocol::sse::{CONTROL, DATA, RESET};

/// Asks for what comes after `from`, for ever, and tells what comes.
pub(crate) async fn run(source: Source, from: Start, reporter: Reporter) {
    let request = page_request(from, Live::SSE, None);
    let request = source.client.read_request(&source.name, &request, None);
    let end = match source.client.http.open(request).await {
        Ok(response) if response.status() == 200 => read(&source, response, &reporter).await,
        Ok(response) => Ok(refused(&source, response).await),
        Err(unreachable) => Ok(Heard::lost(unreachable)),
    };
    if let Ok(heard) = end {
        let _nobody_listens = reporter.tell(heard).await;
    }
}

/// What another status than 200 says.
async fn refused(source: &Source, response: Response<Incoming>) -> Heard {
    match source.client.http.whole(response, &mut || {}).await.map(Page::from_answer) {
        Ok(Ok(_)) => Heard::lost(Malformed("it answered SSE with something else".to_owned())),
        Ok(refusal) => Heard::of_page(refusal),
        Err(unreachable) => Heard::lost(unreachable),
    }
}

/// Tells what comes, until it ends; then how it ended.
async fn read(source: &Source, response: Response<Incoming>, reporter: &Reporter) -> Result<Heard, Gone> {
    let mut parser = Parser::new(source.client.http.options().answer_bytes_max);
    let mut body = response.into_body();
    while let Some(frame) = body.frame().await {
        let data = match frame {
            Ok(frame) => frame.into_data().unwrap_or_default(),
            Err(error) => return Ok(Heard::lost(Unreachable::Broken(root_cause(&error)))),
        };
        let mut input = &data[..];
        reporter.tell_bytes();
        while let Some(item) = parser.next_item(&mut input) {
            let too_large = |error: EventTooLarge| Unreachable::TooLarge { bytes_max: error.bytes_max };
            match item.map_err(too_large).map_err(Failure::from).and_then(meaning) {
                Ok(heard) => reporter.tell(heard).await?,
                Err(failure) => return Ok(Heard::Lost(failure)),
            }
        }
    }
    Ok(Heard::lost(Unreachable::Ended))
}

/// What an item of a response means.
fn meaning(item: Item) -> Result<Heard, Failure> {
    let event = match item {
        Item::Comment => return Ok(Heard::Bytes),
        Item::Retry(wait) => return Ok(Heard::Retry(wait)),
        Item::Event(event) => event,
    };
    let malformed = |reason: String| Failure::from(Malformed(reason));
    match event.name.as_str() {
        DATA => messages(event).map_err(Failure::from),
        CONTROL => {
            let control = Control::parse(&event.data).map_err(|error| malformed(error.to_string()))?;
            if let Some(skip) = control.skip() {
                return Ok(Heard::Skipped(skip));
            }
            Ok(match control.end {
                ControlEnd::Open { .. } => {
                    Heard::At { offset: control.next_offset, up_to_date: control.up_to_date }
                }
                ControlEnd::Closed => Heard::Closed { offset: control.next_offset },
            })
        }
        RESET => {
            let reset = parse_reset(&event.data).map_err(|error| malformed(error.to_string()))?;
            Ok(Heard::Reset(reset))
        }
        _ => Ok(Heard::Bytes), // An event of the future.
    }
}

fn messages(event: Event) -> Result<Heard, Malformed> {
    let envelopes =
        parse_envelopes(&Bytes::from(event.data)).map_err(|invalid| Malformed(invalid.to_string()))?;
    Ok(Heard::Messages(envelopes.into_iter().map(Message::from).collect()))
}
