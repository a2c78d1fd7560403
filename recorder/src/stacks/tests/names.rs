//! What of files and lists is believed to be where.

use super::sampled::{Running, stacks};
use crate::stacks::asking::Asking;
use crate::stacks::bytes::Bytes;
use crate::stacks::elf::Elf;
use crate::stacks::file::Mapped;
use crate::stacks::maps::{self, FileKey, Mapping, Paths, VDSO};
use crate::stacks::opening::{self, Identity, Unreadable, open_mapped, open_within, own_vdso};
use crate::stacks::perf_map::PerfMap;
use crate::stacks::symbols::Index;
use nodemon_formats::stack::frames;
use nodemon_skip::skip;
use rustix::fs::{CWD, FileType, Mode, mknodat};
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::Path;
use std::process::Command;

#[test]
fn only_what_can_be_executed_is_kept_of_a_list_of_mappings() {
    let list = "\
        00400000-00401000 r-xp 00002000 fe:01 77         /usr/bin/a program\n\
        00401000-00402000 rw-p 00003000 fe:01 77         /usr/bin/a program\n\
        00403000-00404000 r-xp 00000000 00:1c 8          /tmp/gone.so (deleted)\n\
        00404000-00405000 rwxp 00000000 00:00 0 \n\
        00405000-00406000 r-xp 00000000 00:00 0          [anon:jit]\n\
        nonsense\n\
        7ffd0000a000-7ffd0000c000 r-xp 00000000 00:00 0  [vdso]\n";
    let found = maps::parse(list.as_bytes(), &mut Paths::default()).unwrap();
    let of = |at: usize| {
        let mapping = &found[at];
        (mapping.key, std::str::from_utf8(&mapping.path).unwrap())
    };
    let key = |major, minor, inode| Some(FileKey { device: FileKey::device(major, minor), inode });
    assert_eq!(found.len(), 5);
    assert_eq!(of(0), (key(0xfe, 1, 77), "/usr/bin/a program"));
    assert_eq!(of(1), (key(0, 0x1c, 8), "/tmp/gone.so"));
    assert_eq!((of(2), of(3)), ((None, ""), (None, "")));
    assert_eq!(of(4), (Some(VDSO), "[vdso]"));
    assert_eq!(found[0].offset_of(0x40_0010), 0x2010);
    assert_eq!(maps::find(&found, 0x40_3fff), Some(&found[1]));
    assert_eq!(maps::find(&found, 0x40_2000), None);
}

#[test]
fn the_newest_name_of_a_piece_of_code_counts() {
    let text = b"1000 100 first\n1000 100 second\n1080 10 within\nnot a line\n0x2000 0x10 a b\n";
    let list = PerfMap::of(text.to_vec(), Identity::default());
    let named = |address| {
        let mut name = Vec::new();
        let is_named = list.find(address, &mut name);
        is_named.then(|| String::from_utf8(name).unwrap())
    };
    assert_eq!(named(0x1000).as_deref(), Some("second"));
    assert_eq!(named(0x1085).as_deref(), Some("within"));
    assert_eq!(named(0x1095).as_deref(), Some("second"));
    assert_eq!(named(0x2001).as_deref(), Some("a b"));
    assert_eq!((named(0xfff), named(0x1100)), (None, None));
}

#[test]
fn of_more_names_than_are_kept_the_newest_count() {
    let line = |at: usize, name: &str| format!("{:x} 10 {name}{at}\n", 0x1000 + at * 0x10);
    let older: String = (0..70_000).map(|at| line(at, "older")).collect();
    let newer: String = (0..100).map(|at| line(at * 500, "newer")).collect();
    let list = PerfMap::of(format!("{older}{newer}").into_bytes(), Identity::default());
    let mut name = Vec::new();
    for at in 0..100 {
        assert!(list.find((0x1000 + at * 500 * 0x10) as u64, &mut name), "{at}");
        assert_eq!(name, format!("newer{}", at * 500).into_bytes());
    }
    assert!(!list.find(0x1000 + 0x10, &mut name), "what is forgotten has no name");
    assert!(list.bytes() <= 512 << 10, "{} bytes", list.bytes());
}

#[test]
fn paths_of_a_process_take_no_more_than_their_share() {
    let path = "x".repeat(4000);
    let line = |at: usize| {
        let start = 0x10_0000 + at * 0x1000;
        format!("{start:x}-{:x} r-xp 00000000 08:01 {} /{at}{path}\n", start + 0x1000, at + 1)
    };
    let list: String = (0..2000).map(line).collect();
    let found = maps::parse(list.as_bytes(), &mut Paths::default()).unwrap();
    assert_eq!(found.len(), 2000);
    let paths: usize = found.iter().map(|mapping| mapping.path.len()).sum();
    assert!(paths <= 64 << 10, "{paths} bytes of paths");
    assert!(found.iter().all(|mapping| mapping.key.is_some()), "files are known without a path");
    assert!(found[0].path.ends_with(b"x") && found[1999].path.is_empty());
}

#[test]
fn functions_of_the_vdso_have_names() {
    let file = own_vdso().unwrap();
    let elf = Elf::read(&file).unwrap();
    let index = Index::read(&file, &elf).unwrap();
    let named = (0..0x4000).filter_map(|address| index.find(&file, address));
    let names: Vec<String> = named.map(|found| String::from_utf8(found.name).unwrap()).collect();
    let is_there = names.iter().any(|name| name.contains("clock_gettime"));
    assert!(is_there, "{names:?}");
    assert!(
        !names.iter().any(|name| name.starts_with("__vdso_clock_gettime"))
            || cfg!(target_arch = "aarch64"),
        "the plainest"
    );
}

#[test]
fn a_function_of_a_library_has_its_plainest_name() {
    let libc = std::fs::read_to_string("/proc/self/maps").unwrap();
    let line = libc.lines().find(|line| line.contains("/libc.so")).map(str::to_owned);
    let Some(line) = line else { return nodemon_skip::skip!("another C library") };
    let path = line.split_whitespace().last().unwrap();
    let file = Bytes::File(std::fs::File::open(path).unwrap());
    let elf = Elf::read(&file).unwrap();
    let index = Index::read(&file, &elf).unwrap();
    let named = |address| index.find(&file, address).map(|found| found.name);
    let starts = (0..0x20_0000).step_by(16).filter_map(named);
    let names: std::collections::BTreeSet<Vec<u8>> = starts.collect();
    for name in ["qsort", "malloc", "read", "pthread_create"] {
        let known = names.iter().any(|known| known.starts_with(name.as_bytes()));
        assert!(known, "no {name} among {} names", names.len());
    }
    assert!(!names.contains(b"__read".as_slice()), "an alias");
}

#[test]
fn neither_a_fifo_nor_a_link_out_of_the_root_of_a_process_is_opened() {
    let root = tempfile::tempdir().unwrap();
    let fifo = root.path().join("fifo");
    mknodat(CWD, &fifo, FileType::Fifo, Mode::RUSR, 0).unwrap();
    symlink("/etc/passwd", root.path().join("link")).unwrap();
    symlink("../../../../../../etc/passwd", root.path().join("up")).unwrap();
    std::fs::write(root.path().join("plain"), "x").unwrap();
    let told = |path: &str| open_within(root.path(), path.as_bytes()).map(|_| ());
    assert_eq!(told("/plain"), Ok(()));
    assert_eq!(told("/fifo"), Err(Unreadable::NotRegular));
    symlink("plain", root.path().join("own")).unwrap();
    assert!(matches!(told("/link"), Err(Unreadable::Refused(_))), "it is not followed");
    assert!(matches!(told("/own"), Err(Unreadable::Refused(_))), "nor is one within");
    assert!(matches!(told("/up"), Err(Unreadable::Refused(_))));
}

#[test]
fn a_file_is_the_one_that_is_mapped_or_is_not_read() {
    let home = tempfile::tempdir().unwrap();
    let (proc, root) = (home.path().join("proc"), home.path().join("root"));
    std::fs::create_dir_all(proc.join("7")).unwrap();
    std::fs::create_dir(&root).unwrap();
    let file = |path: &Path| {
        std::fs::write(path, "x").unwrap();
        let found = path.metadata().unwrap();
        let (major, minor) = (rustix::fs::major(found.dev()), rustix::fs::minor(found.dev()));
        FileKey { device: FileKey::device(major, minor), inode: found.ino() }
    };
    let (library, program) = (file(&root.join("library")), file(&home.path().join("program")));
    symlink(&root, proc.join("7/root")).unwrap();
    symlink(home.path().join("program"), proc.join("7/exe")).unwrap();
    let told = |path: &str, key| {
        let (start, end, offset, path) = (0, 1, 0, path.as_bytes().into());
        let mapping = Mapping { start, end, offset, key: Some(key), path, born_ns: 0 };
        open_mapped(&proc, 7, &mapping, key).map(|_| ())
    };
    assert_eq!(told("/library", library), Ok(()));
    assert_eq!(told("/gone", program), Ok(()), "the program itself");
    let other = FileKey { inode: u64::MAX, ..library };
    assert_eq!(told("/library", other), Err(Unreadable::Replaced));
    assert!(matches!(told("/gone", library), Err(Unreadable::Refused(_))));
}

#[test]
fn what_is_not_used_any_more_is_given_back() {
    let mut stacks = stacks();
    let running = Running::start(Command::new("sleep").arg("1000"));
    running.sample(8 << 10).cell(&mut stacks);
    assert!(stacks.files.held().0 > 0);
    drop(running);
    for _ in 0..1100 {
        stacks.settle();
    }
    assert_eq!(stacks.files.held(), (0, 0));
}

#[test]
fn a_file_that_got_the_number_of_another_has_none_of_its_names() {
    let mut stacks = stacks();
    let running = Running::start(Command::new("sleep").arg("1000"));
    let cell = running.sample(8 << 10).cell(&mut stacks);
    let pid = running.child.id();
    let list = std::fs::read(format!("/proc/{pid}/maps")).unwrap();
    let all = maps::parse(list.as_slice(), &mut Paths::default()).unwrap();
    let innermost = frames(&cell).next_back().unwrap();
    let mut mapping = all.into_iter().find(|mapping| &*mapping.path == innermost.module).unwrap();
    let key = mapping.key.unwrap();
    let (proc, batch) = (Path::new("/proc"), stacks.batch);
    let asking = Asking::new();
    assert!(stacks.files.of(key, batch).bytes() > 0, "places of it are known");
    let born_ns = opening::born_ns(proc, pid, &mapping);
    if born_ns == 0 {
        return skip!("the file system does not say when a file was made");
    }
    for (born_ns, is_same) in [(born_ns, true), (0, true), (born_ns + 1, false)] {
        mapping.born_ns = born_ns;
        let of = Mapped { proc, pid, mapping: &mapping, key, batch, asking: &asking };
        let file = stacks.files.of(key, batch);
        let before = file.bytes();
        let _ = file.name(&of, innermost.offset);
        assert_eq!(file.bytes() >= before, is_same, "{born_ns}: {before} and {}", file.bytes());
    }
}
