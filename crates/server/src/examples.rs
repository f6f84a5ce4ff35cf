//! The pages of the example programs: files of the folder `examples` that are built into the binary, under `/examples/`.

use crate::pages::{CSS, File, HTML, Pages, SCRIPT, SVG};
use crate::request::Request;
use tidings_protocol::{Headers, Response};

/// The paths of the programs, each with what it is.
pub const EXAMPLES: [(&str, &str); 3] = [
    ("/examples/chat/", "chat"),
    ("/examples/live-data/", "live figures of this machine"),
    ("/examples/plain/", "four ways to follow, without a library"),
];

/// The file at a path, which is served there; or, after an arrow, at another one.
macro_rules! file {
    ($path:literal, $content_type:expr) => {
        file!($path => $path, $content_type)
    };
    ($source:literal => $path:literal, $content_type:expr) => {
        File {
            path: $path,
            content_type: $content_type,
            bytes: include_bytes!(concat!("../../../examples/", $source)),
        }
    };
}

static FILES: &[File] = &[
    file!("index.html" => "", HTML),
    file!("index.css", CSS),
    file!("base.css", CSS),
    file!("connection.css", CSS),
    file!("connection.js", SCRIPT),
    file!("follow.js", SCRIPT),
    file!("rate.js", SCRIPT),
    file!("server-clock.js", SCRIPT),
    file!("icon.svg", SVG),
    file!("tidings.js", SCRIPT),
    file!("chat/index.html" => "chat/", HTML),
    file!("chat/chat.css", CSS),
    file!("chat/chat.js", SCRIPT),
    file!("chat/message-list.js", SCRIPT),
    file!("chat/person.js", SCRIPT),
    file!("chat/presence.js", SCRIPT),
    file!("chat/room.js", SCRIPT),
    file!("live-data/index.html" => "live-data/", HTML),
    file!("live-data/live-data.css", CSS),
    file!("live-data/live-data.js", SCRIPT),
    file!("live-data/chart.js", SCRIPT),
    file!("live-data/load.js", SCRIPT),
    file!("plain/index.html" => "plain/", HTML),
    file!("plain/plain.css", CSS),
    file!("plain/four-ways.js", SCRIPT),
    file!("plain/poll.js", SCRIPT),
    file!("plain/long-poll.js", SCRIPT),
    file!("plain/sse.js", SCRIPT),
    file!("plain/websocket.js", SCRIPT),
];

static PAGES: Pages =
    Pages::new("/examples/", &["/examples/chat/", "/examples/live-data/", "/examples/plain/"], FILES);

/// The answer, if the request is for a page or a file of the examples.
pub(crate) fn answer<H: Headers + ?Sized>(request: &Request<'_, H>) -> Option<Response> {
    PAGES.answer(request)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_program_has_a_page() {
        for (path, _) in EXAMPLES {
            let rest = path.strip_prefix("/examples/").unwrap();
            assert!(FILES.iter().any(|file| file.path == rest), "{path}");
        }
    }
}
