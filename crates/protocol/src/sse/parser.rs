//! An incremental parser of `text/event-stream`, by the rules of the WHATWG specification.
//!
//! Takes bytes in pieces of any size and keeps what is unfinished. Does not know what an event means.

use std::borrow::Cow;
use std::time::Duration;

/// What a reader of events gets to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    /// An event.
    Event(Event),
    /// How long to wait before coming back.
    Retry(Duration),
    /// A comment: it says nothing, but the server lives.
    Comment,
}

/// An event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Its name; `message` where it was given none.
    pub name: String,
    /// Its data lines, joined by LF.
    pub data: String,
    /// The last `id:` up to here, of this event or an earlier one; empty when there was none.
    pub id: String,
}

/// An event was larger than the parser may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an event is larger than {bytes_max} bytes")]
pub struct EventTooLarge {
    /// The limit.
    pub bytes_max: usize,
}

/// The state between two pieces of a response.
#[derive(Debug)]
pub struct Parser {
    bytes_max: usize,
    /// The beginning of a line whose end has not come.
    line: Vec<u8>,
    /// The last line ended in CR: an LF that comes next belongs to it.
    after_cr: bool,
    /// No line has ended yet: a byte order mark may stand here.
    at_start: bool,
    is_too_large: bool,
    name: String,
    /// Data lines, each with an LF behind it.
    data: String,
    /// The `id:` of the event that is being read, or of the last one that had any.
    id: String,
    last_event_id: String,
}

impl Parser {
    /// A parser for one response, for events of at most `bytes_max` bytes.
    pub fn new(bytes_max: usize) -> Parser {
        Parser {
            bytes_max,
            line: Vec::new(),
            after_cr: false,
            at_start: true,
            is_too_large: false,
            name: String::new(),
            data: String::new(),
            id: String::new(),
            last_event_id: String::new(),
        }
    }

    /// The id of the last event that was complete: what to send as `Last-Event-ID`. Empty when there was none.
    pub fn last_event_id(&self) -> &str {
        &self.last_event_id
    }

    /// The next item, taking from the front of `input`; `None` when all was taken and more must come.
    ///
    /// After an error the response is of no use: the error is given again.
    pub fn next_item(&mut self, input: &mut &[u8]) -> Option<Result<Item, EventTooLarge>> {
        while !self.is_too_large {
            let Ok(line) = self.next_line(input)? else {
                break;
            };
            let line = if std::mem::take(&mut self.at_start) { without_mark(&line) } else { &line };
            if let Some(item) = self.on_line(&String::from_utf8_lossy(line)) {
                return Some(Ok(item));
            }
        }
        self.is_too_large = true;
        Some(Err(EventTooLarge { bytes_max: self.bytes_max }))
    }

    /// The next whole line without its end.
    fn next_line<'a>(&mut self, input: &mut &'a [u8]) -> Option<Result<Cow<'a, [u8]>, ()>> {
        if self.after_cr && !input.is_empty() {
            self.after_cr = false;
            *input = input.strip_prefix(b"\n").unwrap_or(input);
        }
        let end = memchr::memchr2(b'\r', b'\n', input);
        let part = &input[..end.unwrap_or(input.len())];
        if self.bytes_max < self.held_bytes() + part.len() {
            return Some(Err(()));
        }
        let Some(end) = end else {
            self.line.extend_from_slice(part);
            *input = &[];
            return None;
        };
        self.after_cr = input[end] == b'\r';
        *input = &input[end + 1..];
        if self.line.is_empty() {
            return Some(Ok(Cow::Borrowed(part)));
        }
        let mut line = std::mem::take(&mut self.line);
        line.extend_from_slice(part);
        Some(Ok(Cow::Owned(line)))
    }

    fn held_bytes(&self) -> usize {
        self.line.len() + self.name.len() + self.data.len() + self.id.len()
    }

    fn on_line(&mut self, line: &str) -> Option<Item> {
        let (field, value) = match line.split_once(':') {
            _ if line.is_empty() => return self.on_event_end(),
            Some(("", _)) => return Some(Item::Comment),
            Some((field, value)) => (field, value.strip_prefix(' ').unwrap_or(value)),
            None => (line, ""),
        };
        match field {
            "event" => value.clone_into(&mut self.name),
            "data" => {
                self.data.push_str(value);
                self.data.push('\n');
            }
            "id" if !value.contains('\0') => value.clone_into(&mut self.id),
            "retry" if value.bytes().all(|byte| byte.is_ascii_digit()) => {
                return value.parse().ok().map(|wait_ms| Item::Retry(Duration::from_millis(wait_ms)));
            }
            _ => {}
        }
        None
    }

    /// A blank line: what was gathered is an event if it has data.
    fn on_event_end(&mut self) -> Option<Item> {
        self.last_event_id.clone_from(&self.id);
        let name = std::mem::take(&mut self.name);
        let mut data = std::mem::take(&mut self.data);
        // Not one data line; a line without anything behind `data:` still has its LF here.
        data.pop()?;
        let name = if name.is_empty() { "message".to_owned() } else { name };
        Some(Item::Event(Event { name, data, id: self.id.clone() }))
    }
}

/// The first line without a byte order mark.
fn without_mark(line: &[u8]) -> &[u8] {
    line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line)
}

#[cfg(test)]
mod tests;
