//! The hidden test listener: sends every message back, text as text and binary as binary.

use super::{PING, Talk};
use crate::about::About;
use crate::exchange::Advance;
use crate::worker::core::Core;
use crate::worker::followers::Owner;
use bytes::Bytes;
use tidings_engine::Reply;
use tidings_protocol::websocket::Violation;
use tidings_protocol::websocket::deflate::Window;
use tidings_protocol::websocket::frame::{Fin, Opcode, write_frame};

/// Nothing to remember but how messages may be compressed.
pub(super) struct Echo {
    pub(super) deflate: Option<Window>,
}

impl Echo {
    fn send(&self, opcode: Opcode, payload: &[u8], core: &mut Core, out: &mut Vec<u8>) {
        match self.deflate {
            Some(window) => core.forms.deflater.write_frame(out, window, opcode, payload),
            None => write_frame(out, opcode, Fin::Last, None, payload),
        }
    }
}

impl Talk for Echo {
    fn deflate(&self) -> Option<Window> {
        self.deflate
    }

    fn on_text(&mut self, text: &str, _owner: Owner, core: &mut Core, out: &mut Vec<u8>) {
        self.send(Opcode::Text, text.as_bytes(), core, out);
    }

    fn on_binary(&mut self, bytes: &[u8], core: &mut Core, out: &mut Vec<u8>) -> Result<(), Violation> {
        self.send(Opcode::Binary, bytes, core, out);
        Ok(())
    }

    fn on_reply(&mut self, _number: u32, _reply: Reply) {}

    fn on_changed(&mut self, _number: u32) {}

    fn advance(&mut self, _owner: Owner, _core: &mut Core, _out: &mut Vec<Bytes>) -> Advance {
        Advance::WAIT
    }

    fn message_bytes_max(&self, core: &Core) -> usize {
        core.settings.max_message_bytes
    }

    fn on_access_changed(&mut self, _core: &mut Core) -> bool {
        false
    }

    fn silence(&self) -> &'static [u8] {
        PING
    }

    fn on_drain(&mut self, _core: &Core, _out: &mut Vec<u8>) {}

    fn is_over(&self) -> Option<Violation> {
        None
    }

    fn owes_an_answer(&self) -> bool {
        false
    }

    fn place(&self, _number: u32) -> Option<u64> {
        None
    }

    fn describe(&self, _about: &mut About) {}

    fn leave(&mut self, _core: &mut Core) {}
}
