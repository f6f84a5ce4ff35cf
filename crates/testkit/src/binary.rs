//! Where the binary under test is.

use std::env;
use std::path::{Path, PathBuf};

/// Names another binary than the one beside the test.
const BINARY_VARIABLE: &str = "TIDINGS_BIN";

/// The `tidings` binary: `TIDINGS_BIN`, else the one that cargo built beside the running test.
///
/// # Panics
/// When there is none, saying how to build it.
pub fn tidings_binary() -> PathBuf {
    let path = env::var_os(BINARY_VARIABLE).map_or_else(beside_this_test, PathBuf::from);
    assert!(
        path.is_file(),
        "there is no binary at {}: build it with `cargo build --package tidings-cli`, or name one in TIDINGS_BIN",
        path.display()
    );
    path
}

/// A test runs as `target/<profile>/deps/<name>-<hash>`, the binary is `target/<profile>/tidings`.
fn beside_this_test() -> PathBuf {
    let test = env::current_exe().expect("a running test knows its own file");
    let deps = test.parent().unwrap_or(Path::new("."));
    let profile = if deps.ends_with("deps") { deps.parent().unwrap_or(deps) } else { deps };
    profile.join(format!("tidings{}", env::consts::EXE_SUFFIX))
}
