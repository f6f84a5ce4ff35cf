//! What can be permitted.

use std::fmt;

/// One kind of thing that somebody may do to a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Right {
    /// Read, follow, look at the head.
    Read,
    /// Publish and close.
    Publish,
    /// Create, also by publishing.
    Create,
    /// Delete.
    Delete,
    /// See that it is there, in a list.
    List,
    /// Look at and end what others do with it.
    Admin,
}

impl Right {
    /// Every right, in the order of the documentation.
    pub const ALL: [Right; 6] =
        [Right::Read, Right::Publish, Right::Create, Right::Delete, Right::List, Right::Admin];

    /// Its word in tokens and settings.
    pub const fn as_str(self) -> &'static str {
        match self {
            Right::Read => "read",
            Right::Publish => "publish",
            Right::Create => "create",
            Right::Delete => "delete",
            Right::List => "list",
            Right::Admin => "admin",
        }
    }

    /// The right of that word.
    pub fn parse(word: &str) -> Option<Right> {
        Right::ALL.into_iter().find(|right| right.as_str() == word)
    }

    const fn bit(self) -> u8 {
        1 << self as u8
    }
}

impl fmt::Display for Right {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Some of the rights.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Rights(u8);

impl Rights {
    /// None.
    pub const NONE: Rights = Rights(0);

    /// These and one more.
    #[must_use]
    pub const fn and(self, right: Right) -> Rights {
        Rights(self.0 | right.bit())
    }

    /// Whether it is among them.
    pub const fn has(self, right: Right) -> bool {
        self.0 & right.bit() != 0
    }
}

impl From<Right> for Rights {
    fn from(right: Right) -> Rights {
        Rights::NONE.and(right)
    }
}

impl fmt::Debug for Rights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(Right::ALL.into_iter().filter(|right| self.has(*right))).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_has_what_was_put_into_it() {
        let rights = Rights::from(Right::Read).and(Right::Admin);
        let had: Vec<_> = Right::ALL.into_iter().filter(|right| rights.has(*right)).collect();
        assert_eq!(had, [Right::Read, Right::Admin]);
        assert!(Right::ALL.into_iter().all(|right| Right::parse(right.as_str()) == Some(right)));
        assert_eq!(Right::parse("Read"), None);
    }
}
