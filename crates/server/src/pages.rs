//! Pages that are built into the binary: a folder of files under one path.
//!
//! Knows which files there are and how a browser may use them. Does not know what they do: they are clients like others.

use crate::request::Request;
use bytes::Bytes;
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::sync::OnceLock;
use tidings_protocol::{
    CacheControl, Headers, Method, Problem, Response, header_name, none_match_names, target_path,
};

/// What a page may load and do: its own files, and requests to this server. Nothing is inline, nothing comes from elsewhere.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

pub(crate) const HTML: &str = "text/html; charset=utf-8";
pub(crate) const CSS: &str = "text/css; charset=utf-8";
pub(crate) const SCRIPT: &str = "text/javascript; charset=utf-8";
pub(crate) const SVG: &str = "image/svg+xml";

/// A file of a folder.
pub(crate) struct File {
    /// Behind the path of the folder; that of a folder's page ends there.
    pub(crate) path: &'static str,
    pub(crate) content_type: &'static str,
    pub(crate) bytes: &'static [u8],
}

/// All of one path.
pub(crate) struct Pages {
    /// The path, with its slash.
    root: &'static str,
    /// Other folders that have a page.
    folders: &'static [&'static str],
    files: &'static [File],
    /// The tag of each file, made when it is first asked for one.
    tags: OnceLock<Vec<String>>,
}

impl Pages {
    pub(crate) const fn new(
        root: &'static str,
        folders: &'static [&'static str],
        files: &'static [File],
    ) -> Pages {
        Pages { root, folders, files, tags: OnceLock::new() }
    }

    /// The answer, if the request is for one of these.
    pub(crate) fn answer<H: Headers + ?Sized>(&self, request: &Request<'_, H>) -> Option<Response> {
        let path = target_path(request.target)?;
        let index = match path.strip_prefix(self.root) {
            Some(rest) => self.files.iter().position(|file| file.path == rest),
            None => None,
        };
        match (index, request.method) {
            (Some(index), Method::Get | Method::Head) => Some(self.respond(index, request.headers)),
            (Some(_), Method::Options) => Some(Response::preflight()),
            (Some(_), _) => Some(Response::problem(&Problem::method_not_allowed("GET, HEAD, OPTIONS"))),
            (None, _) => self.folder_of(path).map(redirect),
        }
    }

    fn respond<H: Headers + ?Sized>(&self, index: usize, headers: &H) -> Response {
        let tags = self.tags.get_or_init(|| self.files.iter().map(|file| tag(file.bytes)).collect());
        let (file, tag) = (&self.files[index], &tags[index]);
        let is_known = none_match_names(headers, tag);
        let response = if is_known {
            Response::new(304)
        } else {
            Response::new(200).with_body(file.content_type, Bytes::from_static(file.bytes))
        };
        response
            .with(header_name::ETAG, tidings_protocol::HeaderValue::text(&format!("\"{tag}\"")))
            .with(header_name::CACHE_CONTROL, CacheControl::NoCache)
            .with(header_name::CONTENT_SECURITY_POLICY, POLICY)
            .with(header_name::REFERRER_POLICY, "no-referrer")
    }

    /// The folder that somebody means who leaves out its slash.
    fn folder_of(&self, path: &str) -> Option<&'static str> {
        let folders = self.folders.iter().copied();
        std::iter::once(self.root).chain(folders).find(|folder| folder.trim_end_matches('/') == path)
    }
}

fn redirect(folder: &'static str) -> Response {
    Response::new(308)
        .with(header_name::LOCATION, folder)
        .with(header_name::CACHE_CONTROL, CacheControl::NoCache)
}

/// What changes when a file does.
fn tag(bytes: &[u8]) -> String {
    const BYTES: usize = 8;
    Sha256::digest(bytes)[..BYTES].iter().fold(String::new(), |mut text, byte| {
        let _always_fits = write!(text, "{byte:02x}");
        text
    })
}
