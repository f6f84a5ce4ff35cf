//! `DELETE`: the end of a stream.

use super::submit;
use crate::authorise::{Principal, Right, authorise};
use crate::exchange::Opened;
use crate::worker::core::Core;
use crate::worker::followers::Owner;
use tidings_engine::Operation;
use tidings_model::StreamName;
use tidings_protocol::{Problem, Response};

pub(crate) fn delete(
    principal: &Principal,
    name: &StreamName,
    owner: Owner,
    core: &mut Core,
) -> Result<Opened, Problem> {
    authorise(principal, Right::Delete, name)?;
    let operation = Operation::Delete { name: name.clone(), incarnation: None };
    submit(operation, owner, core, |_deleted| Response::new(204))
}
