//! `traceparent`: whose trace a request belongs to (W3C Trace Context, version 00).

/// What the header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TraceParent {
    pub(super) trace: u128,
    pub(super) span: u64,
    pub(super) is_sampled: bool,
}

impl TraceParent {
    /// Reads the header; `None` is as if it were not there, as the specification wants it.
    pub(super) fn parse(text: &str) -> Option<TraceParent> {
        let mut parts = text.trim().split('-');
        let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        // Later versions may say more behind.
        let is_known = hex(version, 2)? != 0xff && (version != "00" || parts.next().is_none());
        let (trace, span, flags) = (hex(trace, 32)?, hex(span, 16)?, hex(flags, 2)?);
        let span = u64::try_from(span).ok()?;
        let is_sampled = flags & 1 == 1;
        (is_known && trace != 0 && span != 0).then_some(TraceParent { trace, span, is_sampled })
    }
}

/// So many hexadecimal digits, in lower case.
fn hex(text: &str, digits: usize) -> Option<u128> {
    let is_lower = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    if text.len() == digits && is_lower { u128::from_str_radix(text, 16).ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_specification_allows_is_taken() {
        let sampled = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let read = TraceParent::parse(sampled).unwrap();
        assert_eq!(
            (read.trace, read.span),
            (0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c, 0xb7ad_6b71_6920_3331)
        );
        assert!(read.is_sampled);
        assert!(!TraceParent::parse(&sampled.replace("-01", "-00")).unwrap().is_sampled);
        assert!(TraceParent::parse(&format!("01{}-more", &sampled[2..])).is_some());
        for wrong in [
            "",
            "00",
            &format!("{sampled}-more"),
            &sampled.to_uppercase(),
            &sampled.replace("0af7", "0000").replace("651916cd43dd8448eb211c80319c", &"0".repeat(28)),
            &sampled.replace("b7ad6b7169203331", &"0".repeat(16)),
            &format!("ff{}", &sampled[2..]),
            "00-+af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        ] {
            assert_eq!(TraceParent::parse(wrong), None, "{wrong}");
        }
    }
}
