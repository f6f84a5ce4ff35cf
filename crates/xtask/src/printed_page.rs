//! Pages of the documentation that an example of the server prints from its tables.

use crate::workspace::{Workspace, all_but_crash_tested, cargo};
use anyhow::{Context, ensure};
use std::fs;
use std::process::Command;

/// One of these pages.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PrintedPage {
    /// Where it stands, from the root of the repository.
    pub(crate) path: &'static str,
    /// The chore that writes it.
    pub(crate) chore: &'static str,
    example: &'static str,
}

/// Every setting.
pub(crate) const SETTINGS: PrintedPage =
    PrintedPage { path: "docs/settings.md", chore: "settings", example: "settings_page" };

/// Every metric.
pub(crate) const METRICS: PrintedPage =
    PrintedPage { path: "docs/metrics.md", chore: "metrics", example: "metrics_page" };

impl PrintedPage {
    /// What the page has to be.
    pub(crate) fn print(self, workspace: &Workspace) -> anyhow::Result<String> {
        let PrintedPage { example, .. } = self;
        // All of them in one go: the second page costs no second look at what has to be built.
        let examples = [SETTINGS, METRICS].map(|page| ["--example", page.example]);
        let built = Command::new(cargo())
            .args(["build", "--quiet"])
            .args(examples.concat())
            .args(all_but_crash_tested())
            .status()
            .context("cargo build")?;
        ensure!(built.success(), "cargo build --example {example}: {built}");
        let output = Command::new(workspace.example(example)).output().context(example)?;
        ensure!(output.status.success(), "{example}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).context("a printed page is text")
    }

    /// Writes it.
    pub(crate) fn write(self, workspace: &Workspace) -> anyhow::Result<bool> {
        fs::write(workspace.root().join(self.path), self.print(workspace)?).context(self.path)?;
        Ok(true)
    }
}
