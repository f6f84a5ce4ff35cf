//! What the fuzz targets share: files of a log, made of arbitrary bytes or of a small good log with changes, and what is done with them; and
//! a second, plain reader of HTTP/1 requests, that the real one is compared with.
//!
//! Each file in `src/bin` is a target, and its seeds are in `seeds/<target>`; `cargo xtask fuzz` builds and runs all that there are. They
//! use the public API of the crates alone, but for [`mend`], which knows `docs/format.md`.

mod files;
mod good_log;
mod input;
pub mod mend;
mod opening;
pub mod strict_http;

pub use files::{File, dump, storage_of};
pub use good_log::good_log;
pub use input::Input;
pub use opening::{publish_and_open_again, read_all, tidy};
