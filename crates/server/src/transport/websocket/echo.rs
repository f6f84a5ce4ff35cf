//! The hidden test listener: sends every message back, text as text and binary as binary.

use super::Talk;
use crate::exchange::Advance;
use crate::worker::core::Core;
use bytes::Bytes;
use tidings_engine::Reply;
use tidings_protocol::websocket::Violation;
use tidings_protocol::websocket::frame::{Fin, Opcode, write_frame};

/// Nothing to remember.
pub(super) struct Echo;

impl Talk for Echo {
    fn on_text(&mut self, text: &str, _core: &mut Core, out: &mut Vec<u8>) {
        write_frame(out, Opcode::Text, Fin::Last, None, text.as_bytes());
    }

    fn on_binary(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), Violation> {
        write_frame(out, Opcode::Binary, Fin::Last, None, bytes);
        Ok(())
    }

    fn on_reply(&mut self, _number: u32, _reply: Reply) {}

    fn on_changed(&mut self, _number: u32) {}

    fn advance(&mut self, _core: &mut Core, _out: &mut Vec<u8>, _shared: &mut Vec<Bytes>) -> Advance {
        Advance::WAIT
    }

    fn on_silence(&mut self, _out: &mut Vec<u8>) {}

    fn on_drain(&mut self, _core: &Core, _out: &mut Vec<u8>) {}

    fn owes_an_answer(&self) -> bool {
        false
    }

    fn leave(&mut self, _core: &mut Core) {}
}
