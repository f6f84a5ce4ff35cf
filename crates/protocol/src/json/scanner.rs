//! One pass over a JSON text that checks it and finds where values begin and end.
//!
//! Keeps nothing but a place and which containers are open, one bit each. Stricter than the grammar in one point:
//! an escape of half a surrogate pair is refused, since one such message would make a whole page unreadable
//! for every reader whose strings are Unicode.

mod elements;

use super::plain::plain_bytes;
use super::{DEPTH_MAX, InvalidJson};
use std::ops::Range;

/// A place in a text of valid UTF-8.
pub(super) struct Scanner<'a> {
    text: &'a [u8],
    at: usize,
}

/// Bits of the open containers, the innermost lowest: set for an object, clear for an array.
struct Containers {
    objects: u128,
    depth: usize,
}

impl Containers {
    fn none() -> Containers {
        Containers { objects: 0, depth: 0 }
    }

    fn innermost_is_object(&self) -> bool {
        self.objects & 1 == 1
    }

    fn close(&mut self) {
        self.objects >>= 1;
        self.depth -= 1;
    }
}

impl<'a> Scanner<'a> {
    /// Stands before the first value.
    pub(super) fn new(text: &'a [u8]) -> Result<Scanner<'a>, InvalidJson> {
        if simdutf8::basic::from_utf8(text).is_err() {
            let at = std::str::from_utf8(text).map_or_else(|error| error.valid_up_to(), str::len);
            return Err(InvalidJson { at, what: "the text is not UTF-8" });
        }
        if text.starts_with(b"\xef\xbb\xbf") {
            return Err(InvalidJson { at: 0, what: "the text begins with a byte order mark; leave it out" });
        }
        let mut scanner = Scanner { text, at: 0 };
        scanner.skip_white_space();
        Ok(scanner)
    }

    /// The range of the only value of the text.
    pub(super) fn whole_value(&mut self) -> Result<Range<usize>, InvalidJson> {
        let range = self.value()?;
        self.end()?;
        Ok(range)
    }

    /// Goes over one value, without the white space around it.
    fn value(&mut self) -> Result<Range<usize>, InvalidJson> {
        let start = self.at;
        let mut open = Containers::none();
        loop {
            // Stands where a value must begin.
            match self.peek() {
                Some(bracket @ (b'[' | b'{')) => {
                    if self.open(bracket, &mut open)? {
                        continue;
                    }
                }
                Some(b'"') => self.string()?,
                Some(b'-' | b'0'..=b'9') => self.number()?,
                Some(b't') => self.literal(b"true")?,
                Some(b'f') => self.literal(b"false")?,
                Some(b'n') => self.literal(b"null")?,
                Some(_) => return Err(self.wrong("a value must begin here")),
                None => return Err(self.wrong("the text ends where a value must begin")),
            }
            if !self.after_value(&mut open)? {
                return Ok(start..self.at);
            }
        }
    }

    /// Opens a container and goes to its first value; false when it is empty, and closed again.
    fn open(&mut self, bracket: u8, open: &mut Containers) -> Result<bool, InvalidJson> {
        if open.depth == DEPTH_MAX {
            return Err(self.wrong("arrays and objects nest more than 128 deep"));
        }
        self.at += 1;
        self.skip_white_space();
        // In ASCII the closing bracket is two after the opening one, for both kinds.
        if self.peek() == Some(bracket + 2) {
            self.at += 1;
            return Ok(false);
        }
        let is_object = bracket == b'{';
        open.objects = open.objects << 1 | u128::from(is_object);
        open.depth += 1;
        if is_object {
            self.name()?;
        }
        Ok(true)
    }

    /// Closes what ends after a value; true when another value must follow, false when the outermost has ended.
    fn after_value(&mut self, open: &mut Containers) -> Result<bool, InvalidJson> {
        while 0 < open.depth {
            self.skip_white_space();
            let is_object = open.innermost_is_object();
            match self.peek() {
                Some(b',') => {
                    self.at += 1;
                    self.skip_white_space();
                    if is_object {
                        self.name()?;
                    }
                    return Ok(true);
                }
                Some(b'}') if is_object => open.close(),
                Some(b']') if !is_object => open.close(),
                _ if is_object => return Err(self.wrong("`,` or `}` must stand here")),
                _ => return Err(self.wrong("`,` or `]` must stand here")),
            }
            self.at += 1;
        }
        Ok(false)
    }

    /// The name of a member with its colon.
    fn name(&mut self) -> Result<(), InvalidJson> {
        if self.peek() != Some(b'"') {
            return Err(self.wrong("the name of a member must stand here, in quotes"));
        }
        self.string()?;
        self.skip_white_space();
        if self.peek() != Some(b':') {
            return Err(self.wrong("`:` must stand here"));
        }
        self.at += 1;
        self.skip_white_space();
        Ok(())
    }

    fn string(&mut self) -> Result<(), InvalidJson> {
        self.at += 1;
        loop {
            self.at += plain_bytes(&self.text[self.at..]);
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(());
                }
                Some(b'\\') => self.escape()?,
                Some(_) => return Err(self.wrong("a control character in a string must be escaped")),
                None => return Err(self.wrong("the text ends inside a string")),
            }
        }
    }

    fn escape(&mut self) -> Result<(), InvalidJson> {
        match self.text.get(self.at + 1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => {
                self.at += 2;
                Ok(())
            }
            Some(b'u') => self.unicode_escape(),
            Some(_) => Err(self.wrong("no such escape")),
            None => Err(InvalidJson { at: self.text.len(), what: "the text ends inside a string" }),
        }
    }

    fn unicode_escape(&mut self) -> Result<(), InvalidJson> {
        const HALF: &str = "half a surrogate pair; both halves must be there, the higher first";
        let start = self.at;
        match self.code_unit()? {
            0xd800..=0xdbff => {
                let has_second = self.text[self.at..].starts_with(b"\\u");
                if has_second && (0xdc00..=0xdfff).contains(&self.code_unit()?) {
                    Ok(())
                } else {
                    Err(InvalidJson { at: start, what: HALF })
                }
            }
            0xdc00..=0xdfff => Err(InvalidJson { at: start, what: HALF }),
            _ => Ok(()),
        }
    }

    /// The number of a `\uXXXX`, where the scanner stands.
    fn code_unit(&mut self) -> Result<u32, InvalidJson> {
        let digits = self.text.get(self.at + 2..self.at + 6).unwrap_or_default();
        let mut unit = 0;
        for &byte in digits {
            let Some(digit) = char::from(byte).to_digit(16) else {
                return Err(self.wrong("`\\u` takes four hexadecimal digits"));
            };
            unit = unit << 4 | digit;
        }
        if digits.is_empty() {
            return Err(self.wrong("`\\u` takes four hexadecimal digits"));
        }
        self.at += 6;
        Ok(unit)
    }

    fn number(&mut self) -> Result<(), InvalidJson> {
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        if self.peek() == Some(b'0') {
            self.at += 1;
            if self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
                return Err(self.wrong("a number can't begin with 0"));
            }
        } else {
            self.digits()?;
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(())
    }

    fn digits(&mut self) -> Result<(), InvalidJson> {
        let count = self.text[self.at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        if count == 0 {
            return Err(self.wrong("a number needs a digit here"));
        }
        self.at += count;
        Ok(())
    }

    fn literal(&mut self, word: &[u8]) -> Result<(), InvalidJson> {
        if !self.text[self.at..].starts_with(word) {
            return Err(self.wrong("only `true`, `false` and `null` stand without quotes"));
        }
        self.at += word.len();
        Ok(())
    }

    /// Nothing but white space may be left.
    fn end(&mut self) -> Result<(), InvalidJson> {
        self.skip_white_space();
        match self.peek() {
            None => Ok(()),
            Some(_) => Err(self.wrong("something follows the value")),
        }
    }

    fn skip_white_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\n' | b'\r' | b'\t')) {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn wrong(&self, what: &'static str) -> InvalidJson {
        InvalidJson { at: self.at, what }
    }
}
