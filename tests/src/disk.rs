//! What a directory takes on disk, and whether anything in it changed.

use std::collections::BTreeMap;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// What the directory and all below it took at one instant at least, bytes, and what adding up as
/// `du -s` does says.
///
/// `du` looks at one file after the other: a segment that it has counted may be deleted, and its room
/// be written to, before it comes to the file that grew. So this looks twice. What was there both
/// times was there in between, and took at least the lesser of both.
pub fn usage_bytes(dir: &Path) -> (u64, u64) {
    let (before, after) = (sizes(dir), sizes(dir));
    let of_both = before.iter().filter_map(|(file, size)| Some((*size).min(*after.get(file)?)));
    (of_both.sum(), before.values().sum())
}

/// A file by its inode and when it was created: that number is given away again.
type FileId = (u64, Option<SystemTime>);

/// What each file and directory takes, those that are there.
fn sizes(dir: &Path) -> BTreeMap<FileId, u64> {
    let mut sizes = BTreeMap::new();
    let mut add = |meta: &fs::Metadata| {
        sizes.insert((meta.ino(), meta.created().ok()), meta.blocks() * 512);
    };
    let _ = fs::metadata(dir).map(|meta| add(&meta));
    let mut below = BTreeMap::new();
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        match entry.metadata() {
            Ok(meta) if meta.is_dir() => below.append(&mut self::sizes(&entry.path())),
            Ok(meta) => add(&meta),
            // It was deleted meanwhile.
            Err(_) => {}
        }
    }
    sizes.append(&mut below);
    sizes
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
