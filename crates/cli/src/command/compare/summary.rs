//! The findings as a person reads them on a terminal: the table or the map, what follows from it, and what else is to be known.

use crate::style::{Ink, Style};
use std::io::{self, Write};
use tidings_compare::{Findings, Palette, Tone, write_map, write_table};

/// How wide sentences are: what the table has, too.
const COLUMNS: usize = 100;

/// Writes it.
pub(super) fn write(findings: &Findings, style: Style, out: &mut impl Write) -> io::Result<()> {
    let palette = Inks(style);
    if let Some(sweep) = &findings.sweep {
        write_map(sweep, &palette, out)?;
    }
    write_table(findings, &palette, out)?;
    write_sentences(&findings.verdict, str::to_owned, out)?;
    write_sentences(&findings.notes, |line| style.paint(Ink::Faint, line).to_string(), out)
}

/// Each sentence begins a line; an empty line is before them.
fn write_sentences(
    sentences: &[String],
    painted: impl Fn(&str) -> String,
    out: &mut impl Write,
) -> io::Result<()> {
    if sentences.is_empty() {
        return Ok(());
    }
    writeln!(out)?;
    for line in sentences.iter().flat_map(|sentence| lines(sentence)) {
        writeln!(out, "{}", painted(&line))?;
    }
    Ok(())
}

/// A text in lines without what a terminal takes for commands (findings may come from elsewhere), of at most [`COLUMNS`] characters; a longer word has one of its own.
fn lines(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let text = text.replace(char::is_control, " ");
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= COLUMNS => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// The inks of the terminal for the tones of a table.
struct Inks(Style);

impl Palette for Inks {
    fn paint(&self, tone: Tone, text: &str) -> String {
        let ink = match tone {
            Tone::Plain => return text.to_owned(),
            Tone::Head => Ink::Bold,
            Tone::Best | Tone::Good | Tone::Way(0) => Ink::Good,
            Tone::Faint => Ink::Faint,
            Tone::Alarm => Ink::Alarm,
            // Ways that are next to each other have colours that are told apart well.
            Tone::Way(1 | 2) => Ink::Yellow,
            Tone::Way(3) => Ink::Name,
            Tone::Way(_) => Ink::Magenta,
        };
        self.0.paint(ink, text).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_are_as_wide_as_the_table() {
        let text = "word ".repeat(60);
        let lines = lines(&text);
        assert!(lines.iter().all(|line| line.chars().count() <= COLUMNS), "{lines:?}");
        assert_eq!(lines.join(" "), text.trim_end());
        assert_eq!(super::lines(&"x".repeat(200)).len(), 1);
        assert_eq!(super::lines("a\x1b[2Jb"), ["a [2Jb"]);
    }

    #[test]
    fn a_pipe_gets_no_colours() {
        assert_eq!(Inks(Style::Plain).paint(Tone::Way(4), "WebSocket"), "WebSocket");
        assert_eq!(Inks(Style::Coloured).paint(Tone::Best, "1"), "\x1b[32m1\x1b[0m");
    }
}
