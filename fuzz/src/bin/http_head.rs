//! Whatever a peer sends for the head or the chunks of a request: what is taken has exactly one reading, the one of a second reader that
//! knows nothing but the specification, and it is the same in whatever pieces it comes.
//!
//! ```text
//! 'H' bytes     the beginning of a connection
//! 'C' bytes     a chunked body and what follows it
//! ```

#![no_main]

use tidings_fuzz::strict_http::{self, StrictBody, StrictHead};
use tidings_protocol::{
    BodyLength, CHUNK_LINE_BYTES_MAX, ChunkScanner, FieldSlots, HTTP2_PREFACE, Head, RequestHead,
    TRAILER_BYTES_MAX, Version, parse_head,
};

const HEAD_BYTES_MAX: usize = 1024;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    match bytes.split_first() {
        Some((b'H', bytes)) => check_head(bytes),
        Some((b'C', bytes)) => check_chunks(bytes),
        _ => {}
    }
});

fn check_head(bytes: &[u8]) {
    let strict = strict_http::head(bytes);
    let taken = match parse_head(bytes, &mut FieldSlots::new(), HEAD_BYTES_MAX) {
        Head::Complete(head) => {
            expect_same(&head, strict.as_ref().expect("what is taken has one reading"));
            head.bytes
        }
        Head::Partial => {
            assert!(strict.is_none(), "a whole head is no beginning");
            assert!(bytes.len() <= HEAD_BYTES_MAX, "a beginning has a limit");
            return;
        }
        Head::Rare => {
            assert!(bytes.starts_with(HTTP2_PREFACE));
            HTTP2_PREFACE.len()
        }
        Head::Invalid(problem) => {
            assert!(matches!(problem.status(), 400 | 414 | 431 | 501 | 505), "{problem:?}");
            return;
        }
    };
    for end in 0..taken {
        let mut slots = FieldSlots::new();
        let head = parse_head(&bytes[..end], &mut slots, HEAD_BYTES_MAX);
        assert!(matches!(head, Head::Partial), "{end} of {taken}: {head:?}");
    }
    let mut slots = FieldSlots::new();
    let alone = parse_head(&bytes[..taken], &mut slots, HEAD_BYTES_MAX);
    assert!(matches!(alone, Head::Complete(_) | Head::Rare), "what follows a head has no part in it");
}

fn expect_same(head: &RequestHead<'_, '_>, strict: &StrictHead<'_>) {
    assert_eq!(head.bytes, strict.bytes);
    assert_eq!(head.target.as_bytes(), strict.target);
    assert_eq!(head.version == Version::Http11, strict.is_http11);
    let fields: Vec<_> =
        head.fields.iter().map(|field| (field.name.as_bytes(), field.value.trim_ascii())).collect();
    assert_eq!(fields, strict.fields);
    let body = match head.body {
        BodyLength::Empty => StrictBody::Bytes(0),
        BodyLength::Known(bytes) => StrictBody::Bytes(bytes),
        BodyLength::Chunked => StrictBody::Chunked,
    };
    assert_eq!(body, strict.body);
    let closes = strict.fields.iter().any(|(name, value)| {
        let mut elements = value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
        name.eq_ignore_ascii_case(b"connection")
            && elements.any(|element| element.eq_ignore_ascii_case(b"close"))
    });
    assert!(!(closes && head.keep_alive), "who asks to close is closed");
}

fn check_chunks(bytes: &[u8]) {
    let whole = ChunkScanner::default().scan(bytes);
    let strict = strict_http::chunked_end(bytes);
    match whole {
        Ok(scanned) if scanned.is_over => {
            assert_eq!(strict, Some(scanned.bytes), "what is taken has one reading");
        }
        Ok(scanned) => {
            assert!(strict.is_none() && scanned.bytes == bytes.len(), "a whole body is no beginning");
        }
        // Refused for its length alone, else nobody takes it.
        Err(_) => assert!(strict.is_none() || CHUNK_LINE_BYTES_MAX.min(TRAILER_BYTES_MAX) < bytes.len()),
    }
    let mut scanner = ChunkScanner::default();
    let mut count = 0;
    let one_by_one = bytes.iter().find_map(|byte| match scanner.scan(&[*byte]) {
        Ok(seen) => {
            count += seen.bytes;
            seen.is_over.then_some(Ok(count))
        }
        Err(reason) => Some(Err(reason)),
    });
    let over = whole.map(|seen| seen.is_over.then_some(seen.bytes)).transpose();
    assert_eq!(one_by_one, over, "pieces make no difference");
}
