//! The words of tidings as plain data: stream names, offsets, messages, what a stream is made of.
//!
//! Knows how these values are written down and compared. Does not know the wire, the disk, the source
//! of time, or tasks.

mod behind;
mod content_type;
mod message;
mod offset;
mod pattern;
mod reset;
mod stream_config;
mod stream_name;
mod timestamp;

pub use behind::{Behind, Skip};
pub use content_type::{ContentKind, ContentType, InvalidContentType};
pub use message::Batch;
pub use offset::{Incarnation, InvalidOffset, Offset, Start};
pub use pattern::{InvalidPattern, Pattern};
pub use reset::{Reset, ResetReason};
pub use stream_config::{Durability, Lifetime, Retention, StreamConfig};
pub use stream_name::{InvalidName, StreamName};
pub use timestamp::Timestamp;
