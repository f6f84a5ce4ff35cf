//! What the load generator must know of a protocol: how to ask, and when it was answered.

pub(crate) mod http1;
pub(crate) mod nats;
pub(crate) mod resp;

/// A protocol in which a request is answered before those after it.
pub(crate) trait Wire {
    /// What a connection sends before anything else; may be nothing.
    fn greet(&self, connection: usize, output: &mut Vec<u8>);

    /// The request that publishes a message.
    fn publish(&self, connection: usize, stream: u32, message: &[u8], output: &mut Vec<u8>);

    /// The first whole thing that the server sent; `None` if more of it must come first. An error if it is a refusal:
    /// no cell may count those.
    fn parse(&self, input: &[u8]) -> anyhow::Result<Option<Incoming>>;
}

/// One thing that the server sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Incoming {
    /// How long it is.
    pub(crate) bytes: usize,
    pub(crate) what: What,
}

/// What it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    /// The request is done.
    Done,
    /// Nothing that matters here.
    Aside,
    /// The server wants to be told this.
    Wants(&'static [u8]),
}

/// Where a line ends, without its line feed, if it is whole.
fn line(input: &[u8]) -> Option<&[u8]> {
    let end = input.iter().position(|&byte| byte == b'\n')?;
    Some(input[..end].strip_suffix(b"\r").unwrap_or(&input[..end]))
}
