//! Pages of the program's own files, of which some are needed once.
//!
//! What opens sources is most of the program: the loader, the objects that it loads, what reads the
//! kernel's types. The kernel maps whole neighbourhoods of what is touched and takes nothing of it
//! back while memory is plenty, so that a recorder would show it as its own for months.
//!
//! `unsafe` because pages are taken out of mappings that references point into. It is sound for the
//! mappings that are chosen here: private ones of files that cannot be written and of which no page
//! was (smaps counts those as anonymous, or in swap). A page of such a mapping is the file's, and
//! whoever touches it again gets the same bytes again (madvise(2), `MADV_DONTNEED`). Nobody unmaps
//! one meanwhile: they are those of the program and its libraries, none of which is unloaded.

use rustix::mm::{Advice, madvise};
use std::path::Path;

/// Takes out what no thread touches any more. What is touched again comes from the page cache.
/// Nothing is done where the kernel does not say how its pages are mapped.
pub fn give_back() {
    let Ok(mappings) = std::fs::read_to_string(Path::new("/proc/self/smaps")) else { return };
    for (start, size_bytes) in unwritten(&mappings) {
        // The mapping is of a file and none of its pages was written, see above. A refusal leaves
        // everything as it is.
        let _ = unsafe { madvise(start as *mut _, size_bytes, Advice::LinuxDontNeed) };
    }
}

/// Start and bytes of each private mapping of a file of which nothing was or can be written, from
/// what `/proc/PID/smaps` says (proc_pid_smaps(5)).
fn unwritten(smaps: &str) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    // A mapping, and which of the two counts of its written pages were seen to be nothing.
    let mut candidate = None;
    for line in smaps.lines() {
        let mut words = line.split_ascii_whitespace();
        let (first, second) = (words.next().unwrap_or_default(), words.next());
        if !first.ends_with(':') {
            let is_of_file = words.nth(3).is_some_and(|path| path.starts_with('/'));
            let is_kept = matches!(second, Some("r--p" | "r-xp")) && is_of_file;
            candidate = range(first).filter(|_| is_kept).map(|range| (range, [false; 2]));
            continue;
        }
        let written = ["Anonymous:", "Swap:"].iter().position(|count| *count == first);
        if let (Some(at), Some((range, are_none))) = (written, &mut candidate) {
            are_none[at] = second == Some("0");
            if *are_none == [true; 2] {
                found.push(*range);
                candidate = None;
            }
        }
    }
    found
}

fn range(text: &str) -> Option<(usize, usize)> {
    let (start, end) = text.split_once('-')?;
    let (start, end) = (usize::from_str_radix(start, 16), usize::from_str_radix(end, 16));
    let (start, end) = (start.ok()?, end.ok()?);
    Some((start, end.checked_sub(start)?))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::{give_back, unwritten};
    use std::os::unix::fs::FileExt;

    #[test]
    fn only_files_of_which_nothing_was_written_are_chosen() {
        let of = |line: &str, anonymous: u32, swap: u32| {
            let counts = format!("Anonymous: {anonymous} kB\nSwap: {swap} kB\nSwapPss: 0 kB");
            format!("{line}\nSize: 4 kB\nRss: 4 kB\n{counts}\nVmFlags: rd mr\n")
        };
        let smaps = [
            of("1000-3000 r-xp 00001000 fe:00 7          /usr/bin/a program", 0, 0),
            of("3000-4000 r--p 00003000 fe:00 7          /usr/bin/a program", 4, 0),
            of("3000-4000 r--p 00003000 fe:00 7          /usr/bin/a program", 0, 4),
            of("4000-5000 rw-p 00004000 fe:00 7          /usr/bin/a program", 0, 0),
            of("5000-6000 r--s 00000000 fe:00 9          /a/shared/file", 0, 0),
            of("6000-7000 r--p 00000000 00:00 0 ", 0, 0),
            of("7000-8000 r-xp 00000000 00:00 0          [vdso]", 0, 0),
            of("8000-a000 r--p 00000000 fe:00 9          /lib/libc.so", 0, 0),
            "b000-c000 r--p 00000000 fe:00 9 /lib/libm.so\nAnonymous: 0 kB\n".to_owned(),
        ];
        assert_eq!(unwritten(&smaps.concat()), [(0x1000, 0x2000), (0x8000, 0x2000)]);
    }

    #[test]
    fn what_runs_and_what_is_constant_is_the_same_afterwards() {
        // Sixteen times what the kernel maps around a page that is touched.
        static TEXT: [u8; 1 << 20] = [7; 1 << 20];
        let sum = || std::hint::black_box(&TEXT).iter().map(|&byte| u64::from(byte)).sum::<u64>();
        for _ in 0..10 {
            assert_eq!(sum(), 7 << 20);
            let before = resident(&TEXT);
            give_back();
            let left = resident(&TEXT);
            assert!(before >= 255 && left <= 17, "of {before} pages {left} are left");
        }
        assert_eq!(sum(), 7 << 20);
    }

    /// How many whole pages of some bytes this process has mapped (proc(5), pagemap).
    fn resident(bytes: &[u8]) -> usize {
        let page = rustix::param::page_size();
        let first = (bytes.as_ptr() as usize).div_ceil(page);
        let last = (bytes.as_ptr() as usize + bytes.len()) / page;
        let mut entries = vec![0; (last - first) * 8];
        let map = std::fs::File::open("/proc/self/pagemap").unwrap();
        map.read_exact_at(&mut entries, first as u64 * 8).unwrap();
        entries.chunks_exact(8).filter(|entry| entry[7] & 0x80 != 0).count()
    }
}
