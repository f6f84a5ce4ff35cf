//! `CONNECT`: over HTTP/2 with `:protocol` it opens a WebSocket (RFC 8441); anything else that it asks for is refused.

use super::answer::{Answer, settled, whole};
use super::seat::Seat;
use super::websocket_task::WebSocketTask;
use super::{OpenRequest, Shared, handshake, open};
use crate::exchange::Opened;
use bytes::Bytes;
use hyper::body::Incoming;
use tidings_protocol::{Problem, Response};

/// Answers, at once unless others have to be asked. If it is a WebSocket, that goes on in a task of its own.
pub(super) async fn connect(
    worker: &Shared,
    request: OpenRequest,
    mut asked: hyper::Request<Incoming>,
) -> Answer {
    let upgrade = hyper::upgrade::on(&mut asked);
    let (parts, _nothing) = asked.into_parts();
    if handshake(&parts).is_none() {
        return whole(Response::problem(&Problem::protocol_not_served()));
    }
    let seat = Seat::new(worker, request);
    let opened = open(worker, &seat, &parts, Bytes::new());
    let (opened, seat) = settled(opened, seat).await;
    match opened {
        Opened::Upgrade(head, first) => {
            tokio::task::spawn_local(async move {
                // It fails when the peer takes its request back before it hears the answer.
                if let Ok(stream) = upgrade.await {
                    WebSocketTask::new(seat, stream, first).run().await;
                }
            });
            whole(head)
        }
        Opened::Response(refusal) if 400 <= refusal.status => whole(refusal),
        // To hyper, success is a WebSocket.
        Opened::Response(_) | Opened::Held(_) | Opened::Stream(..) => {
            whole(Response::problem(&Problem::no_websocket_here()))
        }
    }
}
