//! How simple each way is: the lines of a complete client, as `examples/plain` has it.
//!
//! A client is complete when it gives every message once and in order over lost connections, restarts and resets; a test runs each. Lines
//! are counted without comments and empty ones.

use crate::findings::ClientLines;

/// A language, by how its comments look.
#[derive(Clone, Copy)]
enum Language {
    /// `//` to the end of a line, `/* */` over several.
    JavaScript,
    /// `#` to the end of a line; its first line names the shell.
    Shell,
}

struct Client {
    way: &'static str,
    language: Language,
    file: &'static str,
    text: &'static str,
}

/// The client in a file of `examples/plain`.
macro_rules! client {
    ($way:literal, $language:ident, $name:literal) => {
        Client {
            way: $way,
            language: Language::$language,
            file: concat!("examples/plain/", $name),
            text: include_str!(concat!("../../../examples/plain/", $name)),
        }
    };
}

const CLIENTS: &[Client] = &[
    client!("poll", JavaScript, "poll.js"),
    client!("poll", Shell, "poll.sh"),
    client!("long-poll", JavaScript, "long-poll.js"),
    client!("long-poll", Shell, "long-poll.sh"),
    client!("sse", JavaScript, "sse.js"),
    client!("sse", Shell, "sse.sh"),
    client!("websocket", JavaScript, "websocket.js"),
    client!("websocket", Shell, "websocket.sh"),
];

/// The lines of each complete client, in JavaScript and for a shell.
pub fn clients() -> Vec<ClientLines> {
    CLIENTS.iter().map(measured).collect()
}

fn measured(client: &Client) -> ClientLines {
    ClientLines {
        way: client.way.to_owned(),
        language: client.language.name().to_owned(),
        file: client.file.to_owned(),
        lines: client.language.lines_of_code(client.text),
    }
}

impl Language {
    fn name(self) -> &'static str {
        match self {
            Language::JavaScript => "JavaScript",
            Language::Shell => "shell",
        }
    }

    /// How many lines are neither empty nor nothing but a comment.
    fn lines_of_code(self, text: &str) -> usize {
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        match self {
            Language::Shell => lines.filter(|line| !line.starts_with('#')).count(),
            Language::JavaScript => {
                let mut is_in_comment = false;
                lines.filter(|line| is_javascript(line, &mut is_in_comment)).count()
            }
        }
    }
}

/// Whether a line holds code, where a comment of several lines begins and ends at lines of its own.
fn is_javascript(line: &str, is_in_comment: &mut bool) -> bool {
    let begins = line.starts_with("/*");
    if !*is_in_comment && !begins {
        return !line.starts_with("//");
    }
    *is_in_comment = !line.ends_with("*/");
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_empty_lines_are_no_code() {
        let javascript = "// what\n\n/**\n * why\n\n * const a = 1;\n */\nconst a = 1; // one\n  // so\n/* short */\n\tb(); /* c */\n";
        assert_eq!(Language::JavaScript.lines_of_code(javascript), 2);
        let shell = "#!/usr/bin/env bash\n# what\n\na=1 # one\n  # so\necho \"#\"\n";
        assert_eq!(Language::Shell.lines_of_code(shell), 2);
    }

    #[test]
    fn each_way_has_a_client_in_each_language() {
        let clients = clients();
        for way in ["poll", "long-poll", "sse", "websocket"] {
            for language in ["JavaScript", "shell"] {
                let of_both = |client: &&ClientLines| client.way == way && client.language == language;
                let found = clients.iter().find(of_both).unwrap_or_else(|| panic!("{way}, {language}"));
                assert!((15..100).contains(&found.lines), "{found:?}");
            }
        }
        assert_eq!(clients.len(), 8);
    }

    #[test]
    fn the_page_names_the_lines_that_are_counted() {
        let page = include_str!("../../../docs/which-transport.md");
        let clients = clients();
        let lines = |way: &str, language: &str| {
            clients.iter().find(|client| client.way == way && client.language == language).unwrap().lines
        };
        for (way, name) in
            [("poll", "polling"), ("long-poll", "long polling"), ("sse", "SSE"), ("websocket", "WebSocket")]
        {
            let row = format!("| {name} | {} | {} |", lines(way, "JavaScript"), lines(way, "shell"));
            assert!(page.lines().any(|line| line == row), "docs/which-transport.md lacks the line {row}");
        }
    }
}
