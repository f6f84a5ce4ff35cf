//! Whether the address can be listened on, or who has it.

use super::finding::Finding;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

const ABOUT: &str = "port";

pub(super) fn check(listen: SocketAddr) -> Finding {
    let finding = match TcpListener::bind(listen) {
        Ok(_free) => Finding::good(ABOUT, format!("{listen} is free")),
        Err(error) if error.kind() == ErrorKind::AddrInUse && is_tidings(listen) => {
            Finding::good(ABOUT, format!("a tidings server answers on {listen}")).with("serves", true)
        }
        Err(error) if error.kind() == ErrorKind::AddrInUse => Finding::bad(
            ABOUT,
            format!("somebody else listens on {listen}"),
            "end that program (`ss -ltnp` names it), or choose another `listen`",
        ),
        Err(error) if error.kind() == ErrorKind::PermissionDenied => Finding::bad(
            ABOUT,
            format!("this user may not listen on {listen}"),
            "choose a port above 1023, or give the server the right to (`AmbientCapabilities=CAP_NET_BIND_SERVICE` in a systemd unit)",
        ),
        Err(error) => Finding::bad(
            ABOUT,
            format!("{listen} can't be listened on: {error}"),
            "choose another `listen`: an address of this machine (`ip address` lists them), or `0.0.0.0` and `[::]` for all",
        ),
    };
    finding.with("listen", listen.to_string())
}

/// Whether what listens there answers as a server does that lives.
fn is_tidings(listen: SocketAddr) -> bool {
    const PATIENCE: Duration = Duration::from_secs(2);
    let mut address = listen;
    if address.ip().is_unspecified() {
        address.set_ip(if address.is_ipv4() {
            [127, 0, 0, 1].into()
        } else {
            std::net::Ipv6Addr::LOCALHOST.into()
        });
    }
    let ask = || -> std::io::Result<String> {
        let mut socket = TcpStream::connect_timeout(&address, PATIENCE)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        socket.set_write_timeout(Some(PATIENCE))?;
        socket.write_all(b"GET /health/live HTTP/1.1\r\nHost: doctor\r\nConnection: close\r\n\r\n")?;
        let mut answer = String::new();
        socket.take(4 << 10).read_to_string(&mut answer)?;
        Ok(answer)
    };
    ask().is_ok_and(|answer| answer.contains("\"reasons\":[]") && answer.contains("\"status\":\"ok\""))
}

#[cfg(test)]
mod tests {
    use super::super::finding::Verdict;
    use super::*;

    #[test]
    fn a_port_is_free_or_has_somebody_or_is_not_here() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = taken.local_addr().unwrap();
        let stranger = std::thread::spawn(move || {
            let (mut asked, _) = taken.accept().unwrap();
            asked.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi").unwrap();
        });
        assert_eq!(check(address).verdict(), Verdict::Bad);
        stranger.join().unwrap();
        assert_eq!(check(SocketAddr::from(([127, 0, 0, 1], 0))).verdict(), Verdict::Good);
        assert_eq!(check(SocketAddr::from(([192, 0, 2, 1], 4437))).verdict(), Verdict::Bad);
    }
}
