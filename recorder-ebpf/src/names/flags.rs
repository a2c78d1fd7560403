//! Words of flags.

use super::{Names, put_number, word};

/// Flags of mount(2).
const MOUNT: &[(u64, &str)] = &[
    (1, "ro"),
    (1 << 1, "nosuid"),
    (1 << 2, "nodev"),
    (1 << 3, "noexec"),
    (1 << 4, "sync"),
    (1 << 5, "remount"),
    (1 << 6, "mand"),
    (1 << 7, "dirsync"),
    (1 << 8, "nosymfollow"),
    (1 << 10, "noatime"),
    (1 << 11, "nodiratime"),
    (1 << 12, "bind"),
    (1 << 13, "move"),
    (1 << 14, "rec"),
    (1 << 15, "silent"),
    (1 << 16, "posixacl"),
    (1 << 17, "unbindable"),
    (1 << 18, "private"),
    (1 << 19, "slave"),
    (1 << 20, "shared"),
    (1 << 21, "relatime"),
    (1 << 23, "i_version"),
    (1 << 24, "strictatime"),
    (1 << 25, "lazytime"),
    // Of umount(2), shifted.
    (1 << 32, "force"),
    (1 << 33, "detach"),
    (1 << 34, "expire"),
    (1 << 35, "nofollow"),
];

/// What old programs put into the flags of mount(2), and what it is masked with.
const MAGIC: u64 = 0xc0ed_0000;
const MAGIC_MASK: u64 = 0xffff_0000;

/// Flags of open(2) that are the same everywhere.
const OPEN: &[(u64, &str)] = &[
    (libc::O_CREAT as u64, "creat"),
    (libc::O_EXCL as u64, "excl"),
    (libc::O_NOCTTY as u64, "noctty"),
    (libc::O_TRUNC as u64, "trunc"),
    (libc::O_APPEND as u64, "append"),
    (libc::O_NONBLOCK as u64, "nonblock"),
    (libc::O_SYNC as u64, "sync"),
    (libc::O_DSYNC as u64, "dsync"),
    (libc::O_ASYNC as u64, "async"),
    (libc::O_DIRECT as u64, "direct"),
    (libc::O_TMPFILE as u64, "tmpfile"),
    (libc::O_DIRECTORY as u64, "directory"),
    (libc::O_NOFOLLOW as u64, "nofollow"),
    (libc::O_NOATIME as u64, "noatime"),
    (libc::O_CLOEXEC as u64, "cloexec"),
    (libc::O_PATH as u64, "path"),
];

/// Flags of mount(2), and in the upper half those of umount(2): `ro,nosuid,bind`.
pub fn mount_flags(_: &mut Names, flags: &[u8], text: &mut Vec<u8>) {
    let mut flags = word(flags);
    if flags & MAGIC_MASK == MAGIC {
        flags &= !MAGIC_MASK;
    }
    put_flags(MOUNT, flags, text);
}

/// Flags of open(2): `rdwr,creat,cloexec`.
pub fn open_flags(_: &mut Names, flags: &[u8], text: &mut Vec<u8>) {
    let flags = word(flags);
    let (access, others) = (flags & libc::O_ACCMODE as u64, flags & !(libc::O_ACCMODE as u64));
    text.extend_from_slice(match i32::try_from(access).unwrap_or(libc::O_ACCMODE) {
        libc::O_RDONLY => b"rdonly",
        libc::O_WRONLY => b"wronly",
        libc::O_RDWR => b"rdwr",
        _ => b"3",
    });
    put_flags(OPEN, others, text);
}

/// The names of those that are set, without those that others hold, and a number for what has none.
fn put_flags(names: &[(u64, &str)], flags: u64, text: &mut Vec<u8>) {
    let is_set = |flag: u64| flags & flag == flag;
    let mut nameless = flags;
    let mut put = |name: &dyn std::fmt::Display| {
        if !text.is_empty() {
            text.push(b',');
        }
        put_number(name, text);
    };
    for (flag, name) in names.iter().filter(|(flag, _)| is_set(*flag)) {
        let holds = |other: u64| other != *flag && other & flag == *flag && is_set(other);
        if !names.iter().any(|(other, _)| holds(*other)) {
            put(name);
            nameless &= !flag;
        }
    }
    if nameless != 0 {
        put(&format_args!("{nameless:#x}"));
    }
}

#[cfg(test)]
mod tests {
    use super::{Names, mount_flags, open_flags};

    fn text(named: fn(&mut Names, &[u8], &mut Vec<u8>), flags: u64) -> String {
        let mut text = Vec::new();
        named(&mut Names::default(), &flags.to_le_bytes(), &mut text);
        String::from_utf8_lossy(&text).into_owned()
    }

    #[test]
    fn flags_are_words_and_what_has_none_is_a_number() {
        assert_eq!(text(mount_flags, libc::MS_RDONLY | libc::MS_BIND), "ro,bind");
        assert_eq!(text(mount_flags, 0xc0ed_0001), "ro");
        assert_eq!(text(mount_flags, 2 << 32), "detach");
        assert_eq!(text(mount_flags, 0), "");
        let flags = libc::O_RDWR | libc::O_SYNC | libc::O_CLOEXEC;
        assert_eq!(text(open_flags, flags as u64), "rdwr,sync,cloexec");
        assert_eq!(text(open_flags, libc::O_TMPFILE as u64 | 1), "wronly,tmpfile");
        assert_eq!(text(open_flags, 1 << 30), "rdonly,0x40000000");
    }
}
