//! What code a process has mapped: the lines of `/proc/PID/maps` that can be executed
//! (proc_pid_maps(5)).

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::sync::Arc;

/// So much of the list is read; a process may have 65,530 mappings with paths of 4 KiB.
const MOST_BYTES: u64 = 8 << 20;
/// So many bytes of their paths are kept. What lies beyond has a file and no path.
const MOST_PATH_BYTES: usize = 64 << 10;
/// So many mappings with code are kept of a process.
const MOST_MAPPINGS: usize = 4096;
const READ_BYTES: usize = 16 << 10;

/// What tells files apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct FileKey {
    /// As [`FileKey::device`] has it.
    pub(super) device: u64,
    pub(super) inode: u64,
}

/// Code that the kernel lends to every process, under the number of no file.
pub(super) const VDSO: FileKey = FileKey { device: u64::MAX, inode: 0 };

impl FileKey {
    pub(super) fn device(major: u32, minor: u32) -> u64 {
        (u64::from(major) << 32) | u64::from(minor)
    }
}

/// A range of addresses with code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mapping {
    pub(super) start: u64,
    pub(super) end: u64,
    /// Where in the file it begins.
    pub(super) offset: u64,
    /// `None` is code that was made at run time.
    pub(crate) key: Option<FileKey>,
    /// As the process sees it, empty where there is none.
    pub(crate) path: Arc<[u8]>,
    /// When the file was made, ns; 0 where that is not known.
    pub(super) born_ns: u64,
}

impl Mapping {
    pub(super) fn contains(&self, address: u64) -> bool {
        (self.start..self.end).contains(&address)
    }

    /// Where an address that it contains is in the file.
    pub(super) fn offset_of(&self, address: u64) -> u64 {
        address.wrapping_sub(self.start).wrapping_add(self.offset)
    }
}

/// Paths, each of them once, however many processes have it mapped.
#[derive(Default)]
pub(crate) struct Paths(HashSet<Arc<[u8]>>);

impl Paths {
    fn shared(&mut self, path: &[u8]) -> Arc<[u8]> {
        if let Some(known) = self.0.get(path) {
            return known.clone();
        }
        let new: Arc<[u8]> = Arc::from(path);
        self.0.insert(new.clone());
        new
    }

    /// Has a mapping that was read elsewhere share its path with the others.
    pub(super) fn share(&mut self, mapping: &mut Mapping) {
        mapping.path = self.shared(&mapping.path);
    }

    /// Forgets those that no process has any more.
    pub(super) fn settle(&mut self) {
        self.0.retain(|path| Arc::strong_count(path) > 1);
        if self.0.capacity() > 4 * self.0.len() + 64 {
            self.0.shrink_to_fit();
        }
    }
}

/// The code of a process, in the order of its addresses.
pub(crate) fn read(path: &Path, paths: &mut Paths) -> io::Result<Vec<Mapping>> {
    let list = BufReader::with_capacity(READ_BYTES, File::open(path)?.take(MOST_BYTES));
    parse(list, paths)
}

pub(super) fn parse(mut list: impl BufRead, paths: &mut Paths) -> io::Result<Vec<Mapping>> {
    let mut found: Vec<Mapping> = Vec::new();
    let (mut line, mut path_bytes) = (Vec::new(), 0);
    while found.len() < MOST_MAPPINGS {
        line.clear();
        if list.read_until(b'\n', &mut line)? == 0 {
            break;
        }
        // A search by halves needs what the kernel promises: they rise and never overlap.
        let last = found.last().map_or(0, |mapping| mapping.end);
        let new = mapping(&line, paths).filter(|new| new.start >= last && new.end > new.start);
        let Some(mut new) = new else { continue };
        if found.last().is_none_or(|last| last.path != new.path) {
            path_bytes += new.path.len();
        }
        if path_bytes > MOST_PATH_BYTES {
            new.path = paths.shared(b"");
        }
        found.push(new);
    }
    found.shrink_to_fit();
    Ok(found)
}

/// `start-end perms offset major:minor inode   path`.
fn mapping(line: &[u8], paths: &mut Paths) -> Option<Mapping> {
    let mut rest = line.strip_suffix(b"\n").unwrap_or(line);
    let mut field = || {
        let end = rest.iter().position(|byte| *byte == b' ').unwrap_or(rest.len());
        let (field, after) = rest.split_at_checked(end)?;
        rest = after.trim_ascii_start();
        std::str::from_utf8(field).ok()
    };
    let (start, end) = field()?.split_once('-')?;
    if field()?.as_bytes().get(2) != Some(&b'x') {
        return None;
    }
    let offset = hexadecimal(field()?)?;
    let (major, minor) = field()?.split_once(':')?;
    let device =
        FileKey::device(u32::from_str_radix(major, 16).ok()?, u32::from_str_radix(minor, 16).ok()?);
    let inode = field()?.parse().ok()?;
    let (start, end) = (hexadecimal(start)?, hexadecimal(end)?);
    let path = rest.strip_suffix(b" (deleted)").unwrap_or(rest);
    let (key, path) = match path {
        // Programs of 32 bits have another one, below 4 GiB.
        b"[vdso]" if end > 1 << 32 => (Some(VDSO), path),
        _ if path.first() == Some(&b'/') && inode != 0 => (Some(FileKey { device, inode }), path),
        _ => (None, &b""[..]),
    };
    // The code of the vdso begins where it is mapped.
    let offset = if key == Some(VDSO) { 0 } else { offset };
    Some(Mapping { start, end, offset, key, path: paths.shared(path), born_ns: 0 })
}

fn hexadecimal(text: &str) -> Option<u64> {
    u64::from_str_radix(text, 16).ok()
}

/// The mapping that an address is in.
pub(super) fn find(mappings: &[Mapping], address: u64) -> Option<&Mapping> {
    let behind = mappings.partition_point(|mapping| mapping.start <= address);
    mappings.get(behind.checked_sub(1)?).filter(|mapping| mapping.contains(address))
}
