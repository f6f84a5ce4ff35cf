//! What no other tool checks.

mod edges;
mod error_codes;
mod file_size;
mod module_docs;
mod printed_page;
mod security;
mod source_files;

use crate::paint::Paint;
use crate::printed_page::{METRICS, SETTINGS};
use crate::workspace::Workspace;
use source_files::source_files;

/// Runs every check and prints what is wrong; whether all is well.
pub(crate) fn run(workspace: &Workspace) -> anyhow::Result<bool> {
    let files = source_files(workspace)?;
    let checks = [
        ("layers", edges::check(workspace)),
        ("module docs", module_docs::check(&files)),
        ("file sizes", file_size::check(&files)),
        ("error codes", error_codes::check(workspace.root())?),
        ("threat model", security::check(workspace)?),
        ("settings page", printed_page::check(SETTINGS, workspace)),
        ("metrics page", printed_page::check(METRICS, workspace)),
    ];
    let paint = Paint::for_stdout();
    for (name, complaints) in &checks {
        let verdict = if complaints.is_empty() { paint.good("ok") } else { paint.bad("FAILED") };
        println!("tidy: {name} ... {verdict}");
        for complaint in complaints {
            println!("  {complaint}");
        }
    }
    Ok(checks.iter().all(|(_, complaints)| complaints.is_empty()))
}
