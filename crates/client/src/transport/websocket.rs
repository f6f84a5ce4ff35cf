//! WebSocket: one connection, both directions, for any number of streams, and for what is published.

mod post;
mod socket;

pub(crate) use post::{Post, PostBox, SocketPublish};

use super::Reporter;
use crate::http_client::{HttpClient, root_cause};
use crate::{Failure, Malformed, Unreachable};
use bytes::Bytes;
use http::{Method, StatusCode};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use socket::Socket;
use std::sync::Arc;
use tidings_protocol::HeaderValue;
use tidings_protocol::websocket::handshake::ClientKey;

/// Connects, says what is put into the post box, and tells what comes. When nobody can put anything into it any more, it
/// says goodbye and ends.
pub(crate) async fn run(http: Arc<HttpClient>, post_box: PostBox, reporter: Reporter) {
    let connected = tokio::select! {
        connected = connect(&http) => connected,
        () = post_box.closed() => return,
    };
    let end = match connected {
        Ok(io) => Socket::new(io, http.options()).run(&post_box, &reporter).await,
        Err(failure) => Ok(failure),
    };
    // Whoever waits for the answer to a publish is told before the session is: it goes on over another way.
    drop(post_box);
    if let Ok(failure) = end {
        reporter.tell_end(failure).await;
    }
}

async fn connect(http: &HttpClient) -> Result<TokioIo<Upgraded>, Failure> {
    let key = ClientKey::new(rand::random());
    let fields: Vec<_> =
        key.fields().into_iter().map(|(name, value)| (name, HeaderValue::text(value))).collect();
    let response = http.open(http.request(Method::GET, "/v1/ws", &fields, Bytes::new())).await?;
    if response.status() != StatusCode::SWITCHING_PROTOCOLS {
        return Err(http.whole(response, &mut || {}).await?.into_failure());
    }
    key.verify(response.status().as_u16(), response.headers())
        .map_err(|not_upgraded| Malformed(not_upgraded.to_string()))?;
    let upgraded = hyper::upgrade::on(response).await;
    Ok(TokioIo::new(upgraded.map_err(|error| Unreachable::Broken(root_cause(&error)))?))
}
