//! Connecting without waiting, from an address that is chosen.

use mio::net::TcpStream;
use rustix::net::{AddressFamily, SocketType, bind, connect, socket};
use std::io;
use std::net::{IpAddr, SocketAddr};

/// Begins to connect. From that address where both are of the loopback: so a client that uses many of its addresses, because the
/// ports of one do not suffice, makes the proxy do the same.
pub(super) fn dial(to: SocketAddr, from: Option<IpAddr>) -> io::Result<TcpStream> {
    let family = if to.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let socket = socket(family, SocketType::STREAM, None)?;
    if let Some(from) = from.filter(|from| from.is_loopback() && to.ip().is_loopback()) {
        bind(&socket, &SocketAddr::new(from, 0))?;
    }
    let socket = std::net::TcpStream::from(socket);
    socket.set_nonblocking(true)?;
    rustix::io::fcntl_setfd(&socket, rustix::io::FdFlags::CLOEXEC)?;
    match connect(&socket, &to) {
        Ok(()) | Err(rustix::io::Errno::INPROGRESS) => {}
        Err(error) => return Err(error.into()),
    }
    socket.set_nodelay(true)?;
    Ok(TcpStream::from_std(socket))
}
