//! Whether this process may have as many connections as a run needs.

use rustix::process::{Resource, getrlimit, setrlimit};

/// Files that are open beside the connections of followers.
const BESIDE: u64 = 256;

/// How many followers this process may have at once, after the limit was raised as far as the system allows.
pub(crate) fn followers_max() -> usize {
    let _told_by_what_it_is_then = allow(usize::MAX >> 1, 1);
    let current = getrlimit(Resource::Nofile).current;
    current.map_or(usize::MAX, |it| usize::try_from(it.saturating_sub(BESIDE)).unwrap_or(usize::MAX))
}

/// Raises the limit as far as the system allows without asking anybody.
///
/// # Errors
/// When that does not suffice for so many followers with so many files each; the message says what to do.
pub(super) fn allow(followers: usize, files_each: usize) -> anyhow::Result<()> {
    let mut limit = getrlimit(Resource::Nofile);
    let needed = followers.saturating_mul(files_each) as u64 + BESIDE;
    if limit.current.is_some_and(|current| current < needed) {
        limit.current = limit.maximum;
        // What it allows in the end is looked at below.
        let _raised = setrlimit(Resource::Nofile, limit);
    }
    let current = getrlimit(Resource::Nofile).current;
    match current.filter(|current| *current < needed) {
        None => Ok(()),
        Some(current) => anyhow::bail!(
            "{followers} followers need {needed} open files, and the system allows {current}: \
             raise the limit with `ulimit -n {needed}` or compare with fewer followers"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_never_be_is_told_before_a_run() {
        allow(10, 3).unwrap();
        if getrlimit(Resource::Nofile).maximum.is_some() {
            let told = allow(1 << 40, 3).unwrap_err().to_string();
            assert!(told.contains("ulimit -n"), "{told}");
        }
    }
}
