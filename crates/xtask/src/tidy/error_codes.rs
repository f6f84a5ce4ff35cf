//! Error codes: the code and the documentation list the same, with the same statuses.

use anyhow::Context;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

const SOURCE: &str = "crates/protocol/src/error_code.rs";
const PAGE: &str = "docs/protocol.md";

/// Where the two differ.
pub(super) fn check(root: &Path) -> anyhow::Result<Vec<String>> {
    let read = |path: &str| fs::read_to_string(root.join(path)).with_context(|| path.to_owned());
    Ok(complaints(&in_source(&read(SOURCE)?), &in_page(&read(PAGE)?)))
}

/// Codes with their statuses.
type Codes = BTreeMap<String, String>;

fn complaints(source: &Codes, page: &Codes) -> Vec<String> {
    let mut complaints = Vec::new();
    if source.is_empty() || page.is_empty() {
        complaints.push(format!("{SOURCE} lists {} codes, {PAGE} {}", source.len(), page.len()));
    }
    for (code, status) in source {
        match page.get(code) {
            None => complaints.push(format!("`{code}` is not in {PAGE}")),
            Some(told) if told != status => {
                complaints.push(format!("`{code}` is {status}, but {told} in {PAGE}"));
            }
            Some(_) => {}
        }
    }
    let unknown = page.keys().filter(|code| !source.contains_key(*code));
    complaints.extend(unknown.map(|code| format!("`{code}` of {PAGE} is not in {SOURCE}")));
    complaints
}

/// Lines such as `InvalidName = "invalid_name", 400, Never, "Invalid stream name";`.
fn in_source(text: &str) -> Codes {
    let lines = text.lines().filter_map(|line| line.trim().split_once(" = \""));
    lines
        .filter_map(|(_, rest)| {
            let (code, rest) = rest.split_once("\", ")?;
            let (status, _) = rest.split_once(',')?;
            status.parse::<u16>().ok()?;
            Some((code.to_owned(), status.to_owned()))
        })
        .collect()
}

/// Rows such as ``| `invalid_name` | 400 | …``, in the chapter "Errors". A status in brackets is one that is never sent.
fn in_page(text: &str) -> Codes {
    let chapter = text.split("\n## Errors\n").nth(1).and_then(|rest| rest.split("\n## ").next());
    let rows = chapter.unwrap_or_default().lines().filter_map(|line| line.strip_prefix("| `"));
    rows.filter_map(|row| {
        let (code, rest) = row.split_once("` | ")?;
        let (status, _) = rest.split_once(" |")?;
        Some((code.to_owned(), status.trim_matches(['(', ')']).to_owned()))
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_lists_are_read_and_compared() {
        let source =
            in_source("    A = \"a_code\", 400, Never, \"A\";\n    B = \"b_code\", 409, Later, \"B\";\n");
        let page = in_page(
            "# x\n## Errors\n\n| code | status |\n|---|---|\n| `a_code` | (400) | no |\n\n## Limits\n| `c` | 1 |\n",
        );
        assert_eq!(complaints(&source, &page), ["`b_code` is not in docs/protocol.md"]);
        let other = in_page(
            "\n## Errors\n| `a_code` | 404 | no |\n| `b_code` | 409 | no |\n| `c_code` | 400 | no |\n",
        );
        let told = complaints(&source, &other);
        assert_eq!(told.len(), 2);
        assert_eq!(told[0], "`a_code` is 400, but 404 in docs/protocol.md");
        assert_eq!(complaints(&Codes::new(), &Codes::new()).len(), 1);
    }
}
