//! Connections that say nothing, or little, or begin something and leave it.

use super::{Target, connect, connect_with, drop_input};
use crate::victim::{FLOODED, LARGE};
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::{ClientConfig, ClientConnection, RootCertStore};

/// A byte every so often.
const DRIPS_EVERY: Duration = Duration::from_millis(100);

pub(super) async fn idle(target: Target, number: usize) -> io::Result<()> {
    let socket = TcpSocket::new_v4()?;
    // Else the system keeps each port for a minute after its end, and soon it takes long to find another.
    socket.set_zero_linger()?;
    drop_input(&mut connect_with(socket, target.address, number).await?).await
}

async fn drip(mut socket: TcpStream) -> io::Result<()> {
    loop {
        socket.write_all(b"x").await?;
        tokio::time::sleep(DRIPS_EVERY).await;
    }
}

pub(super) async fn heads(target: Target, number: usize) -> io::Result<()> {
    let mut socket = connect(target.address, number).await?;
    socket.write_all(b"GET /v1/stream/a HTTP/1.1\r\nHost: a\r\nX-Slow: ").await?;
    drip(socket).await
}

/// All of a body but a few bytes, in each of the ways in which a server may wait for the rest.
pub(super) async fn bodies(target: Target, number: usize) -> io::Result<()> {
    let mut socket = connect(target.address, number).await?;
    let (length, bytes) = match number % 3 {
        0 => ("Content-Length: 60000".to_owned(), 59_000),
        1 => ("Content-Length: 4000000".to_owned(), 200_000),
        _ => ("Transfer-Encoding: chunked".to_owned(), 200_000),
    };
    let head = format!(
        "POST /v1/stream/{FLOODED} HTTP/1.1\r\nHost: a\r\nContent-Type: text/plain\r\n{length}\r\n\r\n"
    );
    socket.write_all(head.as_bytes()).await?;
    if number % 3 == 2 {
        socket.write_all(b"3d0900\r\n").await?;
    }
    socket.write_all(&vec![b'x'; bytes]).await?;
    drip(socket).await
}

/// Follows what is far more than it takes, by each of the transports, and reads none of it.
pub(super) async fn stalled(target: Target, number: usize) -> io::Result<()> {
    let socket = TcpSocket::new_v4()?;
    socket.set_recv_buffer_size(4 << 10)?;
    let mut socket = connect_with(socket, target.address, number).await?;
    let read = format!("GET /v1/stream/{LARGE}?offset=-1");
    let request = match number % 3 {
        0 => format!("{read} HTTP/1.1\r\nHost: a\r\n\r\n"),
        1 => format!("{read}&live=sse HTTP/1.1\r\nHost: a\r\n\r\n"),
        _ => super::websocket::upgrade(&format!("/v1/stream/{LARGE}?offset=-1")),
    };
    socket.write_all(request.as_bytes()).await?;
    std::future::pending::<()>().await;
    drop(socket);
    Ok(())
}

/// Ends its own direction in the middle of something, and stays.
pub(super) async fn half_open(target: Target, number: usize) -> io::Result<()> {
    let mut socket = connect(target.address, number).await?;
    let begun: &[u8] = match number % 4 {
        0 => b"",
        1 => b"GET /v1/stream/c?offset=-1 HTTP/1.1\r\nHost",
        2 => b"GET /v1/stream/c?offset=-1&live=sse HTTP/1.1\r\nHost: a\r\n\r\n",
        _ => b"POST /v1/stream/b HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n1",
    };
    socket.write_all(begun).await?;
    socket.shutdown().await?;
    tokio::time::sleep(Duration::from_millis(500)).await;
    Ok(())
}

/// Says hello, has the server sign its answer, and says no more.
pub(super) async fn handshakes(target: Target, number: usize) -> io::Result<()> {
    let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth();
    let name = "localhost".try_into().map_err(io::Error::other)?;
    let mut hello = Vec::new();
    ClientConnection::new(Arc::new(config), name).map_err(io::Error::other)?.write_tls(&mut hello)?;
    let mut left = Vec::new();
    for _ in 0..20 {
        let mut socket = connect(target.secured, number).await?;
        socket.write_all(&hello).await?;
        left.push(socket);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Ok(())
}
