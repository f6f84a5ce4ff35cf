//! Where header fields come from: one view over httparse's slice, `http::HeaderMap` and plain pairs.

use crate::{ErrorCode, Problem};

/// Fields of a request or response, by name.
pub trait Headers {
    /// Calls `visit` with each value of the field `name` (lower case), in order, without white space around it.
    fn each<'a>(&'a self, name: &str, visit: &mut dyn FnMut(&'a [u8]));

    /// Calls `visit` with the name and value of every field, in order.
    fn all(&self, visit: &mut dyn FnMut(&str, &[u8]));

    /// The only value of a field that may stand once.
    fn single(&self, name: &'static str) -> Result<Option<&[u8]>, Problem> {
        let mut found = None;
        let mut is_repeated = false;
        self.each(name, &mut |value| is_repeated |= found.replace(value).is_some());
        if is_repeated {
            return Err(Problem::new(ErrorCode::InvalidHeader, format!("send `{name}` only once")));
        }
        Ok(found)
    }

    /// As [`Headers::single`], as text.
    fn single_text(&self, name: &'static str) -> Result<Option<&str>, Problem> {
        let Some(value) = self.single(name)? else {
            return Ok(None);
        };
        match std::str::from_utf8(value) {
            Ok(text) => Ok(Some(text)),
            Err(_) => Err(Problem::new(ErrorCode::InvalidHeader, format!("`{name}` is not UTF-8"))),
        }
    }

    /// The first value of a field, as text; `None` where it is absent or not UTF-8.
    fn first_text(&self, name: &str) -> Option<&str> {
        let mut first = None;
        self.each(name, &mut |value| first = first.or(Some(value)));
        std::str::from_utf8(first?).ok()
    }

    /// Whether a field is there and says `true`, in any letter case.
    fn says_true(&self, name: &str) -> bool {
        let mut says_true = false;
        self.each(name, &mut |value| says_true |= value.eq_ignore_ascii_case(b"true"));
        says_true
    }

    /// Whether a comma-separated field has this element, in any letter case.
    fn lists(&self, name: &str, element: &str) -> bool {
        let mut is_listed = false;
        self.each(name, &mut |value| {
            let mut elements = value.split(|&byte| byte == b',').map(<[u8]>::trim_ascii);
            is_listed |= elements.any(|listed| listed.eq_ignore_ascii_case(element.as_bytes()));
        });
        is_listed
    }
}

impl Headers for [httparse::Header<'_>] {
    fn all(&self, visit: &mut dyn FnMut(&str, &[u8])) {
        for header in self {
            visit(header.name, header.value);
        }
    }

    fn each<'a>(&'a self, name: &str, visit: &mut dyn FnMut(&'a [u8])) {
        for header in self {
            if header.name.eq_ignore_ascii_case(name) {
                visit(header.value.trim_ascii());
            }
        }
    }
}

impl Headers for http::HeaderMap {
    fn all(&self, visit: &mut dyn FnMut(&str, &[u8])) {
        for (name, value) in self {
            visit(name.as_str(), value.as_bytes());
        }
    }

    fn each<'a>(&'a self, name: &str, visit: &mut dyn FnMut(&'a [u8])) {
        for value in self.get_all(name) {
            visit(value.as_bytes().trim_ascii());
        }
    }
}

/// Plain pairs of name and value, for clients and tests.
impl<N: AsRef<str>, V: AsRef<[u8]>> Headers for [(N, V)] {
    fn all(&self, visit: &mut dyn FnMut(&str, &[u8])) {
        for (name, value) in self {
            visit(name.as_ref(), value.as_ref());
        }
    }

    fn each<'a>(&'a self, name: &str, visit: &mut dyn FnMut(&'a [u8])) {
        for (own_name, value) in self {
            if own_name.as_ref().eq_ignore_ascii_case(name) {
                visit(value.as_ref().trim_ascii());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(headers: &(impl Headers + ?Sized)) {
        assert_eq!(headers.single("stream-seq").unwrap(), Some(&b"a b"[..]));
        assert_eq!(headers.single_text("stream-ttl").unwrap(), None);
        assert_eq!(headers.single("x-two").unwrap_err().code, ErrorCode::InvalidHeader);
        assert_eq!(headers.first_text("x-two"), Some("1"));
        assert!(headers.says_true("stream-closed"));
        assert!(!headers.says_true("stream-seq"));
        assert!(headers.lists("connection", "upgrade"));
        assert!(!headers.lists("connection", "up"));
        let mut names = Vec::new();
        headers.all(&mut |name, _| names.push(name.to_ascii_lowercase()));
        assert_eq!(names, ["stream-seq", "x-two", "x-two", "stream-closed", "connection"]);
    }

    #[test]
    fn each_source_gives_the_same_answers() {
        let pairs = [
            ("Stream-Seq", " a b\t"),
            ("X-Two", "1"),
            ("x-two", "2"),
            ("Stream-Closed", "TRUE"),
            ("Connection", "keep-alive, Upgrade"),
        ];
        check(&pairs[..]);

        let parsed = pairs.map(|(name, value)| httparse::Header { name, value: value.as_bytes() });
        check(&parsed[..]);

        let mut map = http::HeaderMap::new();
        for (name, value) in pairs {
            let name: http::HeaderName = name.parse().unwrap();
            map.append(name, value.parse().unwrap());
        }
        check(&map);
    }
}
