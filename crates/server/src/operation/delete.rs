//! `DELETE`: the end of a stream.

use super::submit;
use crate::authorise::{Principal, Right, authorise};
use crate::exchange::{Early, Opened};
use crate::request::early;
use crate::worker::core::Core;
use crate::worker::followers::Owner;
use tidings_engine::Operation;
use tidings_model::StreamName;
use tidings_protocol::Response;

pub(crate) fn delete(name: &StreamName, owner: Owner, core: &mut Core) -> Early<Opened> {
    authorise(&Principal::Anybody, Right::Delete, name).map_err(early)?;
    let operation = Operation::Delete { name: name.clone(), incarnation: None };
    submit(operation, owner, core, |_deleted| Response::new(204))
}
