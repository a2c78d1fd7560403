//! Calls of bpf(2) that the loader does not have: look-ups of many elements at once, and iterators
//! that are read more than once; and file systems that are mounted nowhere.
//!
//! The numbers and layouts are those of `include/uapi/linux/bpf.h`.

use std::ffi::CStr;
use std::io;
use std::mem::size_of;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

const BPF_MAP_LOOKUP_ELEM: libc::c_int = 1;
const BPF_MAP_DELETE_ELEM: libc::c_int = 3;
const BPF_MAP_LOOKUP_AND_DELETE_ELEM: libc::c_int = 21;
const BPF_MAP_LOOKUP_BATCH: libc::c_int = 24;
const BPF_LINK_CREATE: libc::c_int = 28;
const BPF_ITER_CREATE: libc::c_int = 33;
const BPF_TRACE_ITER: u32 = 28;

const FSCONFIG_CMD_CREATE: libc::c_uint = 6;

/// A file system of that kind, mounted nowhere: it ends with the descriptor.
///
/// # Errors
/// The kernel's.
pub fn mount_nowhere(kind: &CStr) -> io::Result<OwnedFd> {
    let made = |fd: libc::c_long| match RawFd::try_from(fd) {
        // SAFETY: the kernel has just made it for us.
        Ok(fd) if fd >= 0 => Ok(unsafe { OwnedFd::from_raw_fd(fd) }),
        _ => Err(io::Error::last_os_error()),
    };
    // SAFETY: the name is a string of C that lives until the call returns.
    let context = made(unsafe { libc::syscall(libc::SYS_fsopen, kind.as_ptr(), 1_u32) })?;
    let none = std::ptr::null::<libc::c_char>();
    // SAFETY: this command takes no strings.
    let done = unsafe {
        libc::syscall(
            libc::SYS_fsconfig,
            context.as_raw_fd(),
            FSCONFIG_CMD_CREATE,
            none,
            none,
            0_u32,
        )
    };
    if done != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: takes numbers only.
    made(unsafe { libc::syscall(libc::SYS_fsmount, context.as_raw_fd(), 1_u32, 0_u32) })
}

/// `attr`, of commands for one element.
#[repr(C)]
#[derive(Default)]
struct ElementAttr {
    map_fd: u32,
    key: u64,
    value: u64,
    flags: u64,
}

/// `attr.batch`.
#[repr(C)]
#[derive(Default)]
struct BatchAttr {
    in_batch: u64,
    out_batch: u64,
    keys: u64,
    values: u64,
    count: u32,
    map_fd: u32,
    elem_flags: u64,
    flags: u64,
}

/// `attr.link_create`, as far as it is used.
#[repr(C)]
#[derive(Default)]
struct LinkAttr {
    prog_fd: u32,
    target_fd: u32,
    attach_type: u32,
    flags: u32,
    iter_info: u64,
    iter_info_len: u32,
}

/// `union bpf_iter_link_info`, of an iterator over the elements of a map.
#[repr(C)]
struct IterInfo {
    map_fd: u32,
}

const ITER_INFO_BYTES: u32 = 4;
const _: () = assert!(size_of::<IterInfo>() == ITER_INFO_BYTES as usize);

/// `attr.iter_create`.
#[repr(C)]
#[derive(Default)]
struct IterAttr {
    link_fd: u32,
    flags: u32,
}

/// What came of looking up many elements.
pub(crate) struct Batch {
    /// So many are there now.
    pub count: usize,
    /// Whether there is more.
    pub has_more: bool,
}

/// Looks up to `count` elements up, from `from` on (`None` for the first ones). Where to go on is
/// put into `next`.
///
/// # Errors
/// The kernel's: `ENOSPC` when the elements that share a place in the hash need more room.
pub(crate) fn look_up_many(
    map: BorrowedFd<'_>,
    from: Option<&mut [u8]>,
    next: &mut [u8],
    keys: &mut [u8],
    values: &mut [u8],
    count: usize,
) -> io::Result<Batch> {
    let mut attr = BatchAttr {
        in_batch: from.map_or(0, |token| token.as_mut_ptr() as u64),
        out_batch: next.as_mut_ptr() as u64,
        keys: keys.as_mut_ptr() as u64,
        values: values.as_mut_ptr() as u64,
        count: u32::try_from(count).unwrap_or(u32::MAX),
        map_fd: map.as_raw_fd().cast_unsigned(),
        ..BatchAttr::default()
    };
    // SAFETY: the pointers are those of slices that live until the call returns. The kernel writes
    // `count` keys and values, for which the caller made room (checked in `drain::entries`, whose
    // buffers are `count` times the size that the map has), and a token of at most the larger of 4
    // bytes and the size of a key, for which `next` is large enough.
    let done = unsafe { bpf(BPF_MAP_LOOKUP_BATCH, (&raw mut attr).cast(), size_of::<BatchAttr>()) };
    match done {
        Ok(_) => Ok(Batch { count: attr.count as usize, has_more: true }),
        Err(error) if error.raw_os_error() == Some(libc::ENOENT) => {
            Ok(Batch { count: attr.count as usize, has_more: false })
        }
        Err(error) => Err(error),
    }
}

/// Takes an element out, and puts what it was at the last into `value`. Kernels before 5.14 cannot
/// do both at once; what comes in between is lost there.
///
/// # Errors
/// The kernel's: `ENOENT` when it is not there, `EINVAL` when `key` has another size than the map's.
pub(crate) fn take(map: BorrowedFd<'_>, key: &[u8], value: &mut [u8]) -> io::Result<()> {
    let mut attr = ElementAttr {
        map_fd: map.as_raw_fd().cast_unsigned(),
        key: key.as_ptr() as u64,
        value: value.as_mut_ptr() as u64,
        ..ElementAttr::default()
    };
    let mut call = |command| {
        // SAFETY: key and value live until the call returns, and the one caller
        // (`drain::entries`) makes them as long as the map's.
        unsafe { bpf(command, (&raw mut attr).cast(), size_of::<ElementAttr>()) }.map(drop)
    };
    match call(BPF_MAP_LOOKUP_AND_DELETE_ELEM) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            call(BPF_MAP_LOOKUP_ELEM)?;
            call(BPF_MAP_DELETE_ELEM)
        }
        done => done,
    }
}

/// Links an iterator's program to what it walks through, so that it can be read: to the elements of
/// `map`, where it is one over those of a map.
pub(crate) fn link_iterator(
    program: BorrowedFd<'_>,
    map: Option<BorrowedFd<'_>>,
) -> io::Result<OwnedFd> {
    let info = map.map(|map| IterInfo { map_fd: map.as_raw_fd().cast_unsigned() });
    let mut attr = LinkAttr {
        prog_fd: program.as_raw_fd().cast_unsigned(),
        attach_type: BPF_TRACE_ITER,
        iter_info: info.as_ref().map_or(0, |info| std::ptr::from_ref(info) as u64),
        iter_info_len: info.as_ref().map_or(0, |_| ITER_INFO_BYTES),
        ..LinkAttr::default()
    };
    // SAFETY: the structure, and the one that it points to, live until the call returns.
    let fd = unsafe { bpf(BPF_LINK_CREATE, (&raw mut attr).cast(), size_of::<LinkAttr>()) }?;
    // SAFETY: the kernel has just made this descriptor, and nobody else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// A file that runs the iterator of `link` once while it is read to its end.
pub(crate) fn open_iterator(link: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    let mut attr = IterAttr { link_fd: link.as_raw_fd().cast_unsigned(), ..IterAttr::default() };
    // SAFETY: the structure lives until the call returns and holds no pointers.
    let fd = unsafe { bpf(BPF_ITER_CREATE, (&raw mut attr).cast(), size_of::<IterAttr>()) }?;
    // SAFETY: the kernel has just made this descriptor, and nobody else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// bpf(2).
///
/// # Safety
/// `attr` must point to `size` bytes that are what `command` takes, with every pointer in them
/// valid for what the kernel does with it.
unsafe fn bpf(
    command: libc::c_int,
    attr: *mut libc::c_void,
    size: usize,
) -> io::Result<libc::c_int> {
    // SAFETY: the caller's promise.
    let done = unsafe { libc::syscall(libc::SYS_bpf, command, attr, size) };
    if done < 0 {
        return Err(io::Error::last_os_error());
    }
    libc::c_int::try_from(done).map_err(|_| io::ErrorKind::InvalidData.into())
}
