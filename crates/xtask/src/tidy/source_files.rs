//! The files that are checked.

use crate::workspace::Workspace;
use anyhow::Context;
use std::fs;
use std::path::{Path, PathBuf};

/// One of our Rust files.
#[derive(Debug)]
pub(super) struct SourceFile {
    /// From the root of the repository.
    pub(super) path: PathBuf,
    pub(super) text: String,
}

/// All Rust files of all our crates.
pub(super) fn source_files(workspace: &Workspace) -> anyhow::Result<Vec<SourceFile>> {
    let mut files = Vec::new();
    for package in workspace.packages() {
        for folder in ["src", "tests", "benches", "examples"] {
            collect(&package.folder.join(folder), workspace.root(), &mut files)?;
        }
    }
    files.sort_by(|one, two| one.path.cmp(&two.path));
    Ok(files)
}

fn collect(folder: &Path, root: &Path, files: &mut Vec<SourceFile>) -> anyhow::Result<()> {
    if !folder.is_dir() {
        return Ok(());
    }
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, root, files)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
            files.push(SourceFile { path: path.strip_prefix(root).unwrap_or(&path).to_owned(), text });
        }
    }
    Ok(())
}
