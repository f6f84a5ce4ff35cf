//! Runs the fuzz targets: every file in `fuzz/src/bin` is one, and begins with what is in `fuzz/seeds/<target>`.

use crate::workspace::{Workspace, cargo};
use anyhow::{Context, bail, ensure};
use std::fs;
use std::path::Path;
use std::process::Command;

const FUZZ: &str = "fuzz";
/// For each target, so that all of them together take little more than a minute.
const SECONDS: u32 = 10;

/// What libFuzzer takes for a failure beside a panic.
const LIMITS: [&str; 4] = [
    "-rss_limit_mb=512", // Of the whole process: bytes that nobody gives back are found by this one.
    "-malloc_limit_mb=64", // Of one allocation: a length was believed.
    "-timeout=10",       // Of one input, in seconds.
    "-max_len=65536",
];

/// Builds the targets and runs them one after the other; whether all went well.
pub(crate) fn run(workspace: &Workspace, arguments: &[&str]) -> anyhow::Result<bool> {
    let seconds = arguments.first().map_or(Ok(SECONDS), |text| text.parse()).context("SECONDS")?;
    let folder = workspace.root().join(FUZZ);
    let all = targets(&folder)?;
    let chosen: Vec<&String> = match arguments.get(1..).unwrap_or_default() {
        [] => all.iter().collect(),
        [one] => all.iter().filter(|target| target == one).collect(),
        [_, ..] => bail!("one target or all of them"),
    };
    ensure!(!chosen.is_empty(), "the targets are {}", all.join(", "));
    ensure!(cargo_fuzz(workspace, &["build"]).status()?.success(), "the fuzz targets can't be built");
    let (mut passed, mut failed) = (0, 0);
    for target in chosen {
        println!("{target}, {seconds} s");
        let good = fuzz(workspace, target, seconds)?;
        *(if good { &mut passed } else { &mut failed }) += 1;
    }
    println!("fuzz: {passed} passed, {failed} failed");
    Ok(failed == 0)
}

fn targets(folder: &Path) -> anyhow::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder.join("src/bin")).context("the fuzz targets")? {
        let path = entry?.path();
        names.extend(path.file_stem().map(|name| name.to_string_lossy().into_owned()));
    }
    names.sort();
    Ok(names)
}

/// Runs one target; what it finds on the way goes to `corpus`, what fails to `artifacts`.
fn fuzz(workspace: &Workspace, target: &str, seconds: u32) -> anyhow::Result<bool> {
    let corpus = format!("{FUZZ}/corpus/{target}");
    fs::create_dir_all(workspace.root().join(&corpus)).context("the corpus")?;
    let status = cargo_fuzz(workspace, &["run"])
        .args([target, &corpus, &format!("{FUZZ}/seeds/{target}"), "--"])
        .arg(format!("-max_total_time={seconds}"))
        .args(LIMITS)
        .args(["-verbosity=0", "-print_final_stats=1"])
        .status()?;
    Ok(status.success())
}

fn cargo_fuzz(workspace: &Workspace, chore: &[&str]) -> Command {
    let mut command = Command::new(cargo());
    command.current_dir(workspace.root()).arg("fuzz").args(chore).args(["--fuzz-dir", FUZZ]);
    // The flags of sanitizers are not stable, but the compiler of the tests has them.
    command.env("RUSTC_BOOTSTRAP", "1");
    command
}
