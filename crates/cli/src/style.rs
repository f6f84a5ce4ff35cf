//! Colours, where a person sees them.

use std::fmt;
use std::io::IsTerminal;

/// Whether text is coloured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    /// For a pipe or a file, or because `NO_COLOR` asks for it.
    Plain,
    /// For a person on a terminal.
    Coloured,
}

/// What a piece of text is, so that it can be told from the rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ink {
    /// Beside what matters: offsets, times, the status line.
    Faint,
    /// The head of a table.
    Bold,
    /// The name of a stream.
    Name,
    /// What went wrong.
    Alarm,
    /// What is as it should be, or the best.
    Good,
    /// One of several things that are told apart.
    Yellow,
    /// Another one.
    Magenta,
}

impl Style {
    /// What suits an output: colour on a terminal, unless the environment says no (<https://no-color.org>).
    pub(crate) fn of(output: &impl IsTerminal) -> Style {
        let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|value| value == "dumb");
        if output.is_terminal() && !refused && !dumb { Style::Coloured } else { Style::Plain }
    }

    /// A value that is written in that ink.
    pub(crate) fn paint<T: fmt::Display>(self, ink: Ink, value: T) -> Painted<T> {
        Painted { style: self, ink, value }
    }
}

/// A value and its ink.
pub(crate) struct Painted<T> {
    style: Style,
    ink: Ink,
    value: T,
}

impl<T: fmt::Display> fmt::Display for Painted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let code = match (self.style, self.ink) {
            (Style::Plain, _) => return self.value.fmt(f),
            (Style::Coloured, Ink::Faint) => 2,
            (Style::Coloured, Ink::Bold) => 1,
            (Style::Coloured, Ink::Name) => 36,
            (Style::Coloured, Ink::Alarm) => 31,
            (Style::Coloured, Ink::Good) => 32,
            (Style::Coloured, Ink::Yellow) => 33,
            (Style::Coloured, Ink::Magenta) => 35,
        };
        write!(f, "\x1b[{code}m")?;
        self.value.fmt(f)?;
        f.write_str("\x1b[0m")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_text_has_no_escapes() {
        assert_eq!(Style::Plain.paint(Ink::Alarm, "x").to_string(), "x");
        assert_eq!(Style::Coloured.paint(Ink::Alarm, "x").to_string(), "\x1b[31mx\x1b[0m");
        assert_eq!(format!("{:<3}|", Style::Plain.paint(Ink::Bold, "x")), "x  |");
    }
}
