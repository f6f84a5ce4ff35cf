//! What must be known of an operation after it was handed to the log.

use bytes::Bytes;
use tidings_log::Operation;
use tidings_model::{Durability, Lifetime, StreamConfig, StreamName};

/// The part of an operation that the engine itself looks at.
pub(super) struct Intent {
    pub(super) name: StreamName,
    /// What a creation asks for.
    pub(super) durability: Option<Durability>,
    /// What a creation asks for.
    pub(super) lifetime: Lifetime,
    pub(super) count: u32,
    pub(super) bytes: u64,
}

impl Intent {
    /// `None` for what only the engine itself may do.
    pub(super) fn of(operation: &Operation) -> Option<Intent> {
        let (name, config, messages): (_, Option<&StreamConfig>, &[Bytes]) = match operation {
            Operation::Create { name, config, first, .. } => (name, Some(config), first),
            Operation::Publish(publish) => (&publish.name, publish.create.as_ref(), &publish.messages),
            Operation::Close { name, .. } | Operation::Delete { name, .. } => (name, None, &[]),
            Operation::Trim(_) => return None,
        };
        Some(Intent {
            name: name.clone(),
            durability: config.and_then(|config| config.durability),
            lifetime: config.map_or(Lifetime::Forever, |config| config.lifetime.clone()),
            // More messages than fit into the number are more than fit into a segment, and the log refuses them.
            count: u32::try_from(messages.len()).unwrap_or(u32::MAX),
            bytes: messages.iter().map(|message| message.len() as u64).sum(),
        })
    }
}
