//! What somebody may name that is no recording, told as what it is.

use std::fs::{File, Metadata};
use std::io::Read;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

/// How files begin that one may take for a recording, and what they are.
const KINDS: [(&[u8], &str); 9] = [
    (b"PAR1", "a Parquet file"),
    (b"ARROW1", "an Arrow file"),
    (b"\xff\xff\xff\xff", "an Arrow stream"),
    (b"\x28\xb5\x2f\xfd", "compressed with zstd"),
    (b"\x1f\x8b", "compressed with gzip"),
    (b"\xfd7zXZ", "compressed with xz"),
    (b"PK\x03\x04", "a zip archive"),
    (b"SQLite format 3", "an SQLite database"),
    (b"\x7fELF", "a program"),
];

/// How a segment begins: redb's magic number.
const SEGMENT: &[u8] = b"redb\x1a\x0a";

/// What the file at `path` is, as a phrase, where it is no segment of a recording. `None` where it
/// may be one, is a directory, or cannot be read.
pub fn kind_of(path: &Path) -> Option<String> {
    let metadata = std::fs::metadata(path).ok()?;
    if metadata.is_dir() {
        return None;
    }
    // What is no file may be waited for for ever.
    if !metadata.is_file() {
        return Some(kind_of_special(&metadata).to_owned());
    }
    if metadata.len() == 0 {
        return Some("an empty file".to_owned());
    }
    let mut begin = Vec::new();
    File::open(path).ok()?.take(64).read_to_end(&mut begin).ok()?;
    if begin.starts_with(SEGMENT) {
        return None;
    }
    let known = KINDS.iter().find(|(magic, _)| begin.starts_with(magic));
    let kind = known.map_or_else(|| otherwise(&begin), |(_, kind)| kind);
    Some(kind.to_owned())
}

fn kind_of_special(metadata: &Metadata) -> &'static str {
    let kind = metadata.file_type();
    match () {
        () if kind.is_fifo() => "a named pipe",
        () if kind.is_socket() => "a socket",
        () => "a device",
    }
}

fn otherwise(begin: &[u8]) -> &'static str {
    let is_text = |byte: &u8| byte.is_ascii_graphic() || byte.is_ascii_whitespace();
    if begin.iter().all(is_text) { "a text file" } else { "a file of another kind" }
}

/// A directory in `dir` that holds segments: who names the one above means it.
pub fn recording_within(dir: &Path) -> Option<PathBuf> {
    let entries = std::fs::read_dir(dir).ok()?.take(MOST_ENTRIES);
    let mut within: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| holds_segments(path))
        .collect();
    within.sort();
    within.into_iter().next()
}

/// Entries of a directory that are looked at.
const MOST_ENTRIES: usize = 1000;

fn holds_segments(dir: &Path) -> bool {
    let is_segment = |name: &str| name.starts_with("segment-") && name.ends_with(".redb");
    std::fs::read_dir(dir).is_ok_and(|entries| {
        let mut names =
            entries.take(MOST_ENTRIES).filter_map(|entry| Some(entry.ok()?.file_name()));
        names.any(|name| name.to_str().is_some_and(is_segment))
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::kind_of;
    use std::path::Path;

    #[test]
    fn files_are_told_by_how_they_begin() {
        let dir = tempfile::tempdir().unwrap();
        for (bytes, kind) in [
            (&b""[..], Some("an empty file")),
            (b"PAR1....", Some("a Parquet file")),
            (b"\x1f\x8b\x08", Some("compressed with gzip")),
            (b"time,cpu\n", Some("a text file")),
            (b"\x00\x01\x02", Some("a file of another kind")),
            (b"redb\x1a\x0a\xa9\x0d\x0a", None),
        ] {
            let file = dir.path().join("file");
            std::fs::write(&file, bytes).unwrap();
            assert_eq!(kind_of(&file).as_deref(), kind, "{bytes:?}");
        }
        assert_eq!(kind_of(Path::new("/dev/null")).as_deref(), Some("a device"));
        assert_eq!(kind_of(dir.path()), None);
        assert_eq!(kind_of(&dir.path().join("nothing")), None);
    }
}
