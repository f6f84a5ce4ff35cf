//! How `read` and `follow` print messages.

use crate::style::{Ink, Style};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::{self, Write};
use tidings_client::{Data, Message};
use tidings_model::StreamName;
use tidings_protocol::rfc3339_text;

/// The form of a printed message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MessageForm {
    /// What it holds and a line feed.
    Plain,
    /// One JSON object a line: `{"offset","time","data"}`.
    Json,
}

/// Whether the output names the stream of each message: needed when there are several.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Naming {
    /// One stream: everybody knows which.
    Unnamed,
    /// Several streams: `name`, a tab, the message; in JSON a member `stream`.
    Named,
}

/// Prints messages.
pub(crate) struct MessageOutput<W> {
    pub(crate) out: W,
    pub(crate) form: MessageForm,
    pub(crate) naming: Naming,
    pub(crate) style: Style,
}

impl<W: Write> MessageOutput<W> {
    /// Prints messages of one stream, and lets whoever reads the output see them.
    pub(crate) fn print(&mut self, stream: &StreamName, messages: &[Message]) -> io::Result<()> {
        for message in messages {
            match self.form {
                MessageForm::Plain => self.print_plain(stream, message)?,
                MessageForm::Json => self.print_json(stream, message)?,
            }
        }
        self.out.flush()
    }

    fn print_plain(&mut self, stream: &StreamName, message: &Message) -> io::Result<()> {
        if self.naming == Naming::Named {
            write!(self.out, "{}\t", self.style.paint(Ink::Name, stream))?;
        }
        self.out.write_all(&message.data.to_plain())?;
        self.out.write_all(b"\n")
    }

    fn print_json(&mut self, stream: &StreamName, message: &Message) -> io::Result<()> {
        let time = rfc3339_text(message.time);
        let time = String::from_utf8_lossy(&time);
        let mut head = String::from("{");
        if self.naming == Naming::Named {
            head.push_str("\"stream\":");
            head.push_str(&serde_json::to_string(stream.as_str())?);
            head.push(',');
        }
        let offset = message.offset;
        let _always_fits = write!(head, "\"offset\":\"{offset}\",\"time\":\"{time}\",\"data\":");
        write!(self.out, "{}", self.style.paint(Ink::Faint, head))?;
        let tail = match &message.data {
            Data::Json(json) => {
                self.out.write_all(&on_one_line(json))?;
                "}"
            }
            Data::Bytes(bytes) => {
                write!(self.out, "\"{}\"", BASE64.encode(bytes))?;
                ",\"encoding\":\"base64\"}"
            }
        };
        writeln!(self.out, "{}", self.style.paint(Ink::Faint, tail))
    }
}

/// A JSON text without line breaks. Between its parts they are white space, and inside its strings they are escaped.
fn on_one_line(json: &[u8]) -> Cow<'_, [u8]> {
    let is_break = |byte: &u8| matches!(byte, b'\n' | b'\r');
    if json.iter().any(is_break) {
        Cow::Owned(json.iter().map(|byte| if is_break(byte) { b' ' } else { *byte }).collect())
    } else {
        Cow::Borrowed(json)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use tidings_model::{Offset, Timestamp};

    fn printed(form: MessageForm, naming: Naming, data: Data) -> String {
        let offset = Offset::parse("0000000000000abc_0000000000000009").unwrap();
        let message = Message { offset, time: Timestamp(1_795_341_600_000), data };
        let stream = StreamName::parse("orders/\"42\"").unwrap();
        let mut output = MessageOutput { out: Vec::new(), form, naming, style: Style::Plain };
        output.print(&stream, &[message]).unwrap();
        String::from_utf8(output.out).unwrap()
    }

    fn json(text: &str) -> Data {
        Data::Json(Bytes::copy_from_slice(text.as_bytes()))
    }

    #[test]
    fn plain_is_what_the_message_holds() {
        assert_eq!(printed(MessageForm::Plain, Naming::Unnamed, json("\"a b\"")), "a b\n");
        assert_eq!(printed(MessageForm::Plain, Naming::Unnamed, json("{\"n\":1}")), "{\"n\":1}\n");
        assert_eq!(printed(MessageForm::Plain, Naming::Named, json("1")), "orders/\"42\"\t1\n");
    }

    #[test]
    fn json_is_one_object_a_line() {
        let head = "\"offset\":\"0000000000000abc_0000000000000009\",\"time\":\"2026-11-22T10:00:00.000Z\"";
        assert_eq!(
            printed(MessageForm::Json, Naming::Unnamed, json("{\n\"n\":\r\n1}")),
            format!("{{{head},\"data\":{{ \"n\":  1}}}}\n")
        );
        assert_eq!(
            printed(MessageForm::Json, Naming::Named, Data::Bytes(Bytes::from_static(b"\xff\0"))),
            format!(
                "{{\"stream\":\"orders/\\\"42\\\"\",{head},\"data\":\"/wA=\",\"encoding\":\"base64\"}}\n"
            )
        );
    }
}
