//! Reads the events of an SSE response, line by line, in pieces of any size.
//!
//! A line of data is given as it comes, not joined with others of its event: a message is one line, and a follower needs no more.

use super::dialect::Event;

/// The longest line.
const LINE_BYTES_MAX: usize = 4 << 20;

/// What a line says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line<'a> {
    /// Data of an event: its name and id as far as they came before it.
    Data(Event<'a>),
    /// How long to wait before coming back, in milliseconds.
    RetryMs(u64),
    /// Nothing that a follower needs.
    Other,
}

/// What is known between two pieces.
#[derive(Clone, Debug, Default)]
pub(super) struct EventLines {
    /// The beginning of a line whose end has not come.
    line: Vec<u8>,
    name: Vec<u8>,
    id: Vec<u8>,
}

impl EventLines {
    /// Calls `found` for each line that is whole.
    pub(super) fn take(
        &mut self,
        mut input: &[u8],
        mut found: impl FnMut(&Line<'_>) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        while let Some(end) = memchr::memchr(b'\n', input) {
            let mut held = std::mem::take(&mut self.line);
            if held.is_empty() {
                self.on_line(&input[..end], &mut found)?;
            } else {
                held.extend_from_slice(&input[..end]);
                self.on_line(&held, &mut found)?;
                held.clear();
            }
            self.line = held;
            input = &input[end + 1..];
        }
        anyhow::ensure!(self.line.len() + input.len() <= LINE_BYTES_MAX, "a line of an event is too long");
        self.line.extend_from_slice(input);
        Ok(())
    }

    fn on_line(
        &mut self,
        line: &[u8],
        found: &mut impl FnMut(&Line<'_>) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.is_empty() {
            self.name.clear();
            return Ok(());
        }
        let colon = memchr::memchr(b':', line).unwrap_or(line.len());
        let value = line.get(colon + 1..).unwrap_or_default();
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match &line[..colon] {
            b"data" => return found(&Line::Data(Event { name: &self.name, id: &self.id, data: value })),
            b"id" => replace(&mut self.id, value),
            b"event" => replace(&mut self.name, value),
            b"retry" => {
                if let Some(ms) = std::str::from_utf8(value).ok().and_then(|text| text.parse().ok()) {
                    return found(&Line::RetryMs(ms));
                }
            }
            _ => {}
        }
        found(&Line::Other)
    }
}

fn replace(held: &mut Vec<u8>, new: &[u8]) {
    held.clear();
    held.extend_from_slice(new);
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fmt::Write as _;

    #[test]
    fn events_are_read_in_pieces_of_any_size() {
        let input = b"retry: 2000\nid: 7\nevent: data\ndata:[1]\n\n: heartbeat\n\ndata: x\r\n\r\n";
        for piece in 1..=input.len() {
            let (mut lines, mut found) = (EventLines::default(), String::new());
            for bytes in input.chunks(piece) {
                let taken = lines.take(bytes, |line| {
                    match line {
                        Line::Data(Event { name, id, data }) => {
                            let [name, id, data] = [name, id, data].map(|it| String::from_utf8_lossy(it));
                            write!(found, "({name}|{id}|{data})").unwrap();
                        }
                        Line::RetryMs(ms) => write!(found, "{ms}").unwrap(),
                        Line::Other => {}
                    }
                    Ok(())
                });
                taken.unwrap();
            }
            assert_eq!(found, "2000(data|7|[1])(|7|x)", "pieces of {piece}");
        }
    }
}
