//! The commented settings file that `tidings config default` prints.

use super::access::{KEYS_KEYS, RIGHTS_KEYS};
use super::origins::ORIGINS_KEYS;
use super::rule::RULE_KEYS;
use super::{Definition, SETTINGS};
use std::fmt::Write as _;

/// How wide a comment may be.
const COLUMNS_MAX: usize = 100;

/// A TOML file with every setting at its default, each with what it is for.
pub fn default_file() -> String {
    let mut text = String::from(
        "# Settings of a tidings server: `tidings serve --config FILE`, or `tidings.toml` in the folder where it starts.\n\
         # What is not here has its default, as below. An environment variable (TIDINGS_LISTEN) beats this file, and a\n\
         # flag (--listen) beats both.\n",
    );
    let mut group = "";
    for setting in SETTINGS.iter().filter(|setting| !setting.hidden) {
        if setting.group != group {
            group = setting.group;
            let _always_fits = write!(text, "\n\n# {group}\n");
        }
        text.push('\n');
        push_comment(&mut text, "#", &setting.told());
        let _always_fits = writeln!(text, "{} = {}", setting.key, toml_value(setting));
    }
    text.push_str("\n\n# Streams\n\n");
    push_comment(
        &mut text,
        "#",
        "Settings for streams by their names; take away the `#` to use them. For each key the first table that \
         matches and names it wins. What a stream was created with beats them all.",
    );
    text.push_str("#\n# [[streams]]\n");
    for rule in &RULE_KEYS {
        push_comment(&mut text, "# #", rule.doc);
        let _always_fits = writeln!(text, "# {} = {}", rule.key, rule.example);
    }
    text.push_str("\n\n# Rights\n\n");
    push_comment(
        &mut text,
        "#",
        "Who may do what, beside what tokens grant by themselves; take away the `#` to use them.",
    );
    for (table, keys) in [("rights", &RIGHTS_KEYS[..]), ("keys", &KEYS_KEYS), ("origins", &ORIGINS_KEYS)] {
        let _always_fits = write!(text, "#\n# [[{table}]]\n");
        for (key, example, doc) in keys {
            push_comment(&mut text, "# #", doc);
            let _always_fits = writeln!(text, "# {key} = {example}");
        }
    }
    text
}

fn toml_value(setting: &Definition) -> String {
    if setting.kind == super::kind::COUNT.name {
        setting.default.to_owned()
    } else {
        format!("{:?}", setting.default)
    }
}

/// Breaks a paragraph into lines that begin with a mark.
fn push_comment(text: &mut String, mark: &str, paragraph: &str) {
    let mut columns = COLUMNS_MAX;
    for word in paragraph.split_whitespace() {
        if COLUMNS_MAX < columns + 1 + word.len() {
            let line_end = if text.ends_with('\n') { "" } else { "\n" };
            let _always_fits = write!(text, "{line_end}{mark}");
            columns = mark.len();
        }
        let _always_fits = write!(text, " {word}");
        columns += 1 + word.len();
    }
    text.push('\n');
}

#[cfg(test)]
mod tests {
    use super::super::SettingsInput;
    use super::*;

    #[test]
    fn the_default_file_says_the_defaults() {
        let text = default_file();
        let settings = SettingsInput::parse_toml(&text, "t.toml").unwrap().resolve().unwrap();
        let defaults = SettingsInput::default().resolve().unwrap();
        assert_eq!(format!("{settings:?}"), format!("{defaults:?}"));
        for setting in SETTINGS {
            assert_eq!(text.contains(&format!("\n{} = ", setting.key)), !setting.hidden, "{}", setting.key);
        }
    }

    #[test]
    fn its_table_of_streams_is_valid_once_uncommented() {
        let text = default_file();
        let at = text.find("# [[streams]]").unwrap();
        let lines = text[at..].lines().map(|line| line.trim_start_matches("# "));
        let table: Vec<&str> = lines.filter(|line| line.contains(" = ") || line.starts_with('[')).collect();
        let table = table.join("\n");
        assert!(SettingsInput::parse_toml(&table, "t.toml").is_ok(), "{table}");
    }
}
