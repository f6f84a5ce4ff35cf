//! What the kernel has of what makes a server fast.

use super::finding::Finding;
use rustix::system::uname;
use tidings_server::settings::Sends;
use tidings_sys::SendRing;

const ABOUT: &str = "kernel";

pub(super) fn check(sends: Sends) -> Finding {
    let release = uname().release().to_string_lossy().into_owned();
    let finding = match (SendRing::new(), sends) {
        (Ok(_ring), _) => Finding::good(ABOUT, format!("{release}, with io_uring")).with("io_uring", true),
        (Err(error), Sends::IoUring) => Finding::bad(
            ABOUT,
            format!("{release}; io_uring can't be had ({error}), and `sends = \"io-uring\"` asks for it"),
            "write `sends = \"auto\"`",
        )
        .with("io_uring", false),
        (Err(error), Sends::Auto | Sends::Send) => Finding::doubtful(
            ABOUT,
            format!(
                "{release}; io_uring can't be had ({error}): each delivery costs a system call of its own"
            ),
            "allow it where that matters (`kernel.io_uring_disabled`, the seccomp profile of a container)",
        )
        .with("io_uring", false),
    };
    finding.with("release", release)
}
