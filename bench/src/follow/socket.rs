//! Sockets with settings that the standard library does not have.

use anyhow::Context;
use rustix::net::{AddressFamily, SocketType, bind, connect, socket, sockopt};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpStream};
use std::time::Duration;

/// A connection that receives little: the kernel keeps no more than that, twice, on this side.
pub(super) fn connect_with_small_buffer(address: SocketAddr, bytes: usize) -> anyhow::Result<TcpStream> {
    let socket = socket(AddressFamily::INET, SocketType::STREAM, None).context("making a socket")?;
    sockopt::set_socket_recv_buffer_size(&socket, bytes).context("bounding a buffer")?;
    connect(&socket, &address).context("connecting")?;
    Ok(TcpStream::from(socket))
}

/// A connection from one of many addresses of the loopback, so that the ports of none run out.
pub(super) fn connect_from(host: u8, address: SocketAddr) -> anyhow::Result<TcpStream> {
    let socket = socket(AddressFamily::INET, SocketType::STREAM, None).context("making a socket")?;
    let from = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::new(127, 0, 0, host), 0));
    bind(&socket, &from).context("choosing an address")?;
    connect(&socket, &address).context("connecting")?;
    Ok(TcpStream::from(socket))
}

/// Closes with a reset, not with the usual end.
pub(super) fn reset(socket: TcpStream) -> anyhow::Result<()> {
    sockopt::set_socket_linger(&socket, Some(Duration::ZERO)).context("asking for a reset")?;
    drop(socket);
    Ok(())
}
