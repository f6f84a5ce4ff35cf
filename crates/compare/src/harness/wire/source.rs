//! Connections from a chosen address of the loopback, so that the ports of none run out.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};

/// Begins to connect from that address.
///
/// The system chooses a port that no other connection of the address has, nor had a minute ago: allowing it to share one
/// (`SO_REUSEADDR`) would let it choose one from which the server is connected already.
#[cfg(target_os = "linux")]
pub(super) fn connect_from(from: Ipv4Addr, to: SocketAddr) -> io::Result<TcpStream> {
    use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, connect, socket_with};
    use std::net::SocketAddrV4;

    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(AddressFamily::INET, SocketType::STREAM, flags, None)?;
    bind(&socket, &SocketAddrV4::new(from, 0))?;
    match connect(&socket, &to) {
        Ok(()) | Err(rustix::io::Errno::INPROGRESS) => Ok(TcpStream::from(socket)),
        Err(error) => Err(error.into()),
    }
}

/// Elsewhere the loopback has one address, and it is never asked for another.
#[cfg(not(target_os = "linux"))]
pub(super) fn connect_from(_from: Ipv4Addr, _to: SocketAddr) -> io::Result<TcpStream> {
    Err(io::ErrorKind::Unsupported.into())
}
