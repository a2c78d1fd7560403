//! Mounts of this machine, and mounts that were made up. One that hangs is in `tests/`, as it takes
//! a server.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::SOURCE;
use crate::source::Context;
use crate::source::test_support::{
    Table, assert_steady_state_allocates_nothing, context, sample, sample_of,
};
use nodemon_formats::Value;
use procfs::process::Process;
use rustix::fs::statvfs;
use std::fmt::Write;

#[test]
fn every_mount_that_is_recorded_is_one_that_procfs_reads_and_says_what_statvfs_says() {
    let theirs = Process::myself().unwrap().mountinfo().unwrap();
    let table = sample_of(&SOURCE, &Context::default());
    assert!(!table.rows.is_empty(), "tmpfs at the least is everywhere");
    for (keys, cells) in &table.rows {
        let [mount, device, kind] = [0, 1, 2].map(|at| keys[at].to_string());
        let known = theirs.0.iter().any(|entry| {
            entry.mount_point.display().to_string() == mount
                && entry.mount_source.as_deref() == Some(&device)
                && entry.fs_type == kind
        });
        assert!(known, "{mount} {device} {kind}");
        // Another test may have one that hangs.
        if cells[0] != Value::Absent {
            let figures = statvfs(mount.as_str()).unwrap();
            assert_eq!(cells[0], Value::U64(figures.f_blocks * figures.f_frsize), "{mount}");
            assert_eq!(cells[3], Value::U64(figures.f_files), "{mount}");
        }
    }
}

#[test]
fn a_place_that_is_gone_is_absent_and_blanks_are_what_the_kernel_escaped() {
    let place = tempfile::tempdir().unwrap();
    let point = place.path().join("with blank");
    std::fs::create_dir(&point).unwrap();
    let mut text = String::from("1 0 8:1 / /no/such/place rw - ext4 /dev/sda1 rw\n");
    let escaped = point.display().to_string().replace(' ', "\\040");
    writeln!(text, "2 0 8:2 / {escaped} rw - xfs my\\040disk\\043 rw").unwrap();
    writeln!(text, "3 0 0:9 / /no/home rw - nfs server:/home rw").unwrap();
    writeln!(text, "4 0 0:10 / /no/name rw - tmpfs  rw,size=1024k").unwrap();
    let (_dir, context) = context(&[("self/mountinfo", &text)]);
    let mut source = (SOURCE.open)(&context).unwrap();
    let table: Table = sample(source.as_mut(), &(SOURCE.tables)()).unwrap().remove(0);
    assert_eq!(table.rows.len(), 4);
    let gone = ["/no/such/place", "/dev/sda1", "ext4"];
    assert_eq!(table.value(&gone, "total_bytes"), Value::Absent);
    assert_eq!(table.value(&gone, "read_only"), Value::Absent);
    let here = [&point.display().to_string(), "my disk#", "xfs"];
    assert!(table.u64(&here, "total_bytes") > 0);
    assert!(table.u64(&here, "available_bytes") <= table.u64(&here, "free_bytes"));
    assert_eq!(table.value(&here, "read_only"), Value::Bool(false));
    let nameless = ["/no/name", "", "tmpfs"];
    assert_eq!(table.value(&nameless, "total_bytes"), Value::Absent, "its options are no name");
    assert_eq!(source.limits(), Vec::<String>::new(), "one that is gone does not hang");
}

#[test]
fn mounts_that_come_and_go_and_change_places_keep_their_own_figures() {
    let place = tempfile::tempdir().unwrap();
    let dirs = ["a", "b", "c"].map(|name| place.path().join(name));
    dirs.iter().for_each(|dir| std::fs::create_dir(dir).unwrap());
    let line =
        |at: usize| format!("1{at} 0 8:{at} / {} rw - ext4 /dev/{at} rw\n", dirs[at].display());
    let (dir, context) = context(&[("self/mountinfo", "")]);
    let mut source = (SOURCE.open)(&context).unwrap();
    for order in [&[0, 1, 2][..], &[2, 0, 1], &[1], &[], &[1, 2], &[0, 2, 1]] {
        let text: String = order.iter().map(|at| line(*at)).collect();
        std::fs::write(dir.path().join("self/mountinfo"), text).unwrap();
        let table: Table = sample(source.as_mut(), &(SOURCE.tables)()).unwrap().remove(0);
        let expected: Vec<String> =
            order.iter().map(|at| format!("{} /dev/{at} ext4", dirs[*at].display())).collect();
        assert_eq!(table.keys(), expected, "{order:?}");
        for (keys, cells) in &table.rows {
            assert_ne!(cells[0], Value::Absent, "{keys:?} of {order:?}");
        }
    }
}

#[test]
fn sampling_allocates_nothing_in_the_steady_state() {
    assert_steady_state_allocates_nothing(&SOURCE);
}
