//! Notes which build this is: of which commit, when that was made, for which target. Without git, as in an archive of the source, what
//! packagers say by `TIDINGS_COMMIT` and `TIDINGS_COMMIT_DATE` counts, and else nothing is said.

use std::process::Command;

fn main() {
    println!("cargo:rerun-if-env-changed=TIDINGS_COMMIT");
    println!("cargo:rerun-if-env-changed=TIDINGS_COMMIT_DATE");
    println!("cargo:rerun-if-changed=build.rs");
    // Where the commit is that is checked out changes with each commit, and with each other branch.
    for file in ["HEAD", "logs/HEAD"] {
        if let Some(path) = git(&["rev-parse", "--path-format=absolute", "--git-path", file]) {
            println!("cargo:rerun-if-changed={path}");
        }
    }
    let commit = said("TIDINGS_COMMIT").or_else(|| git(&["rev-parse", "--short=12", "HEAD"]));
    let date = said("TIDINGS_COMMIT_DATE").or_else(|| git(&["show", "--no-patch", "--format=%cs", "HEAD"]));
    let target = std::env::var("TARGET").unwrap_or_default();
    let build = [commit, date, Some(target)].into_iter().flatten().collect::<Vec<_>>().join(", ");
    let version = std::env::var("CARGO_PKG_VERSION").unwrap_or_default();
    // `cargo run` hands it to the program, which refuses variables of its own that it does not know.
    println!("cargo:rustc-env=VERSION_AND_BUILD={version} ({build})");
}

fn said(variable: &str) -> Option<String> {
    std::env::var(variable).ok().filter(|text| !text.is_empty())
}

/// What git says, if it is there and this is a repository of ours.
fn git(arguments: &[&str]) -> Option<String> {
    let output =
        Command::new("git").args(arguments).output().ok().filter(|output| output.status.success())?;
    let text = String::from_utf8(output.stdout).ok()?;
    Some(text.trim().to_owned()).filter(|text| !text.is_empty())
}
