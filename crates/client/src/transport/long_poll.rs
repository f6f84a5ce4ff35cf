//! Long poll: one page, as soon as there is one.

use super::poll::tell_page;
use super::{Reporter, Source};
use crate::client::page_request;
use crate::session::HOLD;
use tidings_model::Start;
use tidings_protocol::{Live, ReadRequest};

/// Asks for what comes after `from`, to be held until there is something, and tells what came.
pub(crate) async fn run(source: Source, from: Start, reporter: Reporter) {
    let request = ReadRequest { timeout: Some(HOLD), ..page_request(from, Live::LONG_POLL, None) };
    let request = source.client.read_request(&source.name, &request, None);
    tell_page(&source, request, &reporter).await;
}
