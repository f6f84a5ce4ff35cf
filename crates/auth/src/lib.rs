//! Who may do what: rights, principals, tokens and keys.
//!
//! Knows patterns of stream names, JSON Web Tokens, and which keys are believed. Pure: bytes, keys and `now` are handed in. Does not
//! know HTTP, where a token travels, files, or whether a stream exists.

mod api_key;
mod cache;
mod certificate;
mod checks;
mod digest;
mod grants;
mod key_set;
mod policy;
mod principal;
mod refused;
mod revocations;
mod right;
mod ring_provider;
mod template;
mod tickets;
mod token;

pub use api_key::{ApiKey, InvalidKeyHash};
pub use cache::TokenCache;
pub use certificate::ClientCertificate;
pub use checks::Checks;
pub use digest::Digest;
pub use grants::{Grants, GrantsGiven, InvalidGrants};
pub use key_set::{InvalidKeys, KeySet};
pub use policy::{Policy, PolicyInput};
pub use principal::{Principal, PrincipalKind};
pub use refused::RefusedToken;
pub use revocations::{InvalidRevocations, Revocation, Revocations, RevokedBy, TooManyRevocations};
pub use right::{Right, Rights};
pub use template::{Claims, InvalidTemplate, Template};
pub use tickets::Tickets;
pub use token::{Published, TokenRules, Verified};
