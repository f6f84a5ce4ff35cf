//! Notices that nobody reads standard output any more, also while there is nothing to print.
//!
//! `tidings follow … | head -1` would else wait for a second message before it sees that `head` has gone.

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use std::io;
use tokio::sync::oneshot;

/// Ends when the other end of standard output is closed. A file or a terminal that stays is never closed.
pub(crate) async fn output_closed() {
    let (sender, closed) = oneshot::channel();
    // A thread, since a file can't be watched by the runtime. It ends with the process.
    std::thread::spawn(move || {
        if wait_until_closed() {
            let _command_has_ended = sender.send(());
        }
    });
    if closed.await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// Whether it was closed; `false` when the system can't say.
fn wait_until_closed() -> bool {
    let output = io::stdout();
    loop {
        // Nothing is asked for: hanging up and errors are always told.
        let mut watched = [PollFd::new(&output, PollFlags::empty())];
        match poll(&mut watched, None) {
            Ok(_) => return watched[0].revents().intersects(PollFlags::ERR | PollFlags::HUP),
            Err(Errno::INTR) => {}
            Err(_) => return false,
        }
    }
}
