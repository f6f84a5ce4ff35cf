//! Every file begins by saying what it owns.

use super::source_files::SourceFile;

/// The files that don't.
pub(super) fn check(files: &[SourceFile]) -> Vec<String> {
    let silent = files.iter().filter(|file| !begins_with_docs(&file.text));
    silent.map(|file| format!("{} does not begin with `//!`", file.path.display())).collect()
}

fn begins_with_docs(text: &str) -> bool {
    text.lines()
        .next()
        .is_some_and(|line| line.strip_prefix("//! ").is_some_and(|doc| !doc.trim().is_empty()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_sentence_counts() {
        assert!(begins_with_docs("//! Offsets.\n"));
        assert!(!begins_with_docs("//!\n"));
        assert!(!begins_with_docs("// Offsets.\n"));
        assert!(!begins_with_docs(""));
    }
}
