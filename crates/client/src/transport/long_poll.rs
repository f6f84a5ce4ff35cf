//! Long poll: what is stored, as soon as there is something.

use super::Reporter;
use super::poll::tell_page;
use crate::http_client::HttpClient;
use crate::session::Question;
use std::sync::Arc;
use std::time::Duration;
use tidings_protocol::{Live, ReadManyRequest};

/// Asks for what comes after each place, to be held until there is something, and tells what came.
pub(crate) async fn run(http: Arc<HttpClient>, streams: Question, hold: Duration, reporter: Reporter) {
    let request = ReadManyRequest { streams, live: Live::LONG_POLL, timeout: Some(hold) };
    tell_page(&http, request, &reporter).await;
}
