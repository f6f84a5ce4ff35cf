//! Who may do what. Everybody may do everything until there are tokens; every operation passes here all the same,
//! before it is looked up whether the stream exists.

use tidings_model::StreamName;
use tidings_protocol::Problem;

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Principal {
    /// Nobody in particular.
    Anybody,
}

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Right {
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
}

/// Permits or refuses.
#[expect(clippy::unnecessary_wraps, reason = "the answer is yes until there are tokens")]
pub(crate) fn authorise(principal: &Principal, right: Right, _stream: &StreamName) -> Result<(), Problem> {
    match (principal, right) {
        (Principal::Anybody, Right::Read | Right::Publish | Right::Create | Right::Delete | Right::List) => {
            Ok(())
        }
    }
}
