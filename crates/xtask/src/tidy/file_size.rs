//! A file holds one idea, and one idea is not that long.

use super::source_files::SourceFile;

const LINES_MAX: usize = 700;

/// The files that are longer.
pub(super) fn check(files: &[SourceFile]) -> Vec<String> {
    let sizes = files.iter().map(|file| (file, file.text.lines().count()));
    let long = sizes.filter(|(_, lines)| LINES_MAX < *lines);
    long.map(|(file, lines)| format!("{} has {lines} lines, more than {LINES_MAX}", file.path.display()))
        .collect()
}
