//! Prints `docs/metrics.md`; `cargo xtask metrics` writes it and `cargo xtask tidy` compares it.

use std::io::Write;

fn main() -> std::io::Result<()> {
    std::io::stdout().write_all(tidings_server::metrics_markdown().as_bytes())
}
