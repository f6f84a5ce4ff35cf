//! Behind a proxy: the address that a trusted one tells is the client's, and a stranger's word is nothing.

use crate::limits::{ONE, OTHER, builder, refused_by};
use crate::requests::{POLL, put, upgrade};
use crate::wire::Wire;
use tidings_testkit::{Server, eventually};

/// The proxy's own address.
const PROXY: &str = "127.0.0.9";

/// Who makes the stream, and is nobody else: a connection counts for a moment longer than it is open, also that of who looked whether the
/// server is ready.
const MAKER: &str = "127.0.0.8";

fn server(more: &str) -> Server {
    let server = builder(&format!("trusted_proxies = \"{PROXY}\"\n{more}")).start();
    assert_eq!(Wire::connect_from(&server, MAKER).ask(put("a")).status, 201);
    server
}

/// A connection of the proxy that begins with these bytes.
fn beginning_with(server: &Server, header: impl AsRef<[u8]>) -> Wire {
    let mut wire = Wire::connect_from(server, PROXY);
    wire.send(header);
    wire
}

fn version_1(client: &str) -> String {
    let family = if client.contains(':') { "TCP6" } else { "TCP4" };
    let proxy = if client.contains(':') { "::1" } else { "127.0.0.1" };
    format!("PROXY {family} {client} {proxy} 4711 80\r\n")
}

fn version_2(client: [u8; 4]) -> Vec<u8> {
    [b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c".as_slice(), &client, &[127, 0, 0, 1, 1, 2, 3, 4]].concat()
}

const LIMIT: &str = "max_connections_per_address";

#[test]
fn a_connection_belongs_to_whom_the_proxy_names() {
    let server = server("proxy_protocol = true\nmax_connections_per_address = 1");
    let mut first = beginning_with(&server, version_1("203.0.113.7"));
    assert_eq!(first.ask(POLL).status, 200);
    // In one piece with the request, in pieces of a byte, and by the other version.
    let mut second = beginning_with(&server, version_1("203.0.113.7") + POLL);
    refused_by(&second.answer(), LIMIT, 1, "address");
    second.expect_end();
    let mut third = Wire::connect_from(&server, PROXY);
    third.send_byte_by_byte(version_2([203, 0, 113, 7]));
    refused_by(&third.answer(), LIMIT, 1, "address");
    let mut other = beginning_with(&server, [&version_2([203, 0, 113, 8]), POLL.as_bytes()].concat());
    assert_eq!(other.answer().status, 200);
    // A network of IPv6 is one client.
    let mut whole = beginning_with(&server, version_1("2001:db8::1"));
    assert_eq!(whole.ask(upgrade("/v1/stream/a")).status, 101);
    let mut same = beginning_with(&server, version_1("2001:db8::2"));
    refused_by(&same.answer(), LIMIT, 1, "address");
    let mut next = beginning_with(&server, version_1("2001:db8:0:1::1") + &put("b"));
    assert_eq!(next.answer().status, 201);
    // The proxy may look whether the server is there, as often as it likes.
    for _ in 0..3 {
        assert_eq!(beginning_with(&server, format!("PROXY UNKNOWN\r\n{POLL}")).answer().status, 200);
    }
    first.reset();
    eventually("its connection is gone", || {
        let mut wire = beginning_with(&server, version_1("203.0.113.7") + POLL);
        (wire.answer().status == 200).then_some(())
    });
}

#[test]
fn only_the_proxy_begins_with_a_header_and_it_must() {
    let server = server("proxy_protocol = true");
    for wrong in [
        POLL,
        "PROXY TCP4 203.0.113.7\r\n",
        "PROXY TCP5 1.1.1.1 1.1.1.1 1 1\r\n",
        "\r\n\r\n\0\r\nQUIT\n\x21\x7f\0\0",
    ] {
        beginning_with(&server, wrong).expect_end_of_any_kind();
    }
    let mut stranger = Wire::connect_from(&server, ONE);
    assert_eq!(stranger.ask(version_1("203.0.113.7") + "\r\n").status, 400);
    assert_eq!(Wire::connect_from(&server, ONE).ask(POLL).status, 200);
    let mut without = Wire::connect_from(&server, ONE);
    let answer = without.ask(version_2([203, 0, 113, 7]));
    assert_eq!(answer.status, 400, "{}", answer.text());
}

fn publish_for(field: &str) -> String {
    crate::requests::publish("a", &format!("[{}1]", "1,".repeat(599))).replacen(
        "Host: t\r\n",
        &format!("Host: t\r\n{field}\r\n"),
        1,
    )
}

#[test]
fn a_request_belongs_to_whom_the_proxy_names() {
    const LIMIT: &str = "publish_rate_per_address";
    let server = server("publish_rate_per_address = 1");
    let mut wire = Wire::connect_from(&server, PROXY);
    assert_eq!(wire.ask(publish_for("X-Forwarded-For: 203.0.113.7")).status, 204);
    // Whatever the client has written before it.
    for forged in
        ["203.0.113.8, 203.0.113.7", "127.0.0.1,203.0.113.7", "::ffff:203.0.113.7", "203.0.113.7, 127.0.0.9"]
    {
        let answer = wire.ask(publish_for(&format!("X-Forwarded-For: {forged}")));
        refused_by(&answer, LIMIT, 1, "address");
    }
    assert_eq!(wire.ask(publish_for("X-Forwarded-For: 203.0.113.8")).status, 204);
    assert_eq!(wire.ask(publish_for("Forwarded: for=203.0.113.7")).status, 204);
    // A stranger is who it is, whatever it says.
    let mut stranger = Wire::connect_from(&server, OTHER);
    assert_eq!(stranger.ask(publish_for("X-Forwarded-For: 203.0.113.7")).status, 204);
    refused_by(&stranger.ask(publish_for("X-Forwarded-For: 203.0.113.77")), LIMIT, 1, "address");
}

#[test]
fn the_server_tells_whom_it_sees() {
    let sees = |wire: &mut Wire, fields: &str| {
        let answer = wire.ask(format!("GET /v1/admin/me HTTP/1.1\r\nHost: t\r\n{fields}\r\n"));
        let me: serde_json::Value = serde_json::from_slice(&answer.body).expect("it is JSON");
        (me["address"].as_str().unwrap_or_default().to_owned(), me["secure"] == true)
    };
    let plainly = |address: &str| (address.to_owned(), false);
    let server = server("");
    let mut wire = Wire::connect_from(&server, PROXY);
    assert_eq!(sees(&mut wire, ""), plainly(PROXY));
    let fields = "X-Forwarded-For: 1.1.1.1, [2001:db8::1]:80\r\nX-Forwarded-Proto: https\r\n";
    assert_eq!(sees(&mut wire, fields), ("2001:db8::1".to_owned(), true));
    assert_eq!(sees(&mut wire, "X-Forwarded-For: 203.0.113.7, 127.0.0.9\r\n"), plainly("203.0.113.7"));
    assert_eq!(sees(&mut Wire::connect_from(&server, ONE), fields), plainly(ONE));
    drop(server);

    let server = self::server("proxy_protocol = true");
    assert_eq!(sees(&mut beginning_with(&server, version_1("2001:db8::1")), fields), plainly("2001:db8::1"));
    let secured = [
        b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x14\x01\x02\x03\x04\x7f\0\0\x01\x01\x02\x03\x04".as_slice(),
        b"\x20\0\x05\x01\0\0\0\0",
    ];
    assert_eq!(sees(&mut beginning_with(&server, secured.concat()), ""), ("1.2.3.4".to_owned(), true));
    assert_eq!(sees(&mut beginning_with(&server, "PROXY UNKNOWN\r\n"), ""), plainly(PROXY));
    assert_eq!(sees(&mut Wire::connect_from(&server, ONE), fields), plainly(ONE));
}

#[test]
fn forwarded_is_read_where_the_settings_say_so() {
    const LIMIT: &str = "publish_rate_per_address";
    let server = server("publish_rate_per_address = 1\nforwarded_header = \"forwarded\"");
    let mut wire = Wire::connect_from(&server, PROXY);
    assert_eq!(wire.ask(publish_for("Forwarded: for=203.0.113.7;proto=https")).status, 204);
    let forged = "Forwarded: for=\"1.1.1.1\r\nForwarded: for=\"[2001:db8::1]:1\", for=203.0.113.7\r\nX-Forwarded-For: 203.0.113.8";
    refused_by(&wire.ask(publish_for(forged)), LIMIT, 1, "address");
    let mut odd = Wire::connect_from(&server, PROXY);
    let chunked = crate::requests::publish_chunked("a", "11").replacen(
        "Host: t\r\n",
        "Host: t\r\nForwarded: for=203.0.113.7\r\n",
        1,
    );
    refused_by(&odd.ask(chunked), LIMIT, 1, "address");
}
