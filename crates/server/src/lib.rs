//! The server: listeners, workers and the four transports, settings and limits.
//!
//! Knows sockets, HTTP and the wire. Does not know files and segments: what is stored, and in which order, is the
//! engine's business.

mod about;
mod admin;
mod asks;
mod authorise;
mod console;
mod cross_origin;
mod decision;
mod examples;
mod exchange;
mod expiring;
mod forms;
mod health;
mod ladder;
mod limits;
mod list;
mod live_settings;
mod logging;
mod memory;
mod metrics;
mod operation;
mod pages;
mod peer;
mod pulse;
mod reloading;
mod request;
mod return_window;
mod revoking;
mod server;
pub mod settings;
mod slices;
mod story;
mod supervisor;
mod ticket;
mod tls;
mod traces;
mod transport;
mod worker;

pub use examples::EXAMPLES;
pub use metrics::metrics_markdown;
#[doc(hidden)]
pub use revoking::FILE_NAME as REVOCATIONS_FILE_NAME;
pub use server::run_on;
pub use server::{Listens, RunError, STORAGE_FAILED_EXIT_CODE, run};
pub use tidings_sys::heap::CountingHeap;
pub use tls::TlsError;
#[doc(hidden)]
pub use worker::secured::{Heard, Secured};
