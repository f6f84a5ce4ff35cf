//! `POST`: messages for a stream, its close, or both.
//!
//! Hot path: publish → commit → acknowledge. Budget up to the engine: one copy of the body out of the read buffer, one
//! look-up of the name, one place in the commit thread's queue.

use super::create::with_policy;
use super::refusal::problem_of;
use super::{submit, submit_traced};
use crate::authorise::{Principal, Right, authorise};
use crate::exchange::Opened;
use crate::limits::Client;
use crate::request::Request;
use crate::traces::Trace;
use crate::worker::core::Core;
use bytes::Bytes;
use sha2::{Digest, Sha256};
use tidings_engine::{Identity, Operation, Outcome, Producer, ProducerSeq, Publish, Refusal, Stream};
use tidings_model::{ContentKind, ContentType, Lifetime, Retention, StreamConfig, StreamName};
use tidings_protocol::{
    ErrorCode, HeaderValue, Headers, Problem, PublishIdentity, PublishRequest, Response, header_name, json,
};

pub(crate) fn publish<H: Headers + ?Sized>(
    principal: &Principal,
    name: &StreamName,
    query: &str,
    request: &Request<'_, H>,
    core: &mut Core,
) -> Result<Opened, Problem> {
    let asked = PublishRequest::parse(query, request.headers)?;
    authorise(principal, Right::Publish, name)?;
    if request.body.is_empty() {
        return close(name, &asked, request, core);
    }
    let create = match core.engine.find(name, core.now) {
        Some(stream) => {
            check_early(&stream, &asked)?;
            None
        }
        None if asked.create || core.settings.policies.for_stream(name).create_on_publish => {
            let content_type = asked.content_type.for_creation()?;
            Some(new_stream(principal, content_type.clone(), name, core)?)
        }
        None => return Err(Problem::stream_not_found()),
    };
    let content_type = asked.content_type.required()?;
    let messages = messages(name, content_type, &request.body, core)?;
    if messages.is_empty() {
        return Err(Problem::new(ErrorCode::EmptyBody, "an empty array holds no message to publish"));
    }
    let trace = begin_trace(request.headers, name, messages.len(), core);
    core.count_publish(Client { peer: request.peer, principal }, name, &messages)?;
    let operation = Operation::Publish(Publish {
        name: name.clone(),
        incarnation: None,
        create,
        content_type: Some(content_type.clone()),
        identity: identity(&asked.identity, &messages),
        messages,
        seq: asked.seq,
        close: asked.close,
    });
    submit_traced(operation, trace, request.owner, core, respond)
}

/// Where nobody wants traces this is one look.
fn begin_trace<H: Headers + ?Sized>(
    headers: &H,
    name: &StreamName,
    messages: usize,
    core: &mut Core,
) -> Option<Box<Trace>> {
    let tracer = core.tracer.take()?;
    let now = core.engine.elapsed();
    let trace = tracer.begin(headers, (name, messages), || core.random(), now);
    core.tracer = Some(tracer);
    trace
}

/// What the engine will check again, in its order, when it is this request's turn. Looked at here so that a body that
/// is not JSON is refused last, after all that is wrong with the request beside it.
fn check_early(stream: &Stream, asked: &PublishRequest) -> Result<(), Problem> {
    let (tail, closed) = stream.tail();
    if closed {
        // A repetition of the request that closed it must come through.
        let may_repeat = asked.identity != PublishIdentity::None;
        return if may_repeat { Ok(()) } else { Err(Problem::stream_closed(stream.offset(tail))) };
    }
    let own = &stream.config().content_type;
    if own.matches(asked.content_type.required()?) {
        return Ok(());
    }
    Err(problem_of(&Refusal::ContentTypeDiffers { stream: own.clone() }))
}

fn close<H: Headers + ?Sized>(
    name: &StreamName,
    asked: &PublishRequest,
    request: &Request<'_, H>,
    core: &mut Core,
) -> Result<Opened, Problem> {
    if !asked.close {
        return Err(Problem::new(ErrorCode::EmptyBody, "send a message, or `Stream-Closed: true` to close"));
    }
    let producer = match identity(&asked.identity, &[]) {
        Identity::Producer(producer) => Some(producer),
        Identity::None | Identity::Key { .. } => None,
    };
    let operation = Operation::Close { name: name.clone(), producer };
    submit(operation, request.owner, core, respond)
}

/// A stream that a publish makes: of the publish's content type, the rest by the settings.
pub(crate) fn new_stream(
    principal: &Principal,
    content_type: ContentType,
    name: &StreamName,
    core: &Core,
) -> Result<StreamConfig, Problem> {
    authorise(principal, Right::Create, name)?;
    let config = StreamConfig {
        content_type,
        lifetime: Lifetime::Forever,
        retention: Retention::default(),
        durability: None,
    };
    Ok(with_policy(config, name, core))
}

/// The messages in a body of that type, within the limits.
pub(crate) fn messages(
    name: &StreamName,
    content_type: &ContentType,
    body: &Bytes,
    core: &Core,
) -> Result<Vec<Bytes>, Problem> {
    let bytes_max = core.settings.policies.for_stream(name).max_message_bytes;
    let count_max = core.settings.max_batch_messages;
    let messages = match content_type.kind() {
        ContentKind::Json => json::split_messages_within(body, count_max).map_err(|error| match error {
            json::SplitError::Invalid(invalid) => Problem::new(ErrorCode::InvalidJson, invalid.to_string()),
            json::SplitError::TooMany { count_max } => {
                let detail = format!("publish at most {count_max} messages at a time (`max_batch_messages`)");
                Problem::new(ErrorCode::TooLarge, detail)
            }
        })?,
        ContentKind::Text | ContentKind::Bytes => vec![body.clone()],
    };
    if messages.iter().any(|message| bytes_max < message.len()) {
        let detail = format!("a message has at most {bytes_max} bytes (`max_message_bytes`)");
        return Err(Problem::new(ErrorCode::TooLarge, detail));
    }
    Ok(messages)
}

/// Who publishes, over whatever transport: a key stands for its messages, not for how they were sent.
pub(crate) fn identity(asked: &PublishIdentity, messages: &[Bytes]) -> Identity {
    match asked {
        PublishIdentity::None => Identity::None,
        PublishIdentity::Producer(producer) => {
            Identity::Producer(Producer { id: producer.id.clone(), epoch: producer.epoch, seq: producer.seq })
        }
        PublishIdentity::Key(key) => Identity::Key { key: key.clone(), body_hash: hash(messages) },
    }
}

/// What tells some messages from others, for good: nobody can make two publishes that pass for each other.
fn hash(messages: &[Bytes]) -> [u8; 16] {
    let mut hasher = Sha256::new();
    for message in messages {
        hasher.update((message.len() as u64).to_le_bytes());
        hasher.update(message);
    }
    let digest = hasher.finalize();
    std::array::from_fn(|index| digest[index])
}

fn respond(outcome: &Outcome) -> Response {
    let (tail, duplicate, closed, producer) = match *outcome {
        Outcome::Published { tail, duplicate, closed, producer, .. } => (tail, duplicate, closed, producer),
        // Closing again repeats nothing: the stream is as it was asked to be.
        Outcome::Closed { tail, producer, .. } => {
            let response = Response::new(204).with(header_name::STREAM_NEXT_OFFSET, tail);
            return with_producer(response, producer).with(header_name::STREAM_CLOSED, HeaderValue::TRUE);
        }
        Outcome::Created { .. } | Outcome::Existed { .. } | Outcome::Deleted { .. } | Outcome::Trimmed => {
            return Response::problem(&Problem::new(ErrorCode::Internal, "an answer to another question"));
        }
    };
    let mut response = Response::new(if producer.is_some() && !duplicate { 200 } else { 204 });
    if let Some(tail) = tail {
        response = response.with(header_name::STREAM_NEXT_OFFSET, tail);
    }
    response = with_producer(response, producer);
    if closed {
        response = response.with(header_name::STREAM_CLOSED, HeaderValue::TRUE);
    }
    if duplicate {
        response = response.with(header_name::STREAM_DUPLICATE, HeaderValue::TRUE);
    }
    response
}

fn with_producer(response: Response, producer: Option<ProducerSeq>) -> Response {
    let Some(ProducerSeq { epoch, seq }) = producer else { return response };
    response.with(header_name::PRODUCER_EPOCH, epoch).with(header_name::PRODUCER_SEQ, seq)
}
