//! What a directory takes on disk, and whether anything in it changed.

use std::collections::BTreeMap;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// What `du -s` says: the blocks of the directory, of every file and of every directory below,
/// bytes. A file that is deleted while this looks takes nothing.
pub fn usage_bytes(dir: &Path) -> u64 {
    let blocks = |meta: &fs::Metadata| meta.blocks() * 512;
    let own = fs::metadata(dir).map_or(0, |meta| blocks(&meta));
    let Ok(entries) = fs::read_dir(dir) else { return own };
    let below = entries.filter_map(|entry| {
        let entry = entry.ok()?;
        let meta = entry.metadata().ok()?;
        Some(if meta.is_dir() { usage_bytes(&entry.path()) } else { blocks(&meta) })
    });
    own + below.sum::<u64>()
}

/// Every file below a directory by its path, with its size, the time it was changed last and a hash
/// of its bytes: two of these are equal when nobody wrote in between.
pub fn fingerprint(dir: &Path) -> BTreeMap<PathBuf, (u64, i64, i64, u64)> {
    let mut prints = BTreeMap::new();
    for entry in fs::read_dir(dir).expect("the recording can be listed") {
        let path = entry.expect("an entry can be read").path();
        let meta = fs::metadata(&path).expect("an entry has metadata");
        let mut hasher = DefaultHasher::new();
        if meta.is_dir() {
            prints.extend(fingerprint(&path));
        } else {
            fs::read(&path).expect("a file can be read").hash(&mut hasher);
        }
        prints.insert(path, (meta.len(), meta.mtime(), meta.mtime_nsec(), hasher.finish()));
    }
    prints
}
