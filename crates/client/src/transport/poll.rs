//! Poll: what is stored, at once.

use super::Reporter;
use super::frames::parse_frames;
use crate::http_client::HttpClient;
use crate::session::{FramePage, Heard, Question};
use crate::{Failure, Malformed};
use std::sync::Arc;
use tidings_protocol::websocket::server_message::ServerMessage;
use tidings_protocol::{Live, ReadManyRequest, header_name};

/// Asks for what comes after each place and tells what came.
pub(crate) async fn run(http: Arc<HttpClient>, streams: Question, reporter: Reporter) {
    let request = ReadManyRequest { streams, live: Live::POLL, timeout: None };
    tell_page(&http, request, &reporter).await;
}

/// Sends a poll or a long poll and tells what came, or why nothing did.
pub(super) async fn tell_page(http: &HttpClient, request: ReadManyRequest, reporter: &Reporter) {
    match page(http, request, reporter).await {
        Ok(page) => {
            let _nobody_listens = reporter.tell(Heard::Page(page)).await;
        }
        Err(failure) => reporter.tell_end(failure).await,
    }
}

/// What came; before that each sign of life is told.
async fn page(
    http: &HttpClient,
    request: ReadManyRequest,
    reporter: &Reporter,
) -> Result<FramePage, Failure> {
    // How long the head may take is the session's to say: a long poll is held.
    let response = http.open(http.read_many(&request)).await?;
    reporter.tell_bytes();
    let answer = http.whole(response, &mut || reporter.tell_bytes()).await?;
    let mut frames = match answer.status {
        200 => parse_frames(&answer.body)?,
        204 => Vec::new(),
        300.. => return Err(answer.into_failure()),
        status => return Err(Malformed(format!("it answered a poll with {status}")).into()),
    };
    // What is said of a crowd is a frame elsewhere.
    let within = |name| answer.seconds(name);
    frames.extend(within(header_name::STREAM_RETURN_WITHIN).map(|within| ServerMessage::Return { within }));
    frames.extend(within(header_name::STREAM_DRAIN_WITHIN).map(|within| ServerMessage::Drain { within }));
    Ok(FramePage {
        frames,
        up_to_date: answer.status == 204 || answer.says_true(header_name::STREAM_UP_TO_DATE),
        poll_interval: answer.seconds(header_name::STREAM_POLL_INTERVAL),
    })
}
