//! The protocol of NATS, as far as publishing to a `JetStream` stream and its acknowledgements need it.

use super::{Incoming, What, Wire, line};
use anyhow::Context;
use std::io::Write;

/// Subjects `s.…` of one stream. Each connection has an inbox, which its acknowledgements come to.
pub(crate) struct Nats;

impl Nats {
    /// The request that makes the stream for all subjects.
    pub(crate) fn create(output: &mut Vec<u8>) {
        let config = r#"{"name":"bench","subjects":["s.*"],"storage":"file","num_replicas":1}"#;
        write!(output, "PUB $JS.API.STREAM.CREATE.bench _INBOX.0 {}\r\n{config}\r\n", config.len())
            .expect("a vector takes any write");
    }

    /// A line `MSG subject sid bytes` and what follows it.
    fn parse_message(first: &[u8], input: &[u8]) -> anyhow::Result<Option<Incoming>> {
        let digits = first.rsplit(|&byte| byte == b' ').next().unwrap_or_default();
        let digits = str::from_utf8(digits).context("a length that is not text")?;
        let payload_bytes: usize = digits.parse().context("a length that is not a number")?;
        let begin = first.len() + 2;
        let Some(payload) = input.get(begin..begin + payload_bytes + 2) else { return Ok(None) };
        let refused = payload.windows(8).any(|bytes| bytes == br#""error":"#);
        anyhow::ensure!(!refused, "refused: {}", String::from_utf8_lossy(payload));
        Ok(Some(Incoming { bytes: begin + payload.len(), what: What::Done }))
    }
}

impl Wire for Nats {
    fn greet(&self, connection: usize, output: &mut Vec<u8>) {
        write!(
            output,
            "CONNECT {{\"verbose\":false,\"pedantic\":false,\"headers\":false,\"no_responders\":false,\
             \"lang\":\"bench\",\"version\":\"1\",\"protocol\":1}}\r\nSUB _INBOX.{connection} 1\r\n"
        )
        .expect("a vector takes any write");
    }

    fn publish(&self, connection: usize, stream: u32, message: &[u8], output: &mut Vec<u8>) {
        write!(output, "PUB s.{stream:07} _INBOX.{connection} {}\r\n", message.len())
            .expect("a vector takes any write");
        output.extend_from_slice(message);
        output.extend_from_slice(b"\r\n");
    }

    fn parse(&self, input: &[u8]) -> anyhow::Result<Option<Incoming>> {
        let Some(first) = line(input) else { return Ok(None) };
        let bytes = first.len() + 2;
        let aside = |what| Ok(Some(Incoming { bytes, what }));
        match first.split(|&byte| byte == b' ').next().unwrap_or_default() {
            b"MSG" => Nats::parse_message(first, input),
            b"PING" => aside(What::Wants(b"PONG\r\n")),
            b"INFO" | b"PONG" | b"+OK" => aside(What::Aside),
            _ => anyhow::bail!("refused: {}", String::from_utf8_lossy(first)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_acknowledgement_is_a_message_without_an_error() {
        let done = Incoming { bytes: 27, what: What::Done };
        assert_eq!(
            Nats.parse(b"MSG _INBOX.0 1 8\r\n{\"seq\"1}\r\n").unwrap(),
            Some(Incoming { bytes: 28, ..done })
        );
        assert_eq!(Nats.parse(b"MSG _INBOX.0 1 8\r\n{\"seq\"1}").unwrap(), None);
        assert!(Nats.parse(b"MSG _INBOX.0 1 11\r\n{\"error\":{}}\r\n").is_err());
        assert!(Nats.parse(b"-ERR 'no'\r\n").is_err());
    }

    #[test]
    fn a_ping_wants_a_pong() {
        let wants = Incoming { bytes: 6, what: What::Wants(b"PONG\r\n") };
        assert_eq!(Nats.parse(b"PING\r\n").unwrap(), Some(wants));
        assert_eq!(Nats.parse(b"INFO {}\r\n").unwrap(), Some(Incoming { bytes: 9, what: What::Aside }));
    }
}
