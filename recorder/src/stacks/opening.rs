//! Opens files that other processes have mapped, wherever these see them, and believes nothing of
//! what lies there.
//!
//! A path that a process maps may lead to a FIFO by now, to a device, or through links out of its
//! container. So it is looked up within the root of the process, taken without being opened
//! (`O_PATH`), and opened only where it is a regular file of a bearable size.

use super::bytes::Bytes;
use super::maps::{self, FileKey, Mapping, Paths, VDSO};
use nodemon_formats::narrow;
use rustix::fd::{AsFd, AsRawFd, OwnedFd};
use rustix::fs::{
    AtFlags, CWD, FileType, Mode, OFlags, ResolveFlags, Stat, StatxFlags, fstat, open, openat,
    openat2, stat, statx,
};
use rustix::io::Errno;
use std::fs::File;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// Larger files are not opened.
const MOST_BYTES: u64 = 4 << 30;

/// Why a file is not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// The kernel refuses.
    #[error("it cannot be opened: {0}")]
    Refused(#[from] Errno),
    /// It is a FIFO, a device, a directory.
    #[error("it is no regular file")]
    NotRegular,
    /// It is too large.
    #[error("it has more than 4 GiB")]
    TooLarge,
    /// It is another one.
    #[error("another file lies at its path now")]
    Replaced,
    /// Its server is silent.
    #[error("whoever has it does not answer")]
    NoAnswer,
    /// It is no program.
    #[error("it is no ELF file of this machine")]
    NotElf,
}

/// What tells a file from one that is put in its place, or written over.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Identity {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, u64),
}

/// The file that a process has mapped. What is deleted is found as long as the process lives, by the
/// mapping itself where the kernel lets this one look there (`CAP_CHECKPOINT_RESTORE`), and the
/// program by `exe`.
pub(crate) fn open_mapped(
    proc: &Path,
    pid: u32,
    mapping: &Mapping,
    key: FileKey,
) -> Result<(File, Identity), Unreadable> {
    let of_process = proc.join(pid.to_string());
    let range = format!("map_files/{:x}-{:x}", mapping.start, mapping.end);
    let by_mapping = take(&of_process.join(range));
    if let Ok(found) = &by_mapping {
        return open_taken(found.as_fd());
    }
    // Within a root of its own a process has inodes of any number. Of overlay and btrfs the list of
    // mappings and stat(2) have different devices, so who may not look at mappings compares none.
    let may_not = matches!(by_mapping, Err(Errno::PERM | Errno::ACCESS));
    let is_same = |found: &OwnedFd| {
        let is_inode = fstat(found).is_ok_and(|stat| stat.st_ino == key.inode);
        is_inode && (may_not || key.is_on(found))
    };
    let within = take_within(&of_process.join("root"), &mapping.path, ResolveFlags::empty());
    if let Some(found) = within.as_ref().ok().filter(|found| is_same(found)) {
        return open_taken(found.as_fd());
    }
    let program = take(&of_process.join("exe"));
    if let Some(found) = program.as_ref().ok().filter(|found| is_same(found)) {
        return open_taken(found.as_fd());
    }
    // The process may be gone, or have another root than the one that its paths are told from.
    let here = take(&path_of(&mapping.path));
    if let Some(found) = here.as_ref().ok().filter(|found| is_same(found) && key.is_on(found)) {
        return open_taken(found.as_fd());
    }
    Err(within.err().map_or(Unreadable::Replaced, Unreadable::Refused))
}

/// The file at a path of this process.
pub(crate) fn open_here(path: &Path) -> Result<(File, Identity), Unreadable> {
    open_taken(take(path)?.as_fd())
}

/// The file at a path as a process sees it whose root that is.
pub(crate) fn open_in_root(root: &Path, path: &Path) -> Result<(File, Identity), Unreadable> {
    let taken = take_within(root, path.as_os_str().as_bytes(), ResolveFlags::empty())?;
    open_taken(taken.as_fd())
}

/// A file below the root of a process, such as a list of names that it writes, with its owner. No
/// link is followed: it could lead to what its maker may not read.
pub(super) fn open_within(root: &Path, path: &[u8]) -> Result<(File, Identity, u32), Unreadable> {
    let taken = take_within(root, path, ResolveFlags::NO_SYMLINKS)?;
    let owner = fstat(&taken)?.st_uid;
    let (file, identity) = open_taken(taken.as_fd())?;
    Ok((file, identity, owner))
}

/// When a file was made, ns; 0 where that is not known. Another one that gets its number later has
/// another.
pub(super) fn born_ns(proc: &Path, pid: u32, mapping: &Mapping) -> u64 {
    let range = format!("{pid}/map_files/{:x}-{:x}", mapping.start, mapping.end);
    let stat = statx(CWD, proc.join(range), AtFlags::STATX_DONT_SYNC, StatxFlags::BTIME);
    let Ok(stat) = stat else { return 0 };
    let has_it = StatxFlags::from_bits_retain(stat.stx_mask).contains(StatxFlags::BTIME);
    let seconds = if has_it { u64::try_from(stat.stx_btime.tv_sec).unwrap_or_default() } else { 0 };
    seconds.wrapping_mul(1_000_000_000).wrapping_add(stat.stx_btime.tv_nsec.into())
}

fn path_of(bytes: &[u8]) -> PathBuf {
    PathBuf::from(std::ffi::OsStr::from_bytes(bytes))
}

fn take(path: &Path) -> Result<OwnedFd, Errno> {
    openat(CWD, path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())
}

/// Links are followed as the process itself would follow them, and lead nowhere else.
fn take_within(root: &Path, path: &[u8], more: ResolveFlags) -> Result<OwnedFd, Errno> {
    let root = open(root, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    let flags = OFlags::PATH | OFlags::CLOEXEC;
    openat2(&root, path_of(path), flags, Mode::empty(), ResolveFlags::IN_ROOT | more)
}

fn open_taken(taken: rustix::fd::BorrowedFd<'_>) -> Result<(File, Identity), Unreadable> {
    let stat = fstat(taken)?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Err(Unreadable::NotRegular);
    }
    let size = u64::try_from(stat.st_size).unwrap_or_default();
    if size > MOST_BYTES {
        return Err(Unreadable::TooLarge);
    }
    let itself = format!("/proc/self/fd/{}", taken.as_raw_fd());
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let file = File::from(open(itself, flags, Mode::empty())?);
    Ok((file, Identity::of(&stat)))
}

impl Identity {
    /// That of the file at a path, if there is one.
    pub(crate) fn at(path: &Path) -> Option<Identity> {
        stat(path).ok().map(|stat| Identity::of(&stat))
    }

    fn of(stat: &Stat) -> Identity {
        Identity {
            device: stat.st_dev,
            inode: stat.st_ino,
            size: u64::try_from(stat.st_size).unwrap_or_default(),
            modified: (stat.st_mtime, stat.st_mtime_nsec),
        }
    }

    pub(super) fn size(&self) -> u64 {
        self.size
    }

    pub(crate) fn is_same_inode(&self, other: &Identity) -> bool {
        (self.device, self.inode) == (other.device, other.inode)
    }
}

impl FileKey {
    fn is_on(self, file: &OwnedFd) -> bool {
        let device = fstat(file).map(|stat| stat.st_dev);
        device.is_ok_and(|device| {
            self.device == FileKey::device(rustix::fs::major(device), rustix::fs::minor(device))
        })
    }
}

/// The code that the kernel lends to every process, as this one has it.
pub(super) fn own_vdso() -> Result<Bytes, Unreadable> {
    const MOST: u64 = 64 << 10;
    let own = |name: &str| open(format!("/proc/self/{name}"), OFlags::CLOEXEC, Mode::empty());
    let mappings = maps::read(Path::new("/proc/self/maps"), &mut Paths::default());
    let mappings = mappings.map_err(|_| Unreadable::NotElf)?;
    let mapping = mappings.iter().find(|mapping| mapping.key == Some(VDSO));
    let mapping = mapping.ok_or(Unreadable::NotElf)?;
    let memory = Bytes::File(File::from(own("mem")?));
    let mut copy = Vec::new();
    let bytes = (mapping.end - mapping.start).min(MOST);
    memory.read_part(mapping.start, narrow::index(bytes), &mut copy);
    Ok(Bytes::Memory(copy))
}
