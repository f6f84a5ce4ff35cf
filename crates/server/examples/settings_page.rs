//! Prints `docs/settings.md`; `cargo xtask settings` writes it and `cargo xtask tidy` compares it.

use std::io::Write;

fn main() -> std::io::Result<()> {
    std::io::stdout().write_all(tidings_server::settings::settings_markdown().as_bytes())
}
