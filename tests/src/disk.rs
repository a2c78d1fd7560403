//! What a directory takes on disk, and whether anything in it changed.

use std::collections::BTreeMap;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// What `du -s` says: the blocks of the directory and of every file in it, bytes. A file that is
/// deleted while this looks takes nothing.
pub fn usage_bytes(dir: &Path) -> u64 {
    let own = fs::metadata(dir).map_or(0, |meta| meta.blocks() * 512);
    let Ok(entries) = fs::read_dir(dir) else { return own };
    own + entries
        .filter_map(|entry| entry.ok()?.metadata().ok())
        .map(|meta| meta.blocks() * 512)
        .sum::<u64>()
}

/// Every file of a directory by name, with its size, the time it was changed last and a hash of its
/// bytes: two of these are equal when nobody wrote in between.
pub fn fingerprint(dir: &Path) -> BTreeMap<String, (u64, i64, i64, u64)> {
    fs::read_dir(dir)
        .expect("the recording can be listed")
        .map(|entry| {
            let entry = entry.expect("an entry can be read");
            let meta = entry.metadata().expect("an entry has metadata");
            let mut hasher = DefaultHasher::new();
            fs::read(entry.path()).expect("a file can be read").hash(&mut hasher);
            let name = entry.file_name().to_string_lossy().into_owned();
            (name, (meta.len(), meta.mtime(), meta.mtime_nsec(), hasher.finish()))
        })
        .collect()
}
