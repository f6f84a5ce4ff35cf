//! What the crate promises of tokens, keys and patterns, with tokens that the tests sign themselves.

#[path = "auth/properties.rs"]
mod properties;
#[path = "auth/signing.rs"]
mod signing;
#[path = "auth/tokens.rs"]
mod tokens;
