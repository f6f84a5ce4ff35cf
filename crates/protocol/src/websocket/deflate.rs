//! Compression of messages: permessage-deflate of RFC 7692, each message apart from all others.
//!
//! Without context takeover in either direction, so that a message is compressed once for all who get it, and no connection holds a window.
//! Knows payloads and offers. Does not know frames in pieces, nor when compressing pays.

mod agreement;
mod deflater;
mod inflater;

pub use agreement::Agreement;
pub use deflater::Deflater;
pub(super) use inflater::{Inflated, Inflater};

/// How far back the compressor of a server looks: a client that has little memory may ask for less than all.
///
/// Three of the seven that zlib has, so that followers with different wishes share what was compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Window {
    /// 512 bytes.
    Bits9,
    /// 4 KiB.
    Bits12,
    /// 32 KiB: all that DEFLATE has.
    Bits15,
}

impl Window {
    const ALL: [Window; 3] = [Window::Bits9, Window::Bits12, Window::Bits15];

    /// The largest that has at most so many bits. None has 8: zlib can't make it.
    fn of_at_most(bits: u8) -> Option<Window> {
        Window::ALL.into_iter().rev().find(|window| window.bits() <= bits)
    }

    fn bits(self) -> u8 {
        match self {
            Window::Bits9 => 9,
            Window::Bits12 => 12,
            Window::Bits15 => 15,
        }
    }
}
