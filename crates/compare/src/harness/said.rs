//! What a server said, as an error may show it.

/// How many characters of it.
const CHARACTERS_MAX: usize = 300;

/// Its beginning, on one line, and nothing in it that a terminal takes for a command.
pub(super) fn said(bytes: &[u8]) -> String {
    // A character has four bytes at most.
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(4 * CHARACTERS_MAX)]);
    let letters = text.trim().chars().map(|letter| if letter.is_control() { ' ' } else { letter });
    letters.take(CHARACTERS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_server_says_is_short_and_gives_a_terminal_no_commands() {
        assert_eq!(said(b"\x1b[2Jno\r\nmore\n"), " [2Jno  more");
        assert_eq!(said(&vec![b'x'; 100_000]).len(), CHARACTERS_MAX);
    }
}
