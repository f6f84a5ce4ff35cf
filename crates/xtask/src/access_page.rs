//! The page `docs/access.md`: what each request is answered with each kind of token. A test of the server writes it, and compares it in every run.

use crate::workspace::{Workspace, cargo};
use anyhow::Context;
use std::process::Command;

/// What that test is told, to write in place of comparing.
const WRITES: &str = "TIDINGS_TEST_WRITE_ACCESS_PAGE";

/// Builds the server and writes the page.
pub(crate) fn write(workspace: &Workspace) -> anyhow::Result<bool> {
    let run = |arguments: &[&str]| -> anyhow::Result<bool> {
        let mut cargo = Command::new(cargo());
        cargo.args(arguments).current_dir(workspace.root()).env(WRITES, "1");
        Ok(cargo.status().context("cargo can't be run")?.success())
    };
    let test = ["test", "-p", "tidings-server", "--test", "worker", "the_page_says_what_the_server_answers"];
    Ok(run(&["build", "-p", "tidings-cli"])? && run(&test)?)
}
