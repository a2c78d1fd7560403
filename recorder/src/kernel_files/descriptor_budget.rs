//! How many files a source may keep open.

use rustix::process::{Resource, getrlimit};

/// Descriptors that are left to everything else: the other sources, the segments, the logs.
const RESERVED: u64 = 256;

/// How many descriptors a source may keep that would like to keep `wanted`: at most a third of
/// what `RLIMIT_NOFILE` leaves beyond a reserve, so that no source can take the last one. A source
/// that gets fewer opens and closes the rest of its files for every sample, which costs time and
/// loses nothing.
pub fn share(wanted: usize) -> usize {
    let limit = getrlimit(Resource::Nofile).current;
    limit.map_or(wanted, |limit| wanted.min((limit.saturating_sub(RESERVED) / 3) as usize))
}

#[cfg(test)]
mod tests {
    use super::{RESERVED, share};
    use rustix::process::{Resource, getrlimit};

    #[test]
    fn three_sources_that_take_all_they_may_leave_the_reserve() {
        let taken = 3 * share(usize::MAX / 4) as u64;
        if let Some(limit) = getrlimit(Resource::Nofile).current {
            assert!(taken + RESERVED <= limit, "{taken} of {limit}");
        }
        assert_eq!(share(0), 0);
    }
}
