//! Where the tiers of a recording are: in directories of their own below it.

use std::path::{Path, PathBuf};

/// The units of a step, the largest first, ns.
const UNITS: [(&str, u64); 4] = [("s", 1_000_000_000), ("ms", 1_000_000), ("us", 1_000), ("ns", 1)];

/// The directory of a tier within the recording: `tier-` and its step, exactly, in the largest unit
/// of which it is a multiple, so that no two tiers share one.
pub fn name(step_ns: u64) -> String {
    let fits = |(_, unit_ns): &&(&str, u64)| step_ns.is_multiple_of(*unit_ns);
    let (unit, unit_ns) = UNITS.iter().find(fits).unwrap_or(&("ns", 1));
    format!("tier-{}{unit}", step_ns / unit_ns)
}

/// The directories of tiers in a recording, the coarsest first.
pub fn list(dir: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(dir) else { return Vec::new() };
    let mut tiers: Vec<(u64, PathBuf)> = entries
        .flatten()
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .filter_map(|entry| {
            let step_ns = step_ns_of(&entry.file_name().to_string_lossy())?;
            Some((step_ns, entry.path()))
        })
        .collect();
    tiers.sort();
    tiers.into_iter().rev().map(|(_, path)| path).collect()
}

/// The names of the directories of tiers in any of these directories, the coarsest first.
pub fn names(dirs: &[&Path]) -> Vec<PathBuf> {
    let found = dirs.iter().flat_map(|dir| list(dir));
    let mut names: Vec<(u64, PathBuf)> = found
        .filter_map(|path| Some((step_of(&path)?, PathBuf::from(path.file_name()?))))
        .collect();
    names.sort();
    names.dedup();
    names.into_iter().rev().map(|(_, name)| name).collect()
}

/// The step of the tier in this directory, ns.
pub fn step_of(dir: &Path) -> Option<u64> {
    step_ns_of(&dir.file_name()?.to_string_lossy())
}

/// The step of the tier in a directory of this name, ns.
fn step_ns_of(dir_name: &str) -> Option<u64> {
    let step = dir_name.strip_prefix("tier-")?;
    let digits = step.find(|digit: char| !digit.is_ascii_digit())?;
    let (_, unit_ns) = UNITS.iter().find(|(unit, _)| *unit == &step[digits..])?;
    step[..digits].parse::<u64>().ok()?.checked_mul(*unit_ns)
}

#[cfg(test)]
mod tests {
    use super::{name, step_ns_of};

    #[test]
    fn the_name_of_a_tier_says_its_step_exactly() {
        for (step_ns, expected) in [
            (1_000_000_000, "tier-1s"),
            (1_500_000_000, "tier-1500ms"),
            (60_000_000_000, "tier-60s"),
            (500_000_000, "tier-500ms"),
            (1_000_000_001, "tier-1000000001ns"),
        ] {
            assert_eq!(name(step_ns), expected);
            assert_eq!(step_ns_of(expected), Some(step_ns));
        }
        for other in ["tier-", "tier-s", "tier-1", "tier-1h", "tier-+1s", "tier-99999999999999s"] {
            assert_eq!(step_ns_of(other), None, "{other}");
        }
    }
}
