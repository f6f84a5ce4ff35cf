//! `PUT`: a new stream, or the same one again.

use super::{publish, submit};
use crate::authorise::{Principal, Right, authorise};
use crate::exchange::Opened;
use crate::request::Request;
use crate::worker::core::Core;
use tidings_engine::{Operation, Outcome};
use tidings_model::{ContentType, Lifetime, Offset, StreamConfig, StreamName};
use tidings_protocol::{
    CreateRequest, ErrorCode, HeaderValue, Headers, Problem, Response, header_name, stream_path,
};

pub(crate) fn create<H: Headers + ?Sized>(
    principal: &Principal,
    name: &StreamName,
    request: &Request<'_, H>,
    core: &mut Core,
) -> Result<Opened, Problem> {
    let CreateRequest { config, closed } = CreateRequest::parse(request.headers)?;
    authorise(principal, Right::Create, name)?;
    if closed || !request.body.is_empty() {
        // Messages and the end are publishing, however they come.
        authorise(principal, Right::Publish, name)?;
    }
    let config = with_policy(config, name, core);
    let first = if request.body.is_empty() {
        Vec::new()
    } else {
        publish::messages(name, &config.content_type, &request.body, core)?
    };
    let content_type = config.content_type.clone();
    let host = request.headers.first_text(header_name::HOST).unwrap_or("localhost");
    let location = format!("http://{host}{}", stream_path(name));
    let may_read = principal.may(Right::Read, name);
    let operation = Operation::Create { name: name.clone(), config, first, close: closed };
    submit(operation, request.owner, core, move |outcome| match *outcome {
        Outcome::Created { tail, closed, .. } => {
            let location = HeaderValue::text(&location);
            respond(201, &content_type, tail, closed).with(header_name::LOCATION, location)
        }
        Outcome::Existed { tail, closed, .. } if may_read => respond(200, &content_type, tail, closed),
        // How far it is, is for those who may read it.
        Outcome::Existed { .. } => Response::new(200).with(header_name::CONTENT_TYPE, &content_type),
        Outcome::Published { .. } | Outcome::Closed { .. } | Outcome::Deleted { .. } | Outcome::Trimmed => {
            Response::problem(&Problem::new(ErrorCode::Internal, "an answer to another question"))
        }
    })
}

/// What a new stream is made with where its creation does not say: settings give names a lifetime.
pub(super) fn with_policy(config: StreamConfig, name: &StreamName, core: &Core) -> StreamConfig {
    match (config.lifetime.clone(), core.settings.policies.for_stream(name).ttl) {
        (Lifetime::Forever, Some(seconds)) => StreamConfig { lifetime: Lifetime::Ttl { seconds }, ..config },
        _ => config,
    }
}

fn respond(status: u16, content_type: &ContentType, tail: Offset, closed: bool) -> Response {
    let response = Response::new(status)
        .with(header_name::CONTENT_TYPE, content_type)
        .with(header_name::STREAM_NEXT_OFFSET, tail);
    if closed { response.with(header_name::STREAM_CLOSED, HeaderValue::TRUE) } else { response }
}
