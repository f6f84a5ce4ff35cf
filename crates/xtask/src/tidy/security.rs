//! The threat model names the test behind each of its lines: they all exist.

use crate::workspace::Workspace;
use anyhow::Context;
use std::fs;
use std::path::Path;

const PAGE: &str = "SECURITY.md";

/// What the page names and nobody has written.
pub(super) fn check(workspace: &Workspace) -> anyhow::Result<Vec<String>> {
    let page = fs::read_to_string(workspace.root().join(PAGE)).context(PAGE)?;
    let mut complaints = Vec::new();
    for claim in page.lines().flat_map(claims_of) {
        let mut sources = String::new();
        read_all(&workspace.root().join(claim.place), &mut sources)
            .with_context(|| format!("{PAGE}: {}", claim.place))?;
        for test in claim.tests.iter().filter(|test| !has_test(&sources, test)) {
            complaints.push(format!("{PAGE}: no test `{test}` in {}", claim.place));
        }
    }
    Ok(complaints)
}

/// Tests that a part of a line names, and where they are.
#[derive(Debug, PartialEq, Eq)]
struct Claim<'a> {
    tests: Vec<&'a str>,
    place: &'a str,
}

/// What stands in a line: names of tests, and after them the place that has them.
fn claims_of(line: &str) -> Vec<Claim<'_>> {
    let mut claims = Vec::new();
    let mut tests = Vec::new();
    for quoted in line.split('`').skip(1).step_by(2) {
        if quoted.starts_with("crates/") || quoted.starts_with("conformance/") {
            claims.push(Claim { tests: std::mem::take(&mut tests), place: quoted });
        } else if is_test(quoted) {
            tests.push(quoted);
        }
    }
    claims
}

/// Whether that is a name as tests have them: a sentence, with underscores in Rust and with blanks in JavaScript.
fn is_test(quoted: &str) -> bool {
    const WORDS_MIN: usize = 4;
    let is_of_sentence = |character: char| {
        character.is_ascii_lowercase() || character.is_ascii_digit() || "_ ".contains(character)
    };
    quoted.chars().all(is_of_sentence) && WORDS_MIN <= quoted.split(['_', ' ']).count()
}

fn has_test(sources: &str, test: &str) -> bool {
    sources.contains(&format!("fn {test}(")) || sources.contains(&format!("test(\"{test}\""))
}

fn read_all(path: &Path, sources: &mut String) -> anyhow::Result<()> {
    if path.is_dir() {
        for entry in fs::read_dir(path)? {
            read_all(&entry?.path(), sources)?;
        }
        // The file that stands beside a folder of its name belongs to it.
        let module = path.with_extension("rs");
        if module.is_file() {
            read_all(&module, sources)?;
        }
    } else if path.extension().is_some_and(|extension| extension == "rs" || extension == "mjs") {
        sources.push_str(&fs::read_to_string(path)?);
    } else {
        anyhow::ensure!(path.exists(), "no such file or folder");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_names_tests_and_the_place_after_them() {
        let line = "| to try | `kid` | `it_is_refused_at_once`, `it_says_why_it_is` in `crates/a/tests`; `a page has nothing of it` in `conformance/b.mjs` |";
        let first =
            Claim { tests: vec!["it_is_refused_at_once", "it_says_why_it_is"], place: "crates/a/tests" };
        let second = Claim { tests: vec!["a page has nothing of it"], place: "conformance/b.mjs" };
        assert_eq!(claims_of(line), [first, second]);
    }

    #[test]
    fn a_test_is_known_by_how_its_language_begins_it() {
        assert!(has_test("fn it_works_as_told() {", "it_works_as_told"));
        assert!(has_test("test(\"it works as told\", () => {", "it works as told"));
        assert!(!has_test("// it_works_as_told", "it_works_as_told"));
    }
}
