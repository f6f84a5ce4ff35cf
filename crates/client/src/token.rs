//! Tokens: who a client says it is.

use std::fmt;

/// A token or an API key, sent as `Authorization: Bearer` with every request. What is shown of it for debugging is that it is there.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    /// Takes the text of a token; white space around it is not part of it.
    pub fn new(text: &str) -> Token {
        Token(text.trim().to_owned())
    }

    /// The value of the header.
    pub(crate) fn bearer(&self) -> String {
        format!("Bearer {}", self.0)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_sent_and_not_shown() {
        let token = Token::new(" abc\n");
        assert_eq!(token.bearer(), "Bearer abc");
        assert!(!format!("{token:?}").contains("abc"));
    }
}
