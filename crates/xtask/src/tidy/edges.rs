//! Layers: which of our crates may use which. A new edge is a change of this table, reviewed as architecture.

use crate::workspace::{Edge, Workspace};

/// A crate and what it may use.
struct Layer {
    name: &'static str,
    uses: &'static [&'static str],
    /// What only its tests use.
    in_tests: &'static [&'static str],
}

/// From the bottom to the top.
const LAYERS: &[Layer] = &[
    Layer { name: "tidings-sys", uses: &[], in_tests: &[] },
    Layer { name: "tidings-model", uses: &[], in_tests: &[] },
    Layer { name: "tidings-auth", uses: &["tidings-model"], in_tests: &[] },
    Layer { name: "tidings-protocol", uses: &["tidings-model"], in_tests: &[] },
    Layer { name: "tidings-log", uses: &["tidings-model"], in_tests: &[] },
    Layer { name: "tidings-engine", uses: &["tidings-log", "tidings-model"], in_tests: &[] },
    Layer {
        name: "tidings-server",
        uses: &["tidings-auth", "tidings-engine", "tidings-model", "tidings-protocol", "tidings-sys"],
        in_tests: &["tidings-testkit"],
    },
    Layer {
        name: "tidings-client",
        uses: &["tidings-model", "tidings-protocol"],
        in_tests: &["tidings-testkit"],
    },
    Layer {
        name: "tidings-compare",
        uses: &["tidings-model", "tidings-protocol"],
        in_tests: &["tidings-testkit"],
    },
    Layer {
        name: "tidings-cli",
        uses: &[
            "tidings-auth",
            "tidings-client",
            "tidings-compare",
            "tidings-log",
            "tidings-model",
            "tidings-protocol",
            "tidings-server",
            "tidings-sys",
        ],
        in_tests: &["tidings-testkit"],
    },
    Layer { name: "tidings-sim", uses: &["tidings-engine", "tidings-log", "tidings-model"], in_tests: &[] },
    Layer { name: "tidings-testkit", uses: &[], in_tests: &[] },
    Layer { name: "xtask", uses: &[], in_tests: &[] },
];

/// The edges that the table does not allow.
pub(super) fn check(workspace: &Workspace) -> Vec<String> {
    let edges = workspace.packages().iter().map(|package| (package.name.as_str(), package.edges.as_slice()));
    complaints(LAYERS, edges)
}

fn complaints<'a>(layers: &[Layer], packages: impl Iterator<Item = (&'a str, &'a [Edge])>) -> Vec<String> {
    let mut complaints = Vec::new();
    for (name, edges) in packages {
        let Some(layer) = layers.iter().find(|layer| layer.name == name) else {
            complaints.push(format!("{name} is not in the table of layers"));
            continue;
        };
        for edge in edges {
            let to = edge.to.as_str();
            let allowed = layer.uses.contains(&to) || (edge.in_tests && layer.in_tests.contains(&to));
            if !allowed {
                let how = if edge.in_tests { "use in its tests" } else { "use" };
                complaints.push(format!("{name} must not {how} {to}"));
            }
        }
    }
    complaints
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edge_that_is_not_in_the_table_is_refused() {
        let layers = [Layer { name: "top", uses: &["middle"], in_tests: &["kit"] }];
        let edge = |to: &str, in_tests| Edge { to: to.to_owned(), in_tests };
        let check = |edges: &[Edge]| complaints(&layers, [("top", edges)].into_iter());
        assert_eq!(check(&[edge("middle", false), edge("middle", true), edge("kit", true)]), [""; 0]);
        assert_eq!(check(&[edge("kit", false)]), ["top must not use kit"]);
        assert_eq!(check(&[edge("bottom", true)]), ["top must not use in its tests bottom"]);
        let stranger = complaints(&layers, [("stranger", [].as_slice())].into_iter());
        assert_eq!(stranger, ["stranger is not in the table of layers"]);
    }

    #[test]
    fn no_arrow_of_the_table_turns() {
        for (index, layer) in LAYERS.iter().enumerate() {
            for used in layer.uses {
                assert!(
                    LAYERS[..index].iter().any(|below| below.name == *used),
                    "{} uses {used}",
                    layer.name
                );
            }
        }
    }
}
