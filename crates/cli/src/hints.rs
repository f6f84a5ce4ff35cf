//! What `tidings serve` prints when it is ready: lines that can be pasted into another terminal.

use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use tidings_server::Listens;

/// Prints where the server listens, and one line for each thing to try first. `program` is how a shell calls tidings.
pub(crate) fn print_hints(out: &mut impl Write, listens: Listens, program: &str) -> io::Result<()> {
    let url = format!("http://{}", reachable(listens.plain));
    let secured = listens.secured.map(|address| format!("and over TLS on https://{}\n", reachable(address)));
    let secured = secured.unwrap_or_default();
    let stream = format!("{url}/v1/stream/demo");
    let url_flag =
        if url == crate::server_arguments::DEFAULT_URL { String::new() } else { format!(" --url {url}") };
    write!(
        out,
        "\
tidings listens on {url}
{secured}
# publish a message
curl -X POST -H 'Content-Type: application/json' -d '{{\"hello\":\"world\"}}' '{stream}?create=true'
# read what is stored (poll)
curl -i '{stream}?offset=-1'
# hold until there is news (long poll)
curl -i '{stream}?offset=now&live=long-poll'
# follow (SSE)
curl -N '{stream}?offset=-1&live=sse'
# follow (WebSocket)
{program} follow demo --via websocket{url_flag}

"
    )?;
    out.flush()
}

/// Prints where the example programs are.
pub(crate) fn print_examples(out: &mut impl Write, address: SocketAddr) -> io::Result<()> {
    writeln!(out, "# open in a browser")?;
    for (path, what) in tidings_server::EXAMPLES {
        writeln!(out, "http://{}{path}  ({what})", reachable(address))?;
    }
    writeln!(out)?;
    out.flush()
}

/// How another shell calls this very program: by its name where the path finds it, else by its whole place.
pub(crate) fn program() -> String {
    const NAME: &str = "tidings";
    let Ok(this) = std::env::current_exe() else { return NAME.to_owned() };
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).map(|folder| folder.join(NAME)).find(|file| file.is_file());
    let is_this = found.and_then(|file| file.canonicalize().ok()).is_some_and(|file| file == this);
    if is_this { NAME.to_owned() } else { quoted(&this.to_string_lossy()) }
}

/// A word as a shell reads it back.
pub(crate) fn quoted(word: &str) -> String {
    let is_plain = word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/._-+,:%".contains(&byte));
    if is_plain { word.to_owned() } else { format!("'{}'", word.replace('\'', r"'\''")) }
}

/// An address that a client on this machine can connect to: a wildcard stands for all of them.
pub(crate) fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip @ (IpAddr::V4(_) | IpAddr::V6(_)) => ip,
    };
    SocketAddr::new(ip, address.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hints(address: &str) -> String {
        let mut out = Vec::new();
        let listens = Listens { plain: address.parse().unwrap(), secured: None };
        print_hints(&mut out, listens, "tidings").unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_real_address_is_printed() {
        let text = hints("127.0.0.1:4437");
        let publish = "\ncurl -X POST -H 'Content-Type: application/json' -d '{\"hello\":\"world\"}' \
                       'http://127.0.0.1:4437/v1/stream/demo?create=true'\n";
        assert!(text.contains(publish), "{text}");
        assert!(text.contains("\ntidings follow demo --via websocket\n"), "{text}");
    }

    #[test]
    fn both_examples_are_named() {
        let mut out = Vec::new();
        print_examples(&mut out, "0.0.0.0:81".parse().unwrap()).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(text.contains("\nhttp://127.0.0.1:81/examples/chat/  (chat)\n"), "{text}");
        assert!(text.contains("\nhttp://127.0.0.1:81/examples/live-data/  ("), "{text}");
    }

    #[test]
    fn another_port_and_a_wildcard_can_be_pasted_too() {
        let text = hints("0.0.0.0:81");
        assert!(text.starts_with("tidings listens on http://127.0.0.1:81\n"), "{text}");
        assert!(text.contains("--via websocket --url http://127.0.0.1:81\n"), "{text}");
        assert!(hints("[::]:81").contains("'http://[::1]:81/v1/stream/demo?offset=-1'"));
    }

    #[test]
    fn a_program_that_the_path_does_not_find_is_called_by_its_place() {
        let place = program();
        assert!(std::path::Path::new(place.trim_matches('\'')).is_file(), "{place}");
        assert_eq!(quoted("/opt/bin/tidings-1.0"), "/opt/bin/tidings-1.0");
        assert_eq!(quoted("0.1/s,1/s"), "0.1/s,1/s");
        assert_eq!(quoted("/my files/it's"), r"'/my files/it'\''s'");
    }
}
