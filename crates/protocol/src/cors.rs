//! What a browser is told of whose pages may see an answer (the CORS protocol of Fetch).

use crate::header_name;

/// Whose pages may see an answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Cors {
    /// Everybody's, as long as the browser adds nothing of its user's by itself.
    #[default]
    Anyone,
    /// Those of this server only; with another `Origin` the answer would be another.
    Nobody,
    /// Those of this origin.
    Origin {
        /// As the request said it.
        origin: Box<str>,
        /// Whether requests with cookies may be answered.
        credentials: bool,
    },
}

impl Cors {
    /// Each header that says so.
    pub(crate) fn each(&self, visit: &mut dyn FnMut(&'static str, &str)) {
        match self {
            Cors::Anyone => {
                visit(header_name::ACCESS_CONTROL_ALLOW_ORIGIN, "*");
                visit(header_name::ACCESS_CONTROL_EXPOSE_HEADERS, header_name::EXPOSE_HEADERS);
            }
            Cors::Nobody => visit(header_name::VARY, "origin"),
            Cors::Origin { origin, credentials } => {
                visit(header_name::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
                visit(header_name::VARY, "origin");
                if *credentials {
                    // The star means nothing where cookies are sent.
                    visit(header_name::ACCESS_CONTROL_EXPOSE_HEADERS, header_name::EXPOSE_HEADERS_NAMED);
                    visit(header_name::ACCESS_CONTROL_ALLOW_CREDENTIALS, "true");
                } else {
                    visit(header_name::ACCESS_CONTROL_EXPOSE_HEADERS, header_name::EXPOSE_HEADERS);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(cors: &Cors) -> Vec<(&'static str, String)> {
        let mut headers = Vec::new();
        cors.each(&mut |name, value| headers.push((name, value.to_owned())));
        headers
    }

    #[test]
    fn a_star_never_stands_beside_credentials() {
        let anyone = headers(&Cors::Anyone);
        assert_eq!(anyone[0], ("access-control-allow-origin", "*".to_owned()));
        assert_eq!(headers(&Cors::Nobody), [("vary", "origin".to_owned())]);
        for credentials in [false, true] {
            let of = headers(&Cors::Origin { origin: "https://a.test".into(), credentials });
            assert_eq!(of[0].1, "https://a.test");
            assert_eq!(of.iter().any(|(_, value)| value == "*"), !credentials, "{of:?}");
            let allows = of.contains(&("access-control-allow-credentials", "true".to_owned()));
            assert_eq!(allows, credentials);
        }
    }
}
