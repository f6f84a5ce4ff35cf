//! Licences, bans and sources of what is built in, by cargo-deny; `deny.toml` says what may.

use crate::workspace::{Workspace, cargo};
use anyhow::{Context, ensure};
use std::path::PathBuf;
use std::process::Command;

/// Checks all three; whether all is allowed. Installs cargo-deny beside the build where it is missing.
pub(crate) fn run(workspace: &Workspace) -> anyhow::Result<bool> {
    let deny = installed(workspace)?;
    let status = Command::new(deny)
        .current_dir(workspace.root())
        // Nothing is asked of the network: the advisories, which need it, are not among these.
        .args(["--locked", "check", "--hide-inclusion-graph", "licenses", "bans", "sources"])
        .env("CARGO", cargo())
        .status()
        .context("cargo-deny")?;
    let counts = if status.success() { "1 passed, 0 failed" } else { "0 passed, 1 failed" };
    println!("deny: {counts}");
    Ok(status.success())
}

fn installed(workspace: &Workspace) -> anyhow::Result<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let tools = workspace.root().join("target/tools");
    let folders = std::env::split_paths(&path).chain([tools.join("bin")]);
    let mut programs = folders.map(|folder| folder.join("cargo-deny"));
    if let Some(program) = programs.find(|program| program.is_file()) {
        return Ok(program);
    }
    println!("cargo-deny is missing: it looks at licences, bans and sources");
    // Built without optimisation, which takes a third of the time; it has little to do.
    let status = Command::new(cargo())
        .args(["install", "--quiet", "--locked", "--debug", "cargo-deny", "--root"])
        .arg(&tools)
        .status()
        .context("cargo install")?;
    ensure!(status.success(), "cargo install cargo-deny: {status}");
    Ok(tools.join("bin/cargo-deny"))
}
