//! Requests of HTTP/1.1, more of them or larger ones than anybody needs.

use super::{Target, connect, drop_input, flood};
use crate::victim::{FLOODED, LARGE};
use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::{self, Write as _};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// So much is written at once.
const FLOOD_BYTES: usize = 256 << 10;

fn publish(fields: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!(
        "POST /v1/stream/{FLOODED} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n{fields}Content-Length: {length}\r\n\r\n"
    );
    [head.as_bytes(), body].concat()
}

fn repeated(request: &[u8]) -> Vec<u8> {
    request.repeat((FLOOD_BYTES / request.len()).max(1))
}

/// Half of them many small ones, half of them large ones.
pub(super) async fn publishes(target: Target, number: usize) -> io::Result<()> {
    let bytes = if number.is_multiple_of(2) { 100 } else { 60_000 };
    let body = format!("\"{}\"", "x".repeat(bytes));
    flood(connect(target.address, number).await?, &repeated(&publish("", body.as_bytes()))).await
}

pub(super) async fn polls(target: Target, number: usize) -> io::Result<()> {
    let poll = match number % 2 {
        0 => "GET /v1/stream/a?offset=now HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(),
        _ => format!("GET /v1/stream/{LARGE}?offset=-1 HTTP/1.1\r\nHost: a\r\n\r\n"),
    };
    flood(connect(target.address, number).await?, &repeated(poll.as_bytes())).await
}

pub(super) async fn connects(target: Target, number: usize) -> io::Result<()> {
    let mut socket = connect(target.address, number).await?;
    if number.is_multiple_of(2) {
        let follow = format!("GET /v1/stream/{FLOODED}?offset=now&live=sse HTTP/1.1\r\nHost: a\r\n\r\n");
        socket.write_all(follow.as_bytes()).await?;
        socket.read_exact(&mut [0]).await?;
    }
    Ok(())
}

/// Asks on and on, and takes no answer.
pub(super) async fn unread(target: Target, number: usize) -> io::Result<()> {
    let mut socket = connect(target.address, number).await?;
    let poll = format!("GET /v1/stream/{LARGE}?offset=-1 HTTP/1.1\r\nHost: a\r\n\r\n");
    let polls = repeated(poll.as_bytes());
    loop {
        socket.write_all(&polls).await?;
    }
}

/// What is expensive to look at, one after the other.
pub(super) async fn json(target: Target, number: usize) -> io::Result<()> {
    const BYTES: usize = 4 << 20;
    let bodies: [fn() -> Vec<u8>; 5] = [
        || b"[".repeat(BYTES),
        || b"{\"a\":".repeat(BYTES / 5),
        || [&b"["[..], &b"0,".repeat(BYTES / 2), b"0]"].concat(),
        || [&b"["[..], &b"\"\\u0041\\\\\","[..].repeat(BYTES / 11), b"0]"].concat(),
        || [b"[".repeat(BYTES / 2), b"]".repeat(BYTES / 2)].concat(),
    ];
    let request = publish("", &bodies[number % bodies.len()]());
    flood(connect(target.address, number).await?, &request).await
}

/// A body that would be a thousand times as large, for a server that unpacks it.
pub(super) async fn gzip(target: Target, number: usize) -> io::Result<()> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::best());
    for _ in 0..64 {
        packed.write_all(&vec![b' '; 1 << 20])?;
    }
    let request = publish("Content-Encoding: gzip\r\n", &packed.finish()?);
    let mut socket = connect(target.address, number).await?;
    for _ in 0..100 {
        socket.write_all(&request).await?;
    }
    drop_input(&mut socket).await
}
