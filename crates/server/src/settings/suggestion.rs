//! "Did you mean …?": the known name that is nearest to an unknown one.

/// The nearest of the known names, if it is near enough that a slip of the keyboard explains it.
pub(super) fn nearest<'a>(unknown: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let slips_max = (unknown.chars().count() / 3).clamp(1, 3);
    known
        .into_iter()
        .map(|name| (edit_distance(unknown, name), name))
        .filter(|(distance, _)| *distance <= slips_max)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// How many characters must be inserted, removed or replaced to make one text of the other.
fn edit_distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    // `row[j]`: the distance between the characters of `from` seen so far and the first `j` of `to`.
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (i, from_char) in from.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to_char) in to.iter().enumerate() {
            let replaced = diagonal + usize::from(from_char != *to_char);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_distance_counts_slips() {
        for (from, to, distance) in
            [("", "", 0), ("a", "", 1), ("", "ab", 2), ("listen", "lisen", 1), ("kitten", "sitting", 3)]
        {
            assert_eq!(edit_distance(from, to), distance, "{from} {to}");
        }
    }

    #[test]
    fn only_a_near_name_is_suggested() {
        let known = ["listen", "long_poll_timeout", "long_poll_timeout_max"];
        assert_eq!(nearest("lisen", known), Some("listen"));
        assert_eq!(nearest("long_pol_timeout", known), Some("long_poll_timeout"));
        assert_eq!(nearest("long-poll-timeout", known), Some("long_poll_timeout"));
        assert_eq!(nearest("port", known), None);
    }
}
