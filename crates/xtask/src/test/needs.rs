//! Programs that the tests need beside Rust.

use crate::workspace::cargo;
use anyhow::{Context, bail, ensure};
use std::path::Path;
use std::process::{Command, Stdio};

/// The oldest Node.js that runs other people's suites.
const NODE_MAJOR_MIN: u32 = 20;

/// A program that a Debian package brings.
struct Need {
    program: &'static str,
    package: &'static str,
    why: &'static str,
}

const NEEDS: &[Need] = &[
    Need { program: "cc", package: "gcc", why: "to link, and to set the clock of a server back" },
    Need { program: "c++", package: "g++", why: "libFuzzer is written in it" },
    Need { program: "curl", package: "curl", why: "the simplest client" },
    Need { program: "jq", package: "jq", why: "the plain clients for the shell read JSON with it" },
    Need { program: "vmstat", package: "procps", why: "the program that never stops in the README" },
    Need { program: "chromium", package: "chromium", why: "a browser's own EventSource and WebSocket" },
    Need { program: "openssl", package: "openssl", why: "a browser speaks HTTP/2 only over TLS" },
    Need {
        program: "nginx",
        package: "nginx-light",
        why: "clients are run through it, with the settings of the guide",
    },
    Need { program: "haproxy", package: "haproxy", why: "likewise" },
    Need { program: "caddy", package: "caddy", why: "likewise" },
    Need { program: "go", package: "golang-go", why: "the authority for certificates is written in it" },
];

/// A package that Debian cuts out of Python; without it there is a `python3`, but not all of its modules.
const PYTHON: Need = Need {
    program: "python3 with venv",
    package: "python3-venv",
    why: "the Autobahn suite of WebSocket is a package of Python",
};

/// Installs what is missing, where it can.
pub(super) fn install() -> anyhow::Result<()> {
    check_node()?;
    install_packages()?;
    install_cargo_fuzz()
}

fn install_packages() -> anyhow::Result<()> {
    let mut missing: Vec<&Need> = NEEDS.iter().filter(|need| !is_installed(need.program)).collect();
    if !makes_environments_of_python() {
        missing.push(&PYTHON);
    }
    if missing.is_empty() {
        println!(
            "node, npm, {}, {}: all here",
            NEEDS.iter().map(|need| need.program).collect::<Vec<_>>().join(", "),
            PYTHON.program,
        );
        return Ok(());
    }
    for need in &missing {
        println!("{} is missing: {}", need.program, need.why);
    }
    let packages: Vec<&str> = missing.iter().map(|need| need.package).collect();
    if !is_root() || !is_installed("apt-get") {
        bail!(
            "install {} and run this again; as root on Debian it would install them itself",
            packages.join(", ")
        );
    }
    apt_get(&["update", "--quiet"])?;
    apt_get(&[&["install", "--yes", "--quiet", "--no-install-recommends"], packages.as_slice()].concat())
}

fn install_cargo_fuzz() -> anyhow::Result<()> {
    if is_installed("cargo-fuzz") {
        println!("cargo-fuzz: here");
        return Ok(());
    }
    println!("cargo-fuzz is missing: it builds and runs the fuzz targets");
    let status = Command::new(cargo())
        .args(["install", "--quiet", "--locked", "cargo-fuzz"])
        .stdin(Stdio::null())
        .status()
        .context("cargo install")?;
    ensure!(status.success(), "cargo install cargo-fuzz: {status}");
    Ok(())
}

fn check_node() -> anyhow::Result<()> {
    ensure!(is_installed("npm"), "npm is missing: install Node.js {NODE_MAJOR_MIN} or newer with npm");
    let output = Command::new("node")
        .arg("--version")
        .output()
        .with_context(|| format!("node is missing: install Node.js {NODE_MAJOR_MIN} or newer"))?;
    let version = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    let major = version.trim_start_matches('v').split('.').next().and_then(|major| major.parse::<u32>().ok());
    ensure!(
        major.is_some_and(|major| NODE_MAJOR_MIN <= major),
        "Node.js {version} is too old: {NODE_MAJOR_MIN} is needed"
    );
    Ok(())
}

fn is_installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    // Where servers are, which others than root seldom have in their path.
    let of_servers = Path::new("/usr/sbin").to_path_buf();
    std::env::split_paths(&path).chain([of_servers]).any(|folder| folder.join(program).is_file())
}

fn makes_environments_of_python() -> bool {
    let mut python = Command::new("python3");
    python.args(["-c", "import ensurepip, venv"]).stdin(Stdio::null()).stderr(Stdio::null());
    python.status().is_ok_and(|status| status.success())
}

fn is_root() -> bool {
    // The owner of our own entry in /proc; a system without it has no apt-get either.
    use std::os::unix::fs::MetadataExt;
    Path::new("/proc/self").metadata().is_ok_and(|metadata| metadata.uid() == 0)
}

fn apt_get(arguments: &[&str]) -> anyhow::Result<()> {
    let status = Command::new("apt-get")
        .args(arguments)
        .env("DEBIAN_FRONTEND", "noninteractive")
        // Nothing that is installed shall be started by that: in this level of a system's start, nothing is.
        .env("RUNLEVEL", "1")
        .stdin(Stdio::null())
        .status()
        .context("apt-get")?;
    ensure!(status.success(), "apt-get {}: {status}", arguments.join(" "));
    Ok(())
}
