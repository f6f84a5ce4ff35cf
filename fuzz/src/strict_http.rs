//! A second reader of the beginning of an HTTP/1 request, as plain as can be: by lines, from RFC 9112 alone.
//!
//! It shares no code with the real one. Where both take something, they must agree about every field and every end; and
//! the real one must take nothing that this one does not.

/// A head that has one reading.
#[derive(Debug, PartialEq, Eq)]
pub struct StrictHead<'b> {
    /// The first word.
    pub method: &'b [u8],
    /// The second word.
    pub target: &'b [u8],
    /// Whether the third word is `HTTP/1.1`; else it is `HTTP/1.0`.
    pub is_http11: bool,
    /// Names and values, without white space around them.
    pub fields: Vec<(&'b [u8], &'b [u8])>,
    /// Where the body begins.
    pub bytes: usize,
    /// How long it is.
    pub body: StrictBody,
}

/// The length of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StrictBody {
    /// So many bytes.
    Bytes(u64),
    /// Chunks.
    Chunked,
}

/// The head at the beginning of `bytes`; `None` where there is no whole one, or none with one reading.
pub fn head(bytes: &[u8]) -> Option<StrictHead<'_>> {
    let mut rest = bytes;
    while let Some(after) = rest.strip_prefix(b"\r\n") {
        rest = after;
    }
    let (line, mut rest) = line(rest)?;
    let mut words = line.split(|byte| *byte == b' ');
    let (method, target, version) = (words.next()?, words.next()?, words.next()?);
    let is_http11 = match version {
        b"HTTP/1.1" => true,
        b"HTTP/1.0" => false,
        _ => return None,
    };
    let is_line = !method.is_empty()
        && method.iter().copied().all(is_token)
        && !target.is_empty()
        && target.iter().all(|byte| b' ' < *byte && *byte != 0x7f)
        && std::str::from_utf8(target).is_ok()
        && words.next().is_none();
    if !is_line {
        return None;
    }
    let mut fields = Vec::new();
    loop {
        let (line, after) = self::line(rest)?;
        rest = after;
        if line.is_empty() {
            break;
        }
        fields.push(field(line)?);
    }
    let count =
        |wanted: &str| fields.iter().filter(|(name, _)| name.eq_ignore_ascii_case(wanted.as_bytes())).count();
    if 1 < count("host") || is_http11 && count("host") == 0 {
        return None;
    }
    let body = body(&fields, is_http11)?;
    Some(StrictHead { method, target, is_http11, fields, bytes: bytes.len() - rest.len(), body })
}

/// The end of the chunked body that `bytes` begin with; `None` where it has none, or not one reading.
pub fn chunked_end(bytes: &[u8]) -> Option<usize> {
    let mut rest = bytes;
    loop {
        let (line, after) = line(rest)?;
        let digits = line.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
        let extension = &line[digits..];
        let space = extension.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
        let is_plain = extension.is_empty() || extension[space..].starts_with(b";");
        if digits == 0 || 16 < digits || !is_plain || !extension.iter().copied().all(is_text) {
            return None;
        }
        let size = u64::from_str_radix(std::str::from_utf8(&line[..digits]).ok()?, 16).ok()?;
        rest = after;
        if size == 0 {
            break;
        }
        let size = usize::try_from(size).ok()?;
        rest = rest.get(size..)?.strip_prefix(b"\r\n")?;
    }
    loop {
        let (line, after) = line(rest)?;
        rest = after;
        if line.is_empty() {
            return Some(bytes.len() - rest.len());
        }
        field(line)?;
    }
}

/// Up to the first CR or LF, which must be CR LF; and what is behind it.
fn line(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = bytes.iter().position(|byte| matches!(byte, b'\r' | b'\n'))?;
    let rest = bytes[end..].strip_prefix(b"\r\n")?;
    Some((&bytes[..end], rest))
}

fn field(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let colon = line.iter().position(|byte| *byte == b':')?;
    let (name, value) = (&line[..colon], &line[colon + 1..]);
    let is_field =
        !name.is_empty() && name.iter().copied().all(is_token) && value.iter().copied().all(is_text);
    is_field.then(|| (name, value.trim_ascii()))
}

fn body(fields: &[(&[u8], &[u8])], is_http11: bool) -> Option<StrictBody> {
    let values = |wanted: &str| -> Vec<&[u8]> {
        let of_it = fields.iter().filter(|(name, _)| name.eq_ignore_ascii_case(wanted.as_bytes()));
        of_it.map(|(_, value)| *value).collect()
    };
    match (&*values("content-length"), &*values("transfer-encoding")) {
        ([], []) => Some(StrictBody::Bytes(0)),
        ([length], []) => {
            let is_number = !length.is_empty() && length.iter().all(u8::is_ascii_digit);
            let length = std::str::from_utf8(length).ok().filter(|_| is_number)?;
            length.parse().ok().map(StrictBody::Bytes)
        }
        ([], [encoding]) => {
            (is_http11 && encoding.eq_ignore_ascii_case(b"chunked")).then_some(StrictBody::Chunked)
        }
        _ => None,
    }
}

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

fn is_text(byte: u8) -> bool {
    byte == b'\t' || b' ' <= byte && byte != 0x7f
}
