//! The command line that repeats a comparison.

use super::CompareArguments;
use crate::command::compare::values::{Rate, duration_text};
use crate::hints::quoted;
use clap::ValueEnum;
use std::fmt::Display;
use tidings_compare::shown_url;
use tidings_model::Durability;

impl CompareArguments {
    /// The command line that repeats it. Every number is in it, so that other defaults don't change it; no secret is: findings and
    /// reports are shown to others.
    pub(super) fn command_line(&self, followers: &[usize], rates: &[Rate]) -> String {
        let mut line = Line(vec!["tidings compare".to_owned()]);
        line.flag("--followers", list(followers));
        line.flag("--messages", list(rates));
        line.flag("--bytes", self.bytes);
        line.flag("--poll-every", list(self.poll_every.0.iter().map(|every| duration_text(*every))));
        line.flag("--duration", duration_text(self.run_duration()));
        line.flag("--late", duration_text(self.late));
        line.flag("--streams", self.streams);
        line.maybe("--durability", self.durability.map(Durability::as_str));
        if !self.transports.is_empty() {
            let values = self.transports.iter().filter_map(ValueEnum::to_possible_value);
            line.flag("--transports", list(values.map(|value| value.get_name().to_owned())));
        }
        self.server(&mut line);
        line.maybe("--rtt", self.rtt.map(duration_text));
        line.maybe("--loss", self.loss.map(percent));
        line.switch("--quick", self.quick);
        line.switch("--sweep", self.sweep);
        line.switch("--trouble", self.trouble);
        line.0.join(" ")
    }

    fn server(&self, line: &mut Line) {
        line.maybe("--url", self.url.as_deref().map(shown_url));
        line.maybe("--speaks", self.speaks);
        line.maybe("--publish-url", self.publish_url.as_deref().map(shown_url));
        for header in &self.headers {
            let name = header.split(':').next().unwrap_or_default().trim();
            line.flag("--header", format!("{name}: …"));
        }
        line.maybe("--ca", self.certificates.as_ref().map(|file| file.display()));
    }
}

struct Line(Vec<String>);

impl Line {
    fn flag(&mut self, name: &str, value: impl Display) {
        self.0.push(format!("{name} {}", quoted(&value.to_string())));
    }

    fn maybe(&mut self, name: &str, value: Option<impl Display>) {
        if let Some(value) = value {
            self.flag(name, value);
        }
    }

    fn switch(&mut self, name: &str, is_on: bool) {
        if is_on {
            self.0.push(name.to_owned());
        }
    }
}

/// Values with commas between them.
fn list(values: impl IntoIterator<Item = impl Display>) -> String {
    let texts: Vec<String> = values.into_iter().map(|value| value.to_string()).collect();
    texts.join(",")
}

fn percent(part: f64) -> String {
    // Four digits are more than anybody writes, and hide what binary fractions add.
    format!("{}%", (part * 1e6).round() / 1e4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentage_has_the_digits_that_were_written() {
        assert_eq!(percent(0.07), "7%");
        assert_eq!(percent(0.025), "2.5%");
    }
}
