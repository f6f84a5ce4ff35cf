//! What was found, and how it is told: lines for a person, or JSON for a script.

use crate::style::{Ink, Style};
use serde_json::{Map, Value, json};
use std::io::{self, Write};

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Finding {
    /// A word or two: what it is about.
    about: &'static str,
    verdict: Verdict,
    /// What was found, with its numbers.
    found: String,
    /// What to do about it.
    advice: Option<String>,
    /// The numbers again, for scripts.
    facts: Map<String, Value>,
}

/// What follows from a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Verdict {
    /// As it should be.
    Good,
    /// It works, and could be better, or could not be found out.
    Doubtful,
    /// It does not work.
    Bad,
}

impl Verdict {
    fn word(self) -> &'static str {
        match self {
            Verdict::Good => "good",
            Verdict::Doubtful => "doubtful",
            Verdict::Bad => "bad",
        }
    }

    fn mark(self) -> (&'static str, Ink) {
        match self {
            Verdict::Good => ("✓", Ink::Good),
            Verdict::Doubtful => ("!", Ink::Yellow),
            Verdict::Bad => ("✗", Ink::Alarm),
        }
    }
}

impl Finding {
    pub(super) fn good(about: &'static str, found: impl Into<String>) -> Finding {
        Finding::new(about, Verdict::Good, found.into(), None)
    }

    pub(super) fn doubtful(
        about: &'static str,
        found: impl Into<String>,
        advice: impl Into<String>,
    ) -> Finding {
        Finding::new(about, Verdict::Doubtful, found.into(), Some(advice.into()))
    }

    pub(super) fn bad(about: &'static str, found: impl Into<String>, advice: impl Into<String>) -> Finding {
        Finding::new(about, Verdict::Bad, found.into(), Some(advice.into()))
    }

    fn new(about: &'static str, verdict: Verdict, found: String, advice: Option<String>) -> Finding {
        Finding { about, verdict, found, advice, facts: Map::new() }
    }

    /// A number of it, for scripts.
    pub(super) fn with(mut self, name: &str, value: impl Into<Value>) -> Finding {
        self.facts.insert(name.to_owned(), value.into());
        self
    }

    pub(super) fn verdict(&self) -> Verdict {
        self.verdict
    }

    /// What it is about comes first, in a column of its own; advice goes below.
    pub(super) fn print(&self, out: &mut impl Write, style: Style) -> io::Result<()> {
        const ABOUT_COLUMNS: usize = 16;
        let (mark, ink) = self.verdict.mark();
        let about = style.paint(Ink::Bold, format!("{:<ABOUT_COLUMNS$}", self.about));
        writeln!(out, "{} {about} {}", style.paint(ink, mark), self.found)?;
        if let Some(advice) = &self.advice {
            writeln!(out, "  {:<ABOUT_COLUMNS$} {}", "", style.paint(Ink::Faint, advice))?;
        }
        Ok(())
    }

    pub(super) fn to_json(&self) -> Value {
        json!({
            "about": self.about,
            "verdict": self.verdict.word(),
            "found": self.found,
            "advice": self.advice,
            "facts": self.facts,
        })
    }
}

/// A size as a person reads it.
pub(super) fn bytes_text(bytes: u64) -> String {
    const UNITS: [(&str, u64); 4] = [("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
    let Some((unit, size)) = UNITS.into_iter().find(|(_, size)| *size <= bytes) else {
        return format!("{bytes} bytes");
    };
    match bytes / size {
        whole if whole < 100 => format!("{whole}.{} {unit}", bytes % size * 10 / size),
        whole => format!("{whole} {unit}"),
    }
}

/// A time as a person reads it.
pub(super) fn time_text(time: std::time::Duration) -> String {
    let ms = time.as_secs_f64() * 1_000.0;
    match ms {
        ms if ms < 1.0 => format!("{:.0} µs", ms * 1_000.0),
        ms if ms < 10.0 => format!("{ms:.1} ms"),
        ms if ms < 10_000.0 => format!("{ms:.0} ms"),
        ms => format!("{:.0} s", ms / 1_000.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_finding_is_told_to_people_and_to_scripts() {
        let finding = Finding::bad("disk room", "3 MiB", "make room").with("bytes", 3 << 20);
        let mut text = Vec::new();
        finding.print(&mut text, Style::Plain).unwrap();
        assert_eq!(
            String::from_utf8(text).unwrap(),
            "✗ disk room        3 MiB\n                   make room\n"
        );
        let told = json!({"about": "disk room", "verdict": "bad", "found": "3 MiB", "advice": "make room", "facts": {"bytes": 3 << 20}});
        assert_eq!(finding.to_json(), told);
    }

    #[test]
    fn sizes_and_times_are_short() {
        assert_eq!(bytes_text(999), "999 bytes");
        assert_eq!(bytes_text(17 << 20), "17.0 MiB");
        assert_eq!(bytes_text(900 << 30), "900 GiB");
        assert_eq!(time_text(Duration::from_micros(85)), "85 µs");
        assert_eq!(time_text(Duration::from_micros(8_450)), "8.4 ms");
        assert_eq!(time_text(Duration::from_secs(70)), "70 s");
    }
}
