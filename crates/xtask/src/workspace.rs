//! What cargo knows of this repository.

use anyhow::{Context, ensure};
use serde_json::Value;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The workspace, as `cargo metadata` tells it.
#[derive(Debug)]
pub(crate) struct Workspace {
    root: PathBuf,
    target: PathBuf,
    packages: Vec<Package>,
}

/// One of our crates.
#[derive(Debug)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) folder: PathBuf,
    /// Which of our crates it uses.
    pub(crate) edges: Vec<Edge>,
}

/// The use of one of our crates by another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Edge {
    pub(crate) to: String,
    /// Whether only its tests use it.
    pub(crate) in_tests: bool,
}

impl Workspace {
    pub(crate) fn load() -> anyhow::Result<Workspace> {
        let output = Command::new(cargo())
            .args(["metadata", "--format-version", "1", "--no-deps"])
            .output()
            .context("cargo metadata")?;
        ensure!(output.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&output.stderr));
        Workspace::of_metadata(&serde_json::from_slice(&output.stdout)?)
    }

    fn of_metadata(metadata: &Value) -> anyhow::Result<Workspace> {
        let path = |name: &str| -> anyhow::Result<PathBuf> {
            Ok(PathBuf::from(metadata[name].as_str().with_context(|| format!("metadata without {name}"))?))
        };
        let listed = metadata["packages"].as_array().context("metadata without packages")?;
        let ours: Vec<&str> = listed.iter().filter_map(|package| package["name"].as_str()).collect();
        let packages = listed
            .iter()
            .map(|package| Package::of_metadata(package, &ours))
            .collect::<anyhow::Result<_>>()?;
        Ok(Workspace { root: path("workspace_root")?, target: path("target_directory")?, packages })
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// The binary that `cargo build` and `cargo test` make.
    pub(crate) fn binary(&self) -> PathBuf {
        self.target.join("debug").join("tidings")
    }

    /// An example that cargo has built.
    pub(crate) fn example(&self, name: &str) -> PathBuf {
        self.target.join("debug").join("examples").join(name)
    }

    /// Where programs are built that only tests use.
    pub(crate) fn tools(&self) -> PathBuf {
        self.target.join("tools")
    }

    pub(crate) fn packages(&self) -> &[Package] {
        &self.packages
    }
}

impl Package {
    fn of_metadata(package: &Value, ours: &[&str]) -> anyhow::Result<Package> {
        let name = package["name"].as_str().context("a package without a name")?;
        let manifest = package["manifest_path"].as_str().context("a package without a manifest")?;
        let dependencies = package["dependencies"].as_array().context("a package without dependencies")?;
        let edges = dependencies
            .iter()
            .filter_map(|dependency| {
                // A crate may turn on its own features in its tests; that is no edge.
                let to = dependency["name"].as_str().filter(|to| ours.contains(to) && *to != name)?;
                Some(Edge { to: to.to_owned(), in_tests: dependency["kind"].as_str() == Some("dev") })
            })
            .collect();
        let folder = Path::new(manifest).parent().unwrap_or(Path::new(".")).to_owned();
        Ok(Package { name: name.to_owned(), folder, edges })
    }
}

/// Crates whose tests turn on a feature that plants bugs. Tested apart, so that no other test runs a binary that was built with it.
pub(crate) const CRASH_TESTED: [&str; 2] = ["tidings-log", "tidings-sim"];

/// All other crates, for cargo. Whatever is built for the tests is built with them all, since the features of a dependency are those
/// that the chosen crates ask for together: another choice would build tokio, hyper and the server once more.
pub(crate) fn all_but_crash_tested() -> Vec<&'static str> {
    let excluded = CRASH_TESTED.map(|name| ["--exclude", name]);
    [&["--workspace"], excluded.as_flattened()].concat()
}

/// The cargo that runs this.
pub(crate) fn cargo() -> OsString {
    std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}
