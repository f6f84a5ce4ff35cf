//! The page of settings, which an example of the server prints from the table of settings.

use crate::workspace::{Workspace, all_but_crash_tested, cargo};
use anyhow::{Context, ensure};
use std::fs;
use std::process::Command;

/// Where it stands, from the root of the repository.
pub(crate) const PATH: &str = "docs/settings.md";

const EXAMPLE: &str = "settings_page";

/// What the page has to be.
pub(crate) fn print(workspace: &Workspace) -> anyhow::Result<String> {
    let built = Command::new(cargo())
        .args(["build", "--quiet", "--example", EXAMPLE])
        .args(all_but_crash_tested())
        .status()
        .context("cargo build")?;
    ensure!(built.success(), "cargo build --example {EXAMPLE}: {built}");
    let output = Command::new(workspace.example(EXAMPLE)).output().context(EXAMPLE)?;
    ensure!(output.status.success(), "settings_page: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).context("the page of settings is text")
}

/// Writes it.
pub(crate) fn write(workspace: &Workspace) -> anyhow::Result<bool> {
    fs::write(workspace.root().join(PATH), print(workspace)?).context(PATH)?;
    Ok(true)
}
