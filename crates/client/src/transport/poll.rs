//! Poll: what is stored, at once.

use super::Reporter;
use super::frames::parse_frames;
use crate::http_client::HttpClient;
use crate::session::{FramePage, Heard, Question};
use crate::{Failure, Malformed};
use std::sync::Arc;
use tidings_protocol::{Live, ReadManyRequest, header_name};

/// How many streams are asked for in one request; the default of the server's `max_read_streams`.
const STREAMS_MAX: usize = 100;

/// Asks for what comes after each place and tells what came. More streams than fit in one request are asked for one
/// request after the other.
pub(crate) async fn run(http: Arc<HttpClient>, streams: Question, reporter: Reporter) {
    let mut whole = FramePage { frames: Vec::new(), up_to_date: true, poll_interval: None };
    for streams in streams.chunks(STREAMS_MAX) {
        let request = ReadManyRequest { streams: streams.to_vec(), live: Live::POLL, timeout: None };
        match page(&http, request, &reporter).await {
            Ok(page) => {
                whole.frames.extend(page.frames);
                whole.up_to_date &= page.up_to_date;
                whole.poll_interval = page.poll_interval.or(whole.poll_interval);
            }
            Err(failure) => return reporter.tell_end(failure).await,
        }
    }
    let _nobody_listens = reporter.tell(Heard::Page(whole)).await;
}

/// Sends a poll or a long poll and gives what came; before that it tells each sign of life.
pub(super) async fn page(
    http: &HttpClient,
    request: ReadManyRequest,
    reporter: &Reporter,
) -> Result<FramePage, Failure> {
    // How long the head may take is the session's to say: a long poll is held.
    let response = http.open(http.read_many(&request)).await?;
    reporter.tell_bytes();
    let answer = http.whole(response, &mut || reporter.tell_bytes()).await?;
    let frames = match answer.status {
        200 => parse_frames(&answer.body)?,
        204 => Vec::new(),
        300.. => return Err(answer.into_failure()),
        status => return Err(Malformed(format!("it answered a poll with {status}")).into()),
    };
    Ok(FramePage {
        frames,
        up_to_date: answer.status == 204 || answer.says_true(header_name::STREAM_UP_TO_DATE),
        poll_interval: answer.seconds(header_name::STREAM_POLL_INTERVAL),
    })
}
