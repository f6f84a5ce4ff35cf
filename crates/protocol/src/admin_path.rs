//! The paths of administrators, below `/v1/admin/`.

use crate::Problem;

/// Which of them. One line for each, so that a path, its methods and its place in a `match` come together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AdminPath {
    /// `/v1/admin/me`: who asks, as the server knows them.
    Me,
    /// `/v1/admin/revoke`: tokens, subjects and keys that are not believed any more.
    Revoke,
    /// `/v1/admin/server`: whether it is well.
    Server,
    /// `/v1/admin/streams`: streams, by name or the busiest.
    Streams,
    /// `/v1/admin/stream`: one stream.
    Stream,
    /// `/v1/admin/followers`: who follows a stream, and who is furthest behind.
    Followers,
    /// `/v1/admin/connections`: who is connected.
    Connections,
}

impl AdminPath {
    /// How all of them begin.
    pub const ROOT: &str = "/v1/admin/";

    /// Every one: what stands behind the root, and the methods that it has.
    const ALL: [(&str, AdminPath, &str); 7] = [
        ("me", AdminPath::Me, "GET, OPTIONS"),
        ("revoke", AdminPath::Revoke, "GET, POST, DELETE, OPTIONS"),
        ("server", AdminPath::Server, "GET, OPTIONS"),
        ("streams", AdminPath::Streams, "GET, OPTIONS"),
        ("stream", AdminPath::Stream, "GET, OPTIONS"),
        ("followers", AdminPath::Followers, "GET, OPTIONS"),
        ("connections", AdminPath::Connections, "GET, OPTIONS"),
    ];

    /// Reads a path.
    pub(crate) fn parse(path: &str) -> Result<AdminPath, Problem> {
        let rest = path.strip_prefix(AdminPath::ROOT).unwrap_or_default();
        let found = AdminPath::ALL.into_iter().find(|(word, ..)| *word == rest);
        found.map(|(_, path, _)| path).ok_or_else(Problem::not_found)
    }

    /// The methods that it has, as `Allow` lists them.
    pub(crate) fn methods(self) -> &'static str {
        let found = AdminPath::ALL.into_iter().find(|(_, path, _)| *path == self);
        found.map_or("OPTIONS", |(.., methods)| methods)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_path_leads_to_itself_and_has_methods() {
        for (word, path, methods) in AdminPath::ALL {
            assert_eq!(AdminPath::parse(&format!("/v1/admin/{word}")), Ok(path));
            assert_eq!(path.methods(), methods);
        }
        assert!(AdminPath::parse("/v1/admin/").is_err());
        assert!(AdminPath::parse("/v1/admin/me/").is_err());
    }
}
