//! Publishes that came over a WebSocket and wait to be stored.

use crate::authorise::{Principal, Right, authorise};
use crate::operation::publish::{identity, new_stream};
use crate::operation::refusal::problem_of;
use crate::worker::core::Core;
use tidings_engine::{Operation, Outcome, Reply};
use tidings_model::{ContentType, StreamName};
use tidings_protocol::websocket::client_message::Publish;
use tidings_protocol::websocket::frame::write_text_frame;
use tidings_protocol::websocket::server_message::writer::{PublishedFrame, write_problem, write_published};
use tidings_protocol::{ErrorCode, Problem};

/// One that is on its way.
struct Waiting {
    number: u32,
    id: String,
    stream: StreamName,
}

/// All of one connection, in the order in which they came.
#[derive(Default)]
pub(super) struct Publishing {
    waiting: Vec<Waiting>,
}

impl Publishing {
    pub(super) fn add(&mut self, number: u32, publish: &Publish<'_>) {
        self.waiting.push(Waiting { number, id: publish.id.clone(), stream: publish.stream.clone() });
    }

    /// Whether one is on its way.
    pub(super) fn is_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Writes the frame that answers a publish, if that is what the reply is for.
    pub(super) fn on_reply(&mut self, number: u32, reply: &Reply, out: &mut Vec<u8>) {
        let Some(at) = self.waiting.iter().position(|it| it.number == number) else { return };
        let Waiting { id, stream, .. } = self.waiting.remove(at);
        let result = match reply {
            Reply::Operation(result) => result.as_ref().map_err(problem_of),
            Reply::Fetched(_) => Err(Problem::new(ErrorCode::Internal, "an answer to another question")),
        };
        match result {
            Ok(Outcome::Published { tail, duplicate, .. }) => {
                let frame = PublishedFrame { id: &id, stream: &stream, offset: *tail, duplicate: *duplicate };
                write_text_frame(out, |text| write_published(text, &frame));
            }
            Ok(_) => {}
            Err(problem) => write_refusal(out, Some(&id), &stream, &problem),
        }
    }
}

/// The operation that stores the message of a frame.
pub(super) fn operation(
    principal: &Principal,
    publish: &Publish<'_>,
    core: &Core,
) -> Result<Operation, Problem> {
    let name = &publish.stream;
    authorise(principal, Right::Publish, name)?;
    let stream = core.engine.find(name, core.now);
    let policy = core.settings.policies.for_stream(name);
    let create = match &stream {
        Some(_) => None,
        None if publish.create || policy.create_on_publish => {
            let content_type = publish.content_type.clone().unwrap_or_else(ContentType::json);
            Some(new_stream(principal, content_type, name, core)?)
        }
        None => return Err(Problem::stream_not_found()),
    };
    let kind = match (&stream, &create) {
        (Some(stream), _) => stream.config().content_type.kind(),
        (None, Some(config)) => config.content_type.kind(),
        (None, None) => return Err(Problem::stream_not_found()),
    };
    let message = publish.data.to_message(kind)?;
    if policy.max_message_bytes < message.len() {
        let detail =
            format!("a message has at most {} bytes (`max_message_bytes`)", policy.max_message_bytes);
        return Err(Problem::new(ErrorCode::TooLarge, detail));
    }
    core.count_message(principal, name, &message)?;
    Ok(Operation::Publish(tidings_engine::Publish {
        name: name.clone(),
        incarnation: None,
        create,
        content_type: publish.content_type.clone(),
        identity: identity(&publish.identity, std::slice::from_ref(&message)),
        messages: vec![message],
        seq: publish.seq.clone(),
        close: publish.close,
    }))
}

/// Writes the frame that refuses a publish.
pub(super) fn write_refusal(out: &mut Vec<u8>, id: Option<&str>, stream: &StreamName, problem: &Problem) {
    write_text_frame(out, |text| write_problem(text, id, Some(stream.as_str()), problem));
}
