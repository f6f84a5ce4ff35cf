//! Writes the seeds: `cargo run --manifest-path fuzz/Cargo.toml --example seeds`, after a change of the format.

use std::path::Path;
use std::{fs, io};
use tidings_fuzz::{Input, good_log};

fn main() -> io::Result<()> {
    let good = Input::encode(good_log());
    let mut mended = good.clone();
    mended[0] = b'f';
    write(
        "recovery",
        &[
            ("files", &good),
            ("files-mended", &mended),
            ("no-files", b"F"),
            ("log", b"L"),
            ("log-torn", b"L\x02\x00\x11\xff"),
            ("log-damaged", b"L\x00\x00\x12\x01"),
            ("log-mended", b"l\x00\x30\x10\x04\x01\x34\x10\x02"),
        ],
    )?;
    write(
        "block",
        &[
            ("good", b"B"),
            ("first-page", b"B\x00\x08\x10\x00\x10\x00\x18\x10\x00\x01"),
            ("page", b"P\x00\x00\x00\x00"),
        ],
    )?;
    write(
        "http_head",
        &[
            ("get", b"HGET /v1/stream/a?offset=-1 HTTP/1.1\r\nHost: h\r\nIf-None-Match: *\r\n\r\nrest"),
            ("post", b"HPOST /v1/stream/a HTTP/1.1\r\nHost: h\r\nContent-Length: 12\r\n\r\n"),
            ("chunked", b"HPUT /v1/stream/a HTTP/1.1\r\nhost:h\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n1\r\n0\r\n\r\n"),
            ("old", b"H\r\nGET http://h/v1/ws HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n"),
            ("upgrade", b"HGET /v1/ws HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"),
            ("preface", b"HPRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
            ("chunks", b"C5;x=\"y\"\r\nhello\r\n1 ;z\r\n\n\r\n0\r\nX: y\r\n\r\nGET"),
        ],
    )?;
    write(
        "requests",
        &[
            ("read", b"R/v1/stream/a%2Fb?offset=-1&live=long-poll&timeout=0.5\nIf-None-Match: \"1:0:1:t\"\nLast-Event-ID: x"),
            ("last", b"R/v1/stream/a?last=5&live=sse\n"),
            ("publish", b"R/v1/stream/a?create=true\nContent-Type: application/json\nProducer-Id: p\nProducer-Epoch: 0\nProducer-Seq: 1"),
            ("create", b"R/v1/stream/a\nContent-Type: text/plain\nStream-TTL: 60\nStream-Closed: true"),
            ("list", b"R/v1/streams?prefix=a&limit=5&after=b\n"),
            ("json", b"J[1, {\"a\": [true, null, \"\\u00e9\"]}, -1.5e3]"),
            ("many", b"Mlive=long-poll&timeout=2.5\n{\"streams\":[{\"stream\":\"a/b\",\"offset\":\"00000000000000aa_0000000000000007\"},{\"stream\":\"\\u00fc\",\"last\":10}, {\"stream\":\"c\"}]}"),
            ("events", b"S\xef\xbb\xbfretry: 20\n:x\r\nid: 1\rdata: a\ndata\n\nevent: control\ndata:{}\n\n"),
        ],
    )?;
    write_tokens()?;
    write_settings()?;
    write_tls()?;
    write(
        "websocket",
        &[
            ("text", b"F\x00\x03\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"),
            (
                "fragments",
                b"F\x01\x01\x01\x81\0\0\0\0H\x89\x81\0\0\0\0p\x80\x81\0\0\0\0i\x88\x82\0\0\0\0\x03\xe8",
            ),
            ("compressed", b"F\x01\x02\xc1\x87\0\0\0\0\xf2\x48\xcd\xc9\xc9\x07\x00"),
            ("deflate", b"D\x02\xf2\x48\xcd\xc9\xc9\x07\x00"),
            ("deflate-stored", b"D\x02\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00"),
            ("deflate-ended", b"D\x02\xf3\x48\xcd\xc9\xc9\x07\x00\x00"),
            ("offer", b"Opermessage-deflate; server_max_window_bits=\"10\", permessage-deflate"),
        ],
    )
}

fn write_tokens() -> io::Result<()> {
    write(
        "tokens",
        &[
            ("unsigned", b"TeyJhbGciOiJub25lIn0.e30."),
            ("signed", b"C{\"alg\":\"HS256\"}\n{\"exp\":1800000600,\"aud\":\"tidings\",\"sub\":\"ann\",\"tidings\":{\"read\":[\"users/{sub}/**\"]}}"),
            ("times", b"C{\"alg\":\"HS256\",\"kid\":\"1\"}\n{\"exp\":1.8e9,\"nbf\":-1,\"aud\":[\"tidings\"]}"),
            ("key-set", b"K{\"keys\":[{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}]}"),
            ("pem", b"K-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n-----END PUBLIC KEY-----\n"),
            ("pattern", b"Pusers/{sub}/**\nann\nusers/ann/inbox"),
            ("pattern-star", b"P**/a*{sub}/b\na\nx/ya/aa/b"),
        ],
    )
}

fn write_settings() -> io::Result<()> {
    const HASH: &str = "6f1d9a3e8b5c7042d6e1f0a9b8c7d6e5f4a3b2c1d0e9f8a7b6c5d4e3f2a1b0c9";
    let rules = format!(
        "listen = \"0.0.0.0:4437\"\n[[rights]]\nto = \"token\"\nread = [\"users/{{sub}}/**\"]\n[[keys]]\nname = \"a\"\nhash = \
         \"sha256:{HASH}\"\npublish = \"**\"\n[[origins]]\nallow = [\"https://*.example.com\"]\ncookie = false\n"
    );
    write(
        "settings",
        &[
            ("default", tidings_server::settings::default_file().as_bytes()),
            ("rules", rules.as_bytes()),
            ("streams", b"heartbeat = \"1m30s\"\n[[streams]]\nmatch = \"a/*\"\nretention_bytes = \"1 GiB\"\nbehind = \"latest\"\n"),
            ("proxies", b"trusted_proxies = \"10.0.0.0/8, ::1\"\nproxy_protocol = true\nmemory_budget_bytes = \"64 MiB\"\n"),
            ("tls", b"tls_listen = \"127.0.0.1:0\"\ntls_certificate_file = \"a.pem,b.pem\"\ntls_key_file = \"a.key,b.key\"\n"),
        ],
    )
}

fn write_tls() -> io::Result<()> {
    // The steps of a whole handshake, a message each way, other keys, and the end.
    let steps = b"C\x04\xff\x04\xff\x04\xff\x00\x10\x04\xff\x01\x00\x00\x20\x04\xff\x03\x00";
    let alert = b"R\x07\x15\x03\x03\x00\x02\x01\x00";
    let hello = b"R\x05\x16\x03\x01\x00\x30\xff\x01\x00\x00\x2c\x03\x03aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\x00\x00\x02\x13\x01\x01\x00\x00\x01";
    let changed = b"C\x04\xff\x02\x05\x04\xff";
    write(
        "tls_session",
        &[
            ("steps", steps),
            ("alert", alert),
            ("hello", hello),
            ("changed", changed),
            ("http", b"R\x10GET / HTTP/1.1\r\n"),
        ],
    )
}

fn write(target: &str, seeds: &[(&str, &[u8])]) -> io::Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds").join(target);
    fs::create_dir_all(&folder)?;
    for (name, bytes) in seeds {
        fs::write(folder.join(name), bytes)?;
    }
    Ok(())
}
