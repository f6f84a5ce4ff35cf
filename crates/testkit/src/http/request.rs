//! Requests.

/// One HTTP request.
#[derive(Clone, Debug)]
pub struct Request {
    method: &'static str,
    target: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Request {
    /// A request with any method.
    pub fn new(method: &'static str, target: impl Into<String>) -> Request {
        Request { method, target: target.into(), headers: Vec::new(), body: Vec::new() }
    }

    /// `GET`.
    pub fn get(target: impl Into<String>) -> Request {
        Request::new("GET", target)
    }

    /// `POST`.
    pub fn post(target: impl Into<String>) -> Request {
        Request::new("POST", target)
    }

    /// One more header.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl Into<String>) -> Request {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// `Content-Type: application/json` and this body.
    #[must_use]
    pub fn json(self, body: impl Into<Vec<u8>>) -> Request {
        self.header("Content-Type", "application/json").body(body)
    }

    /// The body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Request {
        self.body = body.into();
        self
    }

    /// Whether an answer to it has no body, whatever its headers say.
    pub(crate) fn wants_no_body(&self) -> bool {
        self.method == "HEAD"
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut text = format!("{} {} HTTP/1.1\r\nHost: localhost\r\n", self.method, self.target);
        for (name, value) in &self.headers {
            text.extend([name, ": ", value, "\r\n"]);
        }
        if !self.body.is_empty() || self.method == "POST" || self.method == "PUT" {
            text.extend(["Content-Length: ", &self.body.len().to_string(), "\r\n"]);
        }
        text.push_str("\r\n");
        [text.as_bytes(), &self.body].concat()
    }
}
