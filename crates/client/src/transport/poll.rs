//! Poll: one page, at once.

use super::{Reporter, Source};
use crate::client::page_request;
use crate::session::Heard;
use crate::{Page, ReadError};
use http::Request;
use http_body_util::Full;
use tidings_model::Start;
use tidings_protocol::Live;

/// Asks for the page after `from` and tells what came.
pub(crate) async fn run(source: Source, from: Start, etag: Option<String>, reporter: Reporter) {
    let request = page_request(from, Live::POLL, None);
    let request = source.client.read_request(&source.name, &request, etag.as_deref());
    tell_page(&source, request, &reporter).await;
}

/// Sends a poll or a long poll and tells what came, and before that each sign of life.
pub(super) async fn tell_page(source: &Source, request: Request<Full<bytes::Bytes>>, reporter: &Reporter) {
    let heard = Heard::of_page(page(source, request, reporter).await);
    let _nobody_listens = reporter.tell(heard).await;
}

async fn page(
    source: &Source,
    request: Request<Full<bytes::Bytes>>,
    reporter: &Reporter,
) -> Result<Page, ReadError> {
    let http = &source.client.http;
    // How long the head may take is the session's to say: a long poll is held.
    let response = http.open(request).await.map_err(crate::Failure::from)?;
    reporter.tell_bytes();
    let answer = http.whole(response, &mut || reporter.tell_bytes()).await.map_err(crate::Failure::from)?;
    Page::from_answer(answer)
}
