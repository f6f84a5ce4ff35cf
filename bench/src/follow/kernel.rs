//! What the kernel holds for the sockets of a server, asked of it over netlink (`sock_diag(7)`).

use anyhow::Context;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketType, netlink, recv, send, socket_with};
use rustix::net::{SocketFlags, sockopt};
use std::collections::HashMap;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

const SOCK_DIAG_BY_FAMILY: u16 = 20;
const DONE: u16 = 3;
const ERROR: u16 = 2;
/// A request for all there are.
const REQUEST_DUMP: u16 = 0x301;
const TCP: u8 = 6;
/// The attribute with the memory of a socket, and the bit that asks for it.
const MEMORY: u16 = 7;
const WITH_MEMORY: u8 = 1 << (MEMORY - 1);
const HEADER_BYTES: usize = 16;
/// Of what is told of a socket, before its attributes.
const SOCKET_BYTES: usize = 72;
const ANSWER_MAX: Duration = Duration::from_secs(5);

/// What the kernel holds for each connection to that port of this machine, on the side of the server: what waits to be
/// sent or read, and what is kept in reserve. By the port of the other side.
pub(super) fn buffers_bytes(port: u16) -> anyhow::Result<HashMap<u16, u64>> {
    let protocol = Some(netlink::SOCK_DIAG);
    let socket = socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, protocol)
        .context("opening a socket to the kernel")?;
    sockopt::set_socket_timeout(&socket, sockopt::Timeout::Recv, Some(ANSWER_MAX))
        .context("bounding a wait")?;
    send(&socket, &request(), SendFlags::empty()).context("asking the kernel")?;
    collect(socket.as_fd(), port)
}

fn collect(socket: BorrowedFd<'_>, port: u16) -> anyhow::Result<HashMap<u16, u64>> {
    let mut found = HashMap::new();
    let mut buffer = vec![0; 64 << 10];
    loop {
        let (bytes, _) = recv(socket, &mut buffer[..], RecvFlags::empty()).context("hearing the kernel")?;
        let mut rest = &buffer[..bytes];
        while let Some(header) = rest.get(..HEADER_BYTES) {
            let message_bytes = number(header, 0) as usize;
            let message = rest.get(HEADER_BYTES..message_bytes).context("a torn answer of the kernel")?;
            match short(header, 4) {
                DONE => return Ok(found),
                ERROR => anyhow::bail!("the kernel does not tell of its sockets"),
                _ if port_at(message, 4) == port => {
                    found.insert(port_at(message, 6), memory(&message[SOCKET_BYTES..]));
                }
                _ => {}
            }
            rest = rest.get(message_bytes.next_multiple_of(4)..).unwrap_or_default();
        }
    }
}

/// All TCP sockets over IPv4, in any state.
fn request() -> Vec<u8> {
    let mut request = Vec::new();
    request.extend_from_slice(&72_u32.to_ne_bytes());
    request.extend_from_slice(&SOCK_DIAG_BY_FAMILY.to_ne_bytes());
    request.extend_from_slice(&REQUEST_DUMP.to_ne_bytes());
    request.extend_from_slice(&[0; 8]);
    let family = u8::try_from(AddressFamily::INET.as_raw()).expect("a small number");
    request.extend_from_slice(&[family, TCP, WITH_MEMORY, 0]);
    request.extend_from_slice(&u32::MAX.to_ne_bytes());
    request.resize(72, 0);
    request
}

/// Of the attributes of a socket: read and not taken, reserved, queued to be sent, and backlog.
fn memory(mut attributes: &[u8]) -> u64 {
    while let Some(head) = attributes.get(..4) {
        let bytes = usize::from(short(head, 0)).max(4);
        if short(head, 2) == MEMORY && 36 <= bytes && bytes <= attributes.len() {
            return [0, 4, 5, 7].iter().map(|at| u64::from(number(attributes, 4 + 4 * at))).sum();
        }
        attributes = attributes.get(bytes.next_multiple_of(4)..).unwrap_or_default();
    }
    0
}

fn number(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..).and_then(<[u8]>::first_chunk).map_or(0, |four| u32::from_ne_bytes(*four))
}

fn short(bytes: &[u8], at: usize) -> u16 {
    bytes.get(at..).and_then(<[u8]>::first_chunk).map_or(0, |two| u16::from_ne_bytes(*two))
}

fn port_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_be(short(bytes, at))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::net::{TcpListener, TcpStream};

    #[test]
    fn what_waits_to_be_read_is_told() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let mut client = TcpStream::connect(address).unwrap();
        let _server = listener.accept().unwrap();
        client.write_all(&[7; 3_000]).unwrap();
        let found = buffers_bytes(address.port()).unwrap();
        let bytes = found[&client.local_addr().unwrap().port()];
        assert!((3_000..100_000).contains(&bytes), "{bytes}");
    }
}
