//! The page of settings, which an example of the server prints from the table of settings.

use crate::workspace::{Workspace, cargo};
use anyhow::{Context, ensure};
use std::fs;
use std::process::Command;

/// Where it stands, from the root of the repository.
pub(crate) const PATH: &str = "docs/settings.md";

/// What the page has to be.
pub(crate) fn print() -> anyhow::Result<String> {
    let output = Command::new(cargo())
        .args(["run", "--quiet", "--package", "tidings-server", "--example", "settings_page"])
        .output()
        .context("cargo run")?;
    ensure!(output.status.success(), "settings_page: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).context("the page of settings is text")
}

/// Writes it.
pub(crate) fn write(workspace: &Workspace) -> anyhow::Result<bool> {
    fs::write(workspace.root().join(PATH), print()?).context(PATH)?;
    Ok(true)
}
