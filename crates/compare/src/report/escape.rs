//! Text in HTML and SVG.

/// The text, so that it is text wherever it stands, in an attribute too.
pub(super) fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            // Not allowed in XML, and nothing to be seen.
            letter if letter.is_control() && letter != '\n' => safe.push(' '),
            letter => safe.push(letter),
        }
    }
    safe
}

/// A sentence: as the text, but a number and its unit stay on one line.
pub(super) fn sentence(text: &str) -> String {
    const UNITS: [&str; 12] = ["µs", "ms", "s", "min", "h", "B", "KB", "MB", "GB", "TB", "%", "times"];
    let mut glued = String::with_capacity(text.len());
    let mut last = "";
    for word in text.split(' ') {
        if !glued.is_empty() {
            let is_unit = UNITS.contains(&word.trim_end_matches([',', '.', ';', ':', ')']));
            let follows_number = last.ends_with(|letter: char| letter.is_ascii_digit());
            glued.push(if is_unit && follows_number { '\u{a0}' } else { ' ' });
        }
        glued.push_str(word);
        last = word;
    }
    escaped(&glued)
}

#[cfg(test)]
mod tests {
    use super::{escaped, sentence};

    #[test]
    fn nothing_is_left_that_marks_up() {
        assert_eq!(escaped("<b a=\"1\" c='2'>&\u{1}"), "&lt;b a=&quot;1&quot; c=&#39;2&#39;&gt;&amp; ");
    }

    #[test]
    fn a_number_keeps_its_unit() {
        assert_eq!(sentence("by POST 310 µs), 2 messages"), "by POST 310\u{a0}µs), 2 messages");
    }
}
