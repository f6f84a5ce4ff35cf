//! Why a token is refused, in words that may be told to whoever sent it.

use crate::grants::InvalidGrants;

/// Why a token is not believed. Says nothing that is secret: not which keys there are, nor what a right token would look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RefusedToken {
    /// Longer than any token may be.
    #[error("the token is longer than {} bytes", crate::TokenRules::TOKEN_BYTES_MAX)]
    TooLong,
    /// Neither a known key nor a signed token.
    #[error("the token is neither a key of this server nor a signed JSON Web Token")]
    Malformed,
    /// Signed in a way that none of the keys is for; `none` too.
    #[error("the token is signed in a way that this server has no key for")]
    NoKey,
    /// Not signed by any of the keys.
    #[error("the token is not signed by a key of this server")]
    Signature,
    /// Not signed by any of the keys, and names one that its issuer may have published since they were fetched.
    #[error("the token is signed by a key that its issuer does not publish")]
    UnknownKey,
    /// Its issuer publishes keys, and can't be asked for them.
    #[error("the keys to check the token with can't be had from their issuer at the moment; try again later")]
    KeysAwaited,
    /// It demands something of its reader that this one does not know (`crit`).
    #[error("the token demands an extension that this server does not know")]
    Critical,
    /// It has no end.
    #[error("the token has no `exp`: one that never ends is not accepted")]
    NoExpiry,
    /// A time that is not a number.
    #[error("the token's `exp` or `nbf` is not a number of seconds")]
    Time,
    /// Its time is over.
    #[error("the token has expired; get a new one")]
    Expired,
    /// It is a certificate whose time is over, on a connection that was made in time.
    #[error("the client's certificate has expired; connect again with a new one")]
    CertificateExpired,
    /// Its time has not come.
    #[error("the token is not valid yet; compare the clocks")]
    NotYet,
    /// By somebody else.
    #[error("the token is of another issuer")]
    Issuer,
    /// For somebody else.
    #[error("the token is for another audience")]
    Audience,
    /// Too many signatures are checked already.
    #[error("too many tokens are new at the moment; try again in a second")]
    Busy,
    /// The claim that says what it grants is wrong.
    #[error("the claim of the token that grants rights {0}")]
    Grants(InvalidGrants),
}

impl RefusedToken {
    /// Whether the same token will be refused for ever, as long as the rules and the issuer's keys stay as they are.
    pub fn is_final(self) -> bool {
        !matches!(self, RefusedToken::NotYet | RefusedToken::Busy | RefusedToken::KeysAwaited)
    }
}
