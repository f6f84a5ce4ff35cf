//! Cases of what proxies and clients write.

use super::*;

/// Those in 10.0.0.0/8 are believed.
fn client(field: ForwardedField, fields: &[(&str, &str)]) -> Option<(String, bool)> {
    let is_believed = |address: IpAddr| address.to_string().starts_with("10.");
    let client = forwarded_client(fields, field, is_believed)?;
    Some((client.address.to_string(), client.is_secure))
}

fn by_x(value: &str) -> Option<String> {
    client(ForwardedField::XForwardedFor, &[("X-Forwarded-For", value)]).map(|(address, _)| address)
}

fn by_rfc(value: &str) -> Option<(String, bool)> {
    client(ForwardedField::Forwarded, &[("Forwarded", value)])
}

#[test]
fn it_is_the_last_address_that_is_not_believed() {
    assert_eq!(by_x("203.0.113.7").as_deref(), Some("203.0.113.7"));
    assert_eq!(by_x("1.1.1.1, 203.0.113.7").as_deref(), Some("203.0.113.7"));
    assert_eq!(by_x("1.1.1.1, 203.0.113.7, 10.0.0.1,10.0.0.2").as_deref(), Some("203.0.113.7"));
    assert_eq!(by_x("10.0.0.3, 10.0.0.2").as_deref(), Some("10.0.0.3"));
    let lines = [("X-Forwarded-For", "203.0.113.7, 10.0.0.9"), ("x-forwarded-for", "10.0.0.1")];
    assert_eq!(client(ForwardedField::XForwardedFor, &lines).unwrap().0, "203.0.113.7");
}

#[test]
fn what_is_before_a_stranger_is_not_even_read() {
    assert_eq!(by_x("\"\", ,,x, 203.0.113.7, 10.0.0.2").as_deref(), Some("203.0.113.7"));
    for forged in
        ["for=\"1.1.1.1, ", "for=\"1.1.1.1;", "for=1.1.1.1\\\"\", ", "\"", "for=1.1.1.1;for=\"", "for"]
    {
        let said = by_rfc(&format!("{forged}, for=203.0.113.7"));
        assert_eq!(said, Some(("203.0.113.7".to_owned(), false)), "{forged}");
    }
}

#[test]
fn addresses_come_in_many_clothes() {
    for (text, address) in [
        ("203.0.113.7:4711", "203.0.113.7"),
        ("2001:db8::1", "2001:db8::1"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("[2001:db8::1]:4711", "2001:db8::1"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("[::ffff:203.0.113.7]:1", "203.0.113.7"),
    ] {
        assert_eq!(by_x(text).as_deref(), Some(address), "{text}");
    }
    for (text, address, is_secure) in [
        ("for=203.0.113.7", "203.0.113.7", false),
        ("FOR=\"203.0.113.7:80\";PROTO=https;by=10.0.0.1", "203.0.113.7", true),
        ("proto=\"https\" ; host=\"a;b,c\" ; for=\"[2001:db8::1]:4711\"", "2001:db8::1", true),
        ("for=203.0.113.7;proto=http, for=10.0.0.5;proto=https", "203.0.113.7", false),
    ] {
        assert_eq!(by_rfc(text), Some((address.to_owned(), is_secure)), "{text}");
    }
}

#[test]
fn a_proxy_that_hides_its_client_leaves_itself() {
    for text in ["", "unknown", "_hidden", "203.0.113", "[::1", "1.2.3.4.5"] {
        assert_eq!(by_x(text), None, "{text}");
        assert_eq!(by_rfc(&format!("for={text}")), None, "{text}");
    }
    assert_eq!(by_x("203.0.113.7, unknown, 10.0.0.1").as_deref(), Some("10.0.0.1"));
    assert_eq!(by_rfc("proto=https"), None);
    assert_eq!(client(ForwardedField::XForwardedFor, &[("Forwarded", "for=203.0.113.7")]), None);
    assert_eq!(client(ForwardedField::Forwarded, &[("X-Forwarded-For", "203.0.113.7")]), None);
}

#[test]
fn the_last_word_on_the_scheme_counts() {
    for (proto, is_secure) in
        [("https", true), ("HTTPS", true), ("https, http", false), ("http, https", true), ("", false)]
    {
        let fields = [("X-Forwarded-For", "203.0.113.7"), ("X-Forwarded-Proto", proto)];
        let said = client(ForwardedField::XForwardedFor, &fields);
        assert_eq!(said, Some(("203.0.113.7".to_owned(), is_secure)), "{proto}");
    }
}

#[test]
fn no_more_proxies_in_a_row_are_believed_than_may_be() {
    let value = format!("203.0.113.7, {}10.0.0.1", "10.0.0.2, ".repeat(PROXIES_MAX));
    assert_eq!(by_x(&value).as_deref(), Some("10.0.0.2"));
}
