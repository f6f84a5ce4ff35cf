//! The protocol of Redis, as far as `XADD` needs it.

use super::{Incoming, What, Wire, line};
use anyhow::Context;
use std::io::Write;

/// Redis Streams.
pub(crate) struct Resp;

impl Wire for Resp {
    fn greet(&self, _connection: usize, _output: &mut Vec<u8>) {}

    fn publish(&self, _connection: usize, stream: u32, message: &[u8], output: &mut Vec<u8>) {
        write!(
            output,
            "*5\r\n$4\r\nXADD\r\n$13\r\nbench:{stream:07}\r\n$1\r\n*\r\n$1\r\nm\r\n${}\r\n",
            message.len()
        )
        .expect("a vector takes any write");
        output.extend_from_slice(message);
        output.extend_from_slice(b"\r\n");
    }

    fn parse(&self, input: &[u8]) -> anyhow::Result<Option<Incoming>> {
        let Some(first) = line(input) else { return Ok(None) };
        let Some(digits) = first.strip_prefix(b"$") else {
            anyhow::bail!("refused: {}", String::from_utf8_lossy(first));
        };
        let digits = str::from_utf8(digits).context("a length that is not text")?;
        let id_bytes: usize = digits.parse().context("a length that is not a number")?;
        let bytes = first.len() + 2 + id_bytes + 2;
        Ok((bytes <= input.len()).then_some(Incoming { bytes, what: What::Done }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_an_answer_and_all_else_a_refusal() {
        let done = Incoming { bytes: 10, what: What::Done };
        assert_eq!(Resp.parse(b"$4\r\n17-0\r\n").unwrap(), Some(done));
        assert_eq!(Resp.parse(b"$4\r\n17-0\r").unwrap(), None);
        assert!(Resp.parse(b"-ERR no\r\n").is_err());
    }

    #[test]
    fn a_publish_says_the_length_of_its_key() {
        let mut output = Vec::new();
        Resp.publish(0, 42, b"x", &mut output);
        assert!(output.starts_with(b"*5\r\n$4\r\nXADD\r\n$13\r\nbench:0000042\r\n"));
    }
}
