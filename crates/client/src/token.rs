//! Tokens: who a client says it is.

use std::fmt;
use std::sync::Arc;

/// A token or an API key, sent as `Authorization: Bearer` with every request. What is shown of it for debugging is that it is there.
#[derive(Clone)]
pub struct Token(Source);

#[derive(Clone)]
enum Source {
    Fixed(Arc<str>),
    Asked(Arc<dyn Fn() -> String + Send + Sync>),
}

impl Token {
    /// Takes the text of a token; white space around it is not part of it.
    pub fn new(text: &str) -> Token {
        Token(Source::Fixed(text.trim().into()))
    }

    /// One that is asked for anew with each request and each connection, whenever the server wants to hear it again, and after it was
    /// refused: then what comes next may be a better one, so a follow is tried again where it would otherwise fail.
    ///
    /// `token` is called on the client's own task and must not block: it gives what the program has, and the program sees to it in time that
    /// this is good. A WebSocket is asked for a new one 30 seconds before the end, and goes on with it without a gap.
    pub fn from_fn(token: impl Fn() -> String + Send + Sync + 'static) -> Token {
        Token(Source::Asked(Arc::new(token)))
    }

    /// The text, as it is now.
    pub(crate) fn text(&self) -> String {
        match &self.0 {
            Source::Fixed(text) => text.to_string(),
            Source::Asked(token) => token().trim().to_owned(),
        }
    }

    /// Whether the next one may be another.
    pub(crate) fn is_asked(&self) -> bool {
        matches!(self.0, Source::Asked(_))
    }

    /// The value of the header.
    pub(crate) fn bearer(&self) -> String {
        format!("Bearer {}", self.text())
    }
}

/// The same text, or the very same function.
impl PartialEq for Token {
    fn eq(&self, other: &Token) -> bool {
        match (&self.0, &other.0) {
            (Source::Fixed(one), Source::Fixed(other)) => one == other,
            (Source::Asked(one), Source::Asked(other)) => Arc::ptr_eq(one, other),
            (Source::Fixed(_), Source::Asked(_)) | (Source::Asked(_), Source::Fixed(_)) => false,
        }
    }
}

impl Eq for Token {}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn a_token_is_sent_and_not_shown() {
        let token = Token::new(" abc\n");
        assert_eq!(token.bearer(), "Bearer abc");
        assert!(!format!("{token:?}").contains("abc"));
    }

    #[test]
    fn one_that_is_asked_for_is_asked_for_each_time() {
        let count = AtomicUsize::new(0);
        let token = Token::from_fn(move || format!("t{}", count.fetch_add(1, Ordering::Relaxed)));
        assert_eq!((token.bearer(), token.bearer()), ("Bearer t0".to_owned(), "Bearer t1".to_owned()));
        assert!(token.is_asked() && token == token.clone() && token != Token::new("t0"));
    }
}
