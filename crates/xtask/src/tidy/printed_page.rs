//! Pages that are printed from the code are fresh.

use crate::printed_page::PrintedPage;
use crate::workspace::Workspace;
use std::fs;

/// Whether somebody has to run its chore.
pub(super) fn check(page: PrintedPage, workspace: &Workspace) -> Vec<String> {
    let written = fs::read_to_string(workspace.root().join(page.path)).unwrap_or_default();
    match page.print(workspace) {
        Ok(fresh) if fresh == written => Vec::new(),
        Ok(_) => vec![format!("{} is stale: run `cargo xtask {}`", page.path, page.chore)],
        Err(error) => vec![format!("{error:#}")],
    }
}
