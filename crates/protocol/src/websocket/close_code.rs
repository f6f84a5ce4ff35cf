//! Close codes.

use std::fmt;

/// Why a connection ends, as a close frame says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CloseCode(u16);

impl CloseCode {
    /// The purpose is fulfilled.
    pub const NORMAL: CloseCode = CloseCode(1000);
    /// The server drains.
    pub const GOING_AWAY: CloseCode = CloseCode(1001);
    /// A frame against RFC 6455.
    pub const PROTOCOL: CloseCode = CloseCode(1002);
    /// A binary message: there is no binary subprotocol.
    pub const UNSUPPORTED: CloseCode = CloseCode(1003);
    /// Text that is not UTF-8.
    pub const INVALID_DATA: CloseCode = CloseCode(1007);
    /// Nothing was heard from the peer for too long.
    pub const POLICY: CloseCode = CloseCode(1008);
    /// A message above the limit.
    pub const TOO_LARGE: CloseCode = CloseCode(1009);
    /// The server failed.
    pub const INTERNAL: CloseCode = CloseCode(1011);
    /// Too busy; come back later.
    pub const TRY_AGAIN_LATER: CloseCode = CloseCode(1013);

    /// Who asks is not believed, or not any more: come back with a new token. One of those that applications choose.
    pub const UNAUTHENTICATED: CloseCode = CloseCode(4401);

    /// The code of that number, if it may stand in a close frame (RFC 6455, section 7.4): those that are
    /// registered for it, and what libraries (3000 to 3999) and applications (4000 to 4999) choose.
    ///
    /// 1005, 1006 and 1015 are names for what no frame says; the rest is kept for later versions.
    pub fn from_number(number: u16) -> Option<CloseCode> {
        matches!(number, 1000..=1003 | 1007..=1014 | 3000..=4999).then_some(CloseCode(number))
    }

    /// The number on the wire.
    pub fn to_number(self) -> u16 {
        self.0
    }
}

impl fmt::Display for CloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_codes_that_a_frame_may_carry_are_codes() {
        for good in
            [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999]
        {
            assert_eq!(CloseCode::from_number(good).map(CloseCode::to_number), Some(good));
        }
        for bad in [0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535] {
            assert_eq!(CloseCode::from_number(bad), None, "{bad}");
        }
    }
}
