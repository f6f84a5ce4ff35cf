//! The console: the files of `console/dist`, as they are built of `console/src`. Everybody may have the page; what it shows it asks of
//! `/v1/admin/`, with the token of who looks.

use crate::pages::{CSS, File, HTML, Pages, SCRIPT, SVG};
use crate::request::Request;
use tidings_protocol::{Headers, Response};

/// A file that was built.
macro_rules! file {
    ($source:literal => $path:literal, $content_type:expr) => {
        File {
            path: $path,
            content_type: $content_type,
            bytes: include_bytes!(concat!("../../../console/dist/", $source)),
        }
    };
}

static PAGES: Pages = Pages::new(
    "/console/",
    &[],
    &[
        file!("index.html" => "", HTML),
        file!("index.css" => "index.css", CSS),
        file!("console.js" => "console.js", SCRIPT),
        file!("icon.svg" => "icon.svg", SVG),
    ],
);

/// The answer, if the request is for the console.
pub(crate) fn answer<H: Headers + ?Sized>(request: &Request<'_, H>) -> Option<Response> {
    PAGES.answer(request)
}
