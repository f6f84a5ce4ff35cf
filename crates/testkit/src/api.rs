//! Plain requests: create, publish, look, delete.

use crate::clock::Deadline;
use crate::http::{Connection, Request, Response};
use std::io;
use std::net::SocketAddr;

/// A client of one server, over one connection that is opened again when it was lost.
#[derive(Debug)]
pub struct Api {
    address: SocketAddr,
    connection: Option<Connection>,
}

impl Api {
    /// Of the server at that address.
    pub fn new(address: SocketAddr) -> Api {
        Api { address, connection: None }
    }

    /// Asks once. A lost connection is an error, since the request may or may not have arrived.
    pub fn ask(&mut self, request: &Request) -> io::Result<Response> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => Connection::open(self.address)?,
        };
        let answer = connection.ask(request, Deadline::patient())?;
        let closes = answer.header("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"));
        self.connection = (!closes).then_some(connection);
        Ok(answer)
    }

    /// Asks what has to work, on a server that runs.
    ///
    /// # Panics
    /// When the connection is lost or the status is another one.
    pub fn expect(&mut self, status: u16, request: &Request) -> Response {
        let answer = self.ask(request).unwrap_or_else(|error| panic!("{request:?}: {error}"));
        assert_eq!(answer.status, status, "{request:?}: {}", answer.text());
        answer
    }

    /// Creates a stream of JSON messages; the offset where it begins.
    pub fn create(&mut self, stream: &str, headers: &[(&str, &str)]) -> String {
        let request = Request::new("PUT", path(stream)).header("Content-Type", "application/json");
        let request = headers.iter().fold(request, |request, (name, value)| request.header(name, *value));
        next_offset(&self.expect(201, &request))
    }

    /// Publishes JSON (an array is a batch); the offset after it.
    pub fn publish(&mut self, stream: &str, json: &str) -> String {
        next_offset(&self.expect(204, &Request::post(path(stream)).json(json)))
    }

    /// Deletes a stream.
    pub fn delete(&mut self, stream: &str) {
        self.expect(204, &Request::new("DELETE", path(stream)));
    }

    /// The headers of a stream.
    pub fn head(&mut self, stream: &str) -> Response {
        self.expect(200, &Request::new("HEAD", path(stream)))
    }
}

/// The path of a stream whose name needs no escaping.
pub(crate) fn path(stream: &str) -> String {
    format!("/v1/stream/{stream}")
}

fn next_offset(answer: &Response) -> String {
    answer.header("stream-next-offset").expect("such an answer names an offset").to_owned()
}

/// Publishes each batch once, whatever happens to the server and the connection meanwhile.
#[derive(Debug)]
pub struct Producer {
    api: Api,
    stream: String,
    id: String,
    sequence: u64,
}

impl Producer {
    /// An idempotent producer of that name.
    pub fn new(address: SocketAddr, stream: &str, id: &str) -> Producer {
        Producer { api: Api::new(address), stream: stream.to_owned(), id: id.to_owned(), sequence: 0 }
    }

    /// Publishes a JSON body, again and again until it is acknowledged.
    ///
    /// # Panics
    /// When the server refuses it, or does not come back.
    pub fn publish(&mut self, json: &str) {
        let request = Request::post(path(&self.stream))
            .header("Producer-Id", &*self.id)
            .header("Producer-Epoch", "0")
            .header("Producer-Seq", self.sequence.to_string())
            .json(json);
        let answer = crate::eventually("a publish is acknowledged", || {
            // A server that ends or begins may say so; everything else is an answer to judge.
            self.api.ask(&request).ok().filter(|answer| answer.status != 503)
        });
        assert!(matches!(answer.status, 200 | 204), "{request:?}: {} {}", answer.status, answer.text());
        self.sequence += 1;
    }
}
