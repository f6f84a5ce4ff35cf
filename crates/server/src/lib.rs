//! The server: listeners, workers and the four transports, settings and limits.
//!
//! Knows sockets, HTTP and the wire. Does not know files and segments: what is stored, and in which order, is the
//! engine's business.

mod about;
mod admin;
mod asks;
mod authorise;
mod decision;
mod examples;
mod exchange;
mod expiring;
mod forms;
mod health;
mod list;
mod live_settings;
mod logging;
mod metrics;
mod operation;
mod peer;
mod reloading;
mod request;
mod revoking;
mod server;
pub mod settings;
mod slices;
mod ticket;
mod transport;
mod worker;

pub use examples::EXAMPLES;
pub use metrics::metrics_markdown;
pub use server::{RunError, STORAGE_FAILED_EXIT_CODE, run};
