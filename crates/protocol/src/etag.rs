//! Entity tags of pages, and the condition `If-None-Match` (RFC 9110, section 13.1.2).
//!
//! ```text
//! "<incarnation>:<start>:<end>"      a page inside the stream
//! "<incarnation>:<start>:<end>:t"    its end is the tail
//! "<incarnation>:<start>:<end>:c"    its end is the tail of a closed stream
//! ```
//! The last part makes the tag change when only `Stream-Up-To-Date` or `Stream-Closed` does. Tags are read into
//! numbers at the edge, so comparing costs no allocation, and a tag that is not ours can't match.

use crate::digits::{parse_canonical, write_decimal};
use crate::header_name;
use crate::headers::Headers;
use crate::offset_text::incarnation_text;
use tidings_model::{Incarnation, Offset};

/// Where a page ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PageEnd {
    /// More is stored behind it.
    Inside,
    /// At the tail; more may be published.
    Tail,
    /// At the tail of a closed stream; nothing will ever follow.
    Closed,
}

/// The entity tag of one page. Strong: equal tags mean equal bytes, at one URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ETag {
    /// Where the page begins.
    pub start: Offset,
    /// How many messages of the stream lie before its end.
    pub end_index: u64,
    /// What stands there.
    pub end: PageEnd,
}

impl ETag {
    /// Appends the header's value, with its quotes.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.push(b'"');
        out.extend_from_slice(&incarnation_text(self.start.incarnation));
        out.push(b':');
        write_decimal(self.start.index, out);
        out.push(b':');
        write_decimal(self.end_index, out);
        out.extend_from_slice(match self.end {
            PageEnd::Inside => b"",
            PageEnd::Tail => b":t",
            PageEnd::Closed => b":c",
        });
        out.push(b'"');
    }

    /// Reads what stands between the quotes. Only what [`ETag::write`] writes is a tag of ours.
    fn parse_opaque(text: &[u8]) -> Option<ETag> {
        let mut parts = text.split(|&byte| byte == b':');
        let incarnation = parse_incarnation(parts.next()?)?;
        let index = parse_canonical(parts.next()?)?;
        let end_index = parse_canonical(parts.next()?)?;
        let end = match parts.next() {
            None => PageEnd::Inside,
            Some(b"t") => PageEnd::Tail,
            Some(b"c") => PageEnd::Closed,
            Some(_) => return None,
        };
        let is_over = parts.next().is_none();
        is_over.then_some(ETag { start: Offset { incarnation, index }, end_index, end })
    }
}

fn parse_incarnation(text: &[u8]) -> Option<Incarnation> {
    let is_ours = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    if text.len() != 16 || !text.iter().all(is_ours) {
        return None;
    }
    let text = std::str::from_utf8(text).ok()?;
    Incarnation::from_bits(u64::from_str_radix(text, 16).ok()?)
}

/// The condition of a read: "answer only if it is none of these".
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum IfNoneMatch {
    /// No condition, a malformed one, or one that no tag of ours can meet.
    #[default]
    Nothing,
    /// `*`: whatever there is.
    Anything,
    /// One tag: what a poll sends.
    One(ETag),
    /// A list.
    Several(Vec<ETag>),
}

impl IfNoneMatch {
    /// Reads the header. A malformed one is no condition: then the answer is whole, which is always right.
    pub fn parse(headers: &(impl Headers + ?Sized)) -> IfNoneMatch {
        let mut condition = IfNoneMatch::Nothing;
        let mut is_well_formed = true;
        let mut elements = 0_usize;
        headers.each(header_name::IF_NONE_MATCH, &mut |value| {
            if value == b"*" {
                elements += 1;
                condition = IfNoneMatch::Anything;
            } else {
                match for_each_tag(value, &mut |tag| condition.add(tag)) {
                    Some(count) => elements += count,
                    None => is_well_formed = false,
                }
            }
        });
        let is_lonely_star = condition != IfNoneMatch::Anything || elements == 1;
        if is_well_formed && is_lonely_star { condition } else { IfNoneMatch::Nothing }
    }

    /// Whether the reader already has the page of that tag. The comparison is weak: `W/` doesn't count.
    pub fn matches(&self, tag: &ETag) -> bool {
        match self {
            IfNoneMatch::Nothing => false,
            IfNoneMatch::Anything => true,
            IfNoneMatch::One(one) => one == tag,
            IfNoneMatch::Several(several) => several.contains(tag),
        }
    }

    fn add(&mut self, opaque: &[u8]) {
        let Some(tag) = ETag::parse_opaque(opaque) else {
            return;
        };
        match self {
            IfNoneMatch::Nothing => *self = IfNoneMatch::One(tag),
            IfNoneMatch::One(one) => *self = IfNoneMatch::Several(vec![*one, tag]),
            IfNoneMatch::Several(several) => several.push(tag),
            IfNoneMatch::Anything => {}
        }
    }
}

/// Whether `If-None-Match` names a tag that is not of a page but of a file, by what stands between its quotes; `*` names all.
pub fn none_match_names(headers: &(impl Headers + ?Sized), opaque: &str) -> bool {
    let mut is_named = false;
    headers.each(header_name::IF_NONE_MATCH, &mut |value| {
        let mut in_value = value == b"*";
        let is_well_formed = for_each_tag(value, &mut |tag| in_value |= tag == opaque.as_bytes()).is_some();
        is_named |= in_value && (is_well_formed || value == b"*");
    });
    is_named
}

/// Calls `on_tag` with the opaque part of each element of `[W/]"…", …` and counts them; `None` when malformed.
fn for_each_tag(value: &[u8], on_tag: &mut dyn FnMut(&[u8])) -> Option<usize> {
    let mut rest = value;
    let mut count = 0;
    loop {
        // A list may have empty elements (RFC 9110, section 5.6.1.2).
        while let [b' ' | b'\t' | b',', after @ ..] = rest {
            rest = after;
        }
        if rest.is_empty() {
            return Some(count);
        }
        let quoted = rest.strip_prefix(b"W/").unwrap_or(rest).strip_prefix(b"\"")?;
        let bytes = quoted.iter().position(|&byte| byte == b'"')?;
        let (opaque, after) = (&quoted[..bytes], &quoted[bytes + 1..]);
        if !opaque.iter().all(|&byte| byte == b'!' || (b'#'..=b'~').contains(&byte) || 0x80 <= byte) {
            return None;
        }
        on_tag(opaque);
        count += 1;
        rest = after.trim_ascii_start();
        if !rest.is_empty() && !rest.starts_with(b",") {
            return None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The page from message 3 to message 12.
    fn tag(end: PageEnd) -> ETag {
        let start = Offset { incarnation: Incarnation::of_disk(0xabc), index: 3 };
        ETag { start, end_index: 12, end }
    }

    fn text(tag: &ETag) -> String {
        let mut out = Vec::new();
        tag.write(&mut out);
        String::from_utf8(out).unwrap()
    }

    fn condition(values: &[&str]) -> IfNoneMatch {
        let pairs: Vec<_> = values.iter().map(|value| ("If-None-Match", *value)).collect();
        IfNoneMatch::parse(&pairs[..])
    }

    #[test]
    fn a_tag_tells_what_the_answer_tells() {
        assert_eq!(text(&tag(PageEnd::Inside)), r#""0000000000000abc:3:12""#);
        assert_eq!(text(&tag(PageEnd::Tail)), r#""0000000000000abc:3:12:t""#);
        assert_eq!(text(&tag(PageEnd::Closed)), r#""0000000000000abc:3:12:c""#);
        for end in [PageEnd::Inside, PageEnd::Tail, PageEnd::Closed] {
            assert_eq!(condition(&[&text(&tag(end))]), IfNoneMatch::One(tag(end)));
        }
    }

    #[test]
    fn weak_forms_lists_and_the_star_match() {
        let own = text(&tag(PageEnd::Inside));
        for values in [
            &[&own[..]][..],
            &[&format!("W/{own}")],
            &[&format!("\"a,b\" , ,{own}")],
            &[&format!("{own},\"x\"")],
            &["\"x\"", &own],
            &["*"],
        ] {
            assert!(condition(values).matches(&tag(PageEnd::Inside)), "{values:?}");
        }
    }

    #[test]
    fn a_file_is_named_by_its_tag() {
        let names = |value: &str| none_match_names(&[("If-None-Match", value)][..], "ab12");
        for value in ["\"ab12\"", "W/\"ab12\"", "\"x\", \"ab12\"", "*"] {
            assert!(names(value), "{value}");
        }
        for value in ["", "ab12", "\"ab1\"", "\"ab12", "\"ab12\" x"] {
            assert!(!names(value), "{value}");
        }
    }

    #[test]
    fn malformed_and_foreign_conditions_do_not_match() {
        let own = text(&tag(PageEnd::Inside));
        for values in [
            &[][..],
            &[""],
            &["0000000000000abc:3:12"],
            &["\"0000000000000abc:3:12"],
            &["\"0000000000000abc:03:12\""],
            &["\"0000000000000abc:3:12:t\""],
            &["\"0000000000000abc:3:12:c:c\""],
            &["\"0000000000000ABC:3:12\""],
            &["\"0000000000000000:3:12\""],
            &[&format!("{own} {own}")],
            &[&format!("{own}, *")],
            &["*", &own],
            &["*, *"],
            &[&format!("w/{own}")],
        ] {
            assert!(!condition(values).matches(&tag(PageEnd::Inside)), "{values:?}");
        }
    }
}
