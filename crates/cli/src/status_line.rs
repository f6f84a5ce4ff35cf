//! The last line of a terminal, on standard error: how a follow is getting on.

use crate::style::{Ink, Style};
use std::fmt;
use std::io::{self, IsTerminal, Write};

/// A line that is rewritten in place, and gone when this is dropped. Where standard error is no terminal there is none.
pub(crate) struct StatusLine<W: Write> {
    out: W,
    mode: Mode,
    style: Style,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    /// No terminal: only notices are written.
    Off,
    /// Nothing stands in the line.
    Clear,
    /// A status stands in the line.
    Shown,
}

/// Back to the first column, and everything in the line removed.
const CLEAR: &str = "\r\x1b[K";

impl StatusLine<io::Stderr> {
    /// The line of this process's standard error.
    pub(crate) fn on_stderr() -> StatusLine<io::Stderr> {
        let out = io::stderr();
        let mode = if out.is_terminal() { Mode::Clear } else { Mode::Off };
        StatusLine { style: Style::of(&out), mode, out }
    }
}

impl<W: Write> StatusLine<W> {
    /// A line of something that is taken for a terminal without colours.
    #[cfg(test)]
    pub(crate) fn on_terminal(out: W) -> StatusLine<W> {
        StatusLine { out, mode: Mode::Clear, style: Style::Plain }
    }

    /// Takes the line away, so that messages can be written where it stood.
    pub(crate) fn clear(&mut self) {
        if self.mode == Mode::Shown {
            self.write(CLEAR);
            self.mode = Mode::Clear;
        }
    }

    /// Shows how it is getting on, in place of what was shown before.
    pub(crate) fn show(&mut self, status: impl fmt::Display) {
        if self.mode != Mode::Off {
            let status = self.style.paint(Ink::Faint, status).to_string();
            self.write(&format!("{CLEAR}{status}"));
            self.mode = Mode::Shown;
        }
    }

    /// Writes a line that stays, terminal or not.
    pub(crate) fn notice(&mut self, text: impl fmt::Display) {
        self.clear();
        self.write(&format!("tidings: {text}\n"));
    }

    /// Standard error may be closed: then nobody wants to know.
    fn write(&mut self, text: &str) {
        let _nobody_listens = self.out.write_all(text.as_bytes()).and_then(|()| self.out.flush());
    }
}

/// After Ctrl-C too, the shell finds an empty line.
impl<W: Write> Drop for StatusLine<W> {
    fn drop(&mut self) {
        self.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(mode: Mode, steps: impl Fn(&mut StatusLine<&mut Vec<u8>>)) -> String {
        let mut out = Vec::new();
        steps(&mut StatusLine { out: &mut out, mode, style: Style::Plain });
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_status_is_replaced_and_taken_away_in_the_end() {
        let text = written(Mode::Clear, |line| {
            line.clear();
            line.show("sse");
            line.notice("lost");
            line.show("poll");
        });
        assert_eq!(text, "\r\x1b[Ksse\r\x1b[Ktidings: lost\n\r\x1b[Kpoll\r\x1b[K");
    }

    #[test]
    fn without_a_terminal_only_notices_are_written() {
        let text = written(Mode::Off, |line| {
            line.show("sse");
            line.clear();
            line.notice("lost");
        });
        assert_eq!(text, "tidings: lost\n");
    }
}
