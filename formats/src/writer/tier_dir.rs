//! Where the tiers of a recording are: in directories of their own below it.

use std::path::{Path, PathBuf};

/// The directory of a tier within the recording.
pub fn name(step_ns: u64) -> String {
    format!("tier-{}s", step_ns / 1_000_000_000)
}

/// The directories of tiers in a recording, the coarsest first.
pub fn list(dir: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(dir) else { return Vec::new() };
    let mut tiers: Vec<(u64, PathBuf)> = entries
        .flatten()
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .filter_map(|entry| {
            let step_s = step_s_of(&entry.file_name().to_string_lossy())?;
            Some((step_s, entry.path()))
        })
        .collect();
    tiers.sort();
    tiers.into_iter().rev().map(|(_, path)| path).collect()
}

/// The step of the tier in a directory of this name, seconds.
fn step_s_of(dir_name: &str) -> Option<u64> {
    dir_name.strip_prefix("tier-")?.strip_suffix('s')?.parse().ok()
}
