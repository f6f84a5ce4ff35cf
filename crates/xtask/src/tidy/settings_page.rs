//! The page of settings is printed from the code, and fresh.

use crate::settings_page;
use crate::workspace::Workspace;
use std::fs;

/// Whether somebody has to run `cargo xtask settings`.
pub(super) fn check(workspace: &Workspace) -> Vec<String> {
    let page = fs::read_to_string(workspace.root().join(settings_page::PATH)).unwrap_or_default();
    match settings_page::print(workspace) {
        Ok(fresh) if fresh == page => Vec::new(),
        Ok(_) => vec![format!("{} is stale: run `cargo xtask settings`", settings_page::PATH)],
        Err(error) => vec![format!("{error:#}")],
    }
}
