//! For how long what has come lay in a socket before it was read: the share of a latency that is the reader's.

#[cfg(target_os = "linux")]
pub(super) use linux::{begin, waited};

#[cfg(target_os = "linux")]
mod linux {
    use mio::net::TcpStream;
    use nix::cmsg_space;
    use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg, setsockopt, sockopt::ReceiveTimestampns};
    use nix::sys::time::TimeSpec;
    use nix::time::ClockId;
    use std::io::IoSliceMut;
    use std::os::fd::AsRawFd as _;
    use std::time::Duration;

    /// From now on the system notes when something comes. Where it does not, nothing is known.
    pub(in super::super) fn begin(socket: &TcpStream) {
        let _refused = setsockopt(socket, ReceiveTimestampns, &true);
    }

    /// How long ago the first of what can be read came; `None` where nothing can be, or it was not noted. One more system call.
    pub(in super::super) fn waited(socket: &TcpStream) -> Option<Duration> {
        let (mut byte, mut control) = ([0], cmsg_space!(TimeSpec));
        let mut parts = [IoSliceMut::new(&mut byte)];
        let flags = MsgFlags::MSG_PEEK | MsgFlags::MSG_DONTWAIT;
        let peeked = recvmsg::<()>(socket.as_raw_fd(), &mut parts, Some(&mut control), flags).ok()?;
        let came = peeked.cmsgs().ok()?.find_map(|message| {
            if let ControlMessageOwned::ScmTimestampns(came) = message {
                Some(Duration::from(came))
            } else {
                None
            }
        })?;
        let now = Duration::from(ClockId::CLOCK_REALTIME.now().ok()?);
        Some(now.saturating_sub(came))
    }
}

#[cfg(not(target_os = "linux"))]
pub(super) fn begin(_socket: &mio::net::TcpStream) {}

#[cfg(not(target_os = "linux"))]
pub(super) fn waited(_socket: &mio::net::TcpStream) -> Option<std::time::Duration> {
    None
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use std::io::{Read as _, Write as _};
    use std::net::{TcpListener, TcpStream};
    use std::time::Duration;
    use tidings_testkit::eventually;

    #[test]
    fn what_lies_in_a_socket_has_waited() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut sender = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (reader, _) = listener.accept().unwrap();
        reader.set_nonblocking(true).unwrap();
        let mut reader = mio::net::TcpStream::from_std(reader);
        begin(&reader);
        assert_eq!(waited(&reader), None, "nothing has come");
        sender.write_all(b"x").unwrap();
        // The system begins to note times a moment after it is asked to: what came before has none.
        eventually("arrivals are noted", || {
            waited(&reader).or_else(|| {
                let _taken = reader.read(&mut [0]);
                sender.write_all(b"x").unwrap();
                None
            })
        });
        std::thread::sleep(Duration::from_millis(60));
        assert!(Duration::from_millis(50) < waited(&reader).unwrap());
        assert!(waited(&reader).is_some(), "it is still there");
    }
}
