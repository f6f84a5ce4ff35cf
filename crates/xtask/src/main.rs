//! Repository chores: `cargo xtask test` runs every test, `cargo xtask tidy` checks what no other tool does.
//!
//! Knows the layout of the repository. Does not know what tidings does.

#![expect(clippy::print_stdout, reason = "printing is what a chore is for")]

mod access_page;
mod clock;
mod deny;
mod fuzz;
mod paint;
mod printed_page;
mod test;
mod tidy;
mod workspace;

use std::process::ExitCode;
use workspace::Workspace;

const USAGE: &str = "\
usage: cargo xtask <chore>

  test       everything that CI runs, in order; installs what it needs; ends with `N passed, N failed`
  tidy       layers, module docs, error codes, file sizes, generated pages
  fuzz [SECONDS] [TARGET]
             runs the fuzz targets, or one, each for 10 seconds or as many as you say
  deny       licences, bans and sources of what is built in
  settings   writes docs/settings.md
  metrics    writes docs/metrics.md
  access     writes docs/access.md: what each request is answered with each kind of token";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match arguments.as_slice() {
        ["test"] => Workspace::load().map(|workspace| test::run(&workspace)),
        ["fuzz", arguments @ ..] => Workspace::load().and_then(|workspace| fuzz::run(&workspace, arguments)),
        ["deny"] => Workspace::load().and_then(|workspace| deny::run(&workspace)),
        ["access"] => Workspace::load().and_then(|workspace| access_page::write(&workspace)),
        ["settings"] => Workspace::load().and_then(|workspace| printed_page::SETTINGS.write(&workspace)),
        ["metrics"] => Workspace::load().and_then(|workspace| printed_page::METRICS.write(&workspace)),
        ["tidy"] => Workspace::load().and_then(|workspace| tidy::run(&workspace)),
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}
