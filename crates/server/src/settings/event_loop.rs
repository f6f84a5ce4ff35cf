//! How workers wait and how they send: words that a person need not know, unless a kernel is odd.

/// What a worker waits with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventLoop {
    /// The best that the system has.
    Auto,
    /// Linux's epoll.
    Epoll,
    /// What every Unix has.
    Portable,
}

impl EventLoop {
    /// The choice of that word, if it is one.
    pub fn parse(word: &str) -> Option<EventLoop> {
        match word {
            "auto" => Some(EventLoop::Auto),
            "epoll" => Some(EventLoop::Epoll),
            "portable" => Some(EventLoop::Portable),
            _ => None,
        }
    }
}

/// How the messages of one turn reach the sockets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sends {
    /// `io_uring` where the kernel allows it, else one by one.
    Auto,
    /// All in one system call, by Linux's `io_uring`.
    IoUring,
    /// A system call each.
    Send,
}

impl Sends {
    /// The choice of that word, if it is one.
    pub fn parse(word: &str) -> Option<Sends> {
        match word {
            "auto" => Some(Sends::Auto),
            "io-uring" => Some(Sends::IoUring),
            "send" => Some(Sends::Send),
            _ => None,
        }
    }
}
