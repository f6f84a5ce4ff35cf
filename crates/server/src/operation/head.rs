//! `HEAD`: what a stream is and where it stands.

use crate::authorise::{Principal, Right, authorise};
use crate::exchange::Opened;
use crate::transport;
use crate::worker::core::Core;
use tidings_model::StreamName;
use tidings_protocol::{
    CacheControl, HeaderValue, Problem, Response, header_name, lifetime_header, retention_headers,
};

pub(crate) fn head(principal: &Principal, name: &StreamName, core: &Core) -> Result<Opened, Problem> {
    authorise(principal, Right::Read, name)?;
    let stream = transport::find(core, name)?;
    let (earliest, _) = stream.bounds();
    let (tail, closed) = stream.tail();
    let config = stream.config();
    let mut response = Response::new(200)
        .with(header_name::CONTENT_TYPE, &config.content_type)
        .with(header_name::STREAM_NEXT_OFFSET, stream.offset(tail))
        .with(header_name::STREAM_EARLIEST_OFFSET, stream.offset(earliest))
        .with(header_name::STREAM_DURABILITY, stream.durability().as_str())
        .with(header_name::CACHE_CONTROL, CacheControl::NoStore);
    if closed {
        response = response.with(header_name::STREAM_CLOSED, HeaderValue::TRUE);
    }
    response.headers.extend(lifetime_header(&config.lifetime));
    response.headers.extend(retention_headers(stream.retention()));
    Ok(Opened::Response(response))
}
