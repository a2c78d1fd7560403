//! The source on groups that were made up, and on groups that are made here.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::group::Group;
use super::reader::Reader;
use super::{SOURCE, hierarchy};
use crate::source::test_support::{
    Table, assert_steady_state_allocates_nothing, context, sample, sample_of,
};
use crate::source::{Context, Source, SourceError};
use nodemon_formats::{Semantics, Value};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

/// Version 2 with one group, as `Documentation/admin-guide/cgroup-v2.rst` describes the files.
const VERSION_2: [(&str, &str); 15] = [
    ("fs/cgroup/cgroup.controllers", "cpu io memory pids\n"),
    ("fs/cgroup/cpu.stat", "usage_usec 90\nuser_usec 50\nsystem_usec 40\n"),
    (
        "fs/cgroup/a/cpu.stat",
        "usage_usec 9\nuser_usec 5\nsystem_usec 4\nnice_usec 1\nnr_periods 3\nnr_throttled 2\n\
         throttled_usec 7\nnr_bursts 0\nburst_usec 0\n",
    ),
    ("fs/cgroup/a/cpu.max", "150000 100000\n"),
    ("fs/cgroup/a/memory.current", "4096\n"),
    ("fs/cgroup/a/memory.max", "1073741824\n"),
    ("fs/cgroup/a/memory.swap.current", "12\n"),
    (
        "fs/cgroup/a/memory.stat",
        "anon 1\nfile 2\nkernel 3\nkernel_stack 9\nshmem 4\npgfault 5\npgmajfault 6\n",
    ),
    ("fs/cgroup/a/memory.events", "low 9\nhigh 7\nmax 8\noom 9\noom_kill 10\noom_group_kill 9\n"),
    ("fs/cgroup/a/io.stat", "8:0 rbytes=11 wbytes=12 rios=13 wios=14 dbytes=0 dios=0\n"),
    ("fs/cgroup/a/pids.current", "15\n"),
    ("fs/cgroup/a/pids.max", "max\n"),
    ("fs/cgroup/a/cpu.pressure", "some avg10=0.00 avg60=0.00 avg300=0.00 total=16\n"),
    (
        "fs/cgroup/a/memory.pressure",
        "some avg10=0.00 avg60=0.00 avg300=0.00 total=17\n\
         full avg10=0.00 avg60=0.00 avg300=0.00 total=18\n",
    ),
    (
        "fs/cgroup/a/io.pressure",
        "some avg10=0.00 avg60=0.00 avg300=0.00 total=19\n\
         full avg10=0.00 avg60=0.00 avg300=0.00 total=20\n",
    ),
];

/// Version 1 with one group, as `Documentation/admin-guide/cgroup-v1` describes the files.
const VERSION_1: [(&str, &str); 20] = [
    ("fs/cgroup/cpuacct/cgroup.procs", ""),
    ("fs/cgroup/cpu/cgroup.procs", ""),
    ("fs/cgroup/memory/cgroup.procs", ""),
    ("fs/cgroup/blkio/cgroup.procs", ""),
    ("fs/cgroup/pids/cgroup.procs", ""),
    ("fs/cgroup/cpuacct/a/cpuacct.usage", "9000\n"),
    ("fs/cgroup/cpuacct/a/cpuacct.usage_user", "5000\n"),
    ("fs/cgroup/cpuacct/a/cpuacct.usage_sys", "4000\n"),
    ("fs/cgroup/cpu/a/cpu.stat", "nr_periods 3\nnr_throttled 2\nthrottled_time 7000\n"),
    ("fs/cgroup/cpu/a/cpu.cfs_quota_us", "150000\n"),
    ("fs/cgroup/cpu/a/cpu.cfs_period_us", "100000\n"),
    ("fs/cgroup/memory/a/memory.usage_in_bytes", "4096\n"),
    ("fs/cgroup/memory/a/memory.limit_in_bytes", "1073741824\n"),
    ("fs/cgroup/memory/a/memory.failcnt", "8\n"),
    ("fs/cgroup/memory/a/memory.kmem.usage_in_bytes", "3\n"),
    ("fs/cgroup/memory/a/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 10\n"),
    (
        "fs/cgroup/memory/a/memory.stat",
        "cache 0\nrss 0\ntotal_cache 2\ntotal_rss 1\ntotal_shmem 4\ntotal_swap 12\n\
         total_pgfault 5\ntotal_pgmajfault 6\n",
    ),
    (
        "fs/cgroup/blkio/a/blkio.throttle.io_service_bytes_recursive",
        "8:0 Read 11\n8:0 Write 12\n8:0 Total 23\nTotal 23\n",
    ),
    (
        "fs/cgroup/blkio/a/blkio.throttle.io_serviced_recursive",
        "8:0 Read 13\n8:0 Write 14\n8:0 Total 27\nTotal 27\n",
    ),
    ("fs/cgroup/pids/a/pids.current", "15\n"),
];

/// What both say of the group.
const BOTH: [(&str, u64); 22] = [
    ("cpu_ns", 9_000),
    ("cpu_user_ns", 5_000),
    ("cpu_system_ns", 4_000),
    ("cpu_periods", 3),
    ("cpu_throttled_periods", 2),
    ("cpu_throttled_ns", 7_000),
    ("memory_bytes", 4096),
    ("memory_limit_bytes", 1 << 30),
    ("swap_bytes", 12),
    ("anon_bytes", 1),
    ("file_bytes", 2),
    ("shmem_bytes", 4),
    ("kernel_bytes", 3),
    ("faults", 5),
    ("major_faults", 6),
    ("memory_max_events", 8),
    ("oom_kills", 10),
    ("read_bytes", 11),
    ("write_bytes", 12),
    ("reads", 13),
    ("writes", 14),
    ("pids", 15),
];

/// What version 2 alone says.
const VERSION_2_ONLY: [(&str, u64); 6] = [
    ("memory_high_events", 7),
    ("cpu_some_ns", 16_000),
    ("memory_some_ns", 17_000),
    ("memory_full_ns", 18_000),
    ("io_some_ns", 19_000),
    ("io_full_ns", 20_000),
];

#[test]
fn every_file_of_version_2_has_its_columns() {
    let (_dir, context) = context(&VERSION_2);
    let table = sample_of(&SOURCE, &context);
    assert_eq!(table.keys(), ["/", "/a"]);
    for (column, expected) in BOTH.iter().chain(&VERSION_2_ONLY) {
        assert_eq!(table.u64(&["/a"], column), *expected, "{column}");
    }
    assert_eq!(table.value(&["/a"], "cpu_limit"), Value::F64(1.5));
    assert_eq!(table.value(&["/a"], "pids_limit"), Value::Absent, "there is no limit");
    let of_files = table.schema.values.iter().filter(|column| column.semantics != Semantics::State);
    assert_eq!(BOTH.len() + VERSION_2_ONLY.len() + 2, of_files.count(), "all are here");
    assert!(table.u64(&["/a"], "id") > 0);
    assert_eq!(table.u64(&["/"], "cpu_ns"), 90_000);
    assert_eq!(table.value(&["/"], "memory_bytes"), Value::Absent, "the root has no such file");
}

#[test]
fn the_hierarchies_of_version_1_make_one_row_of_a_group() {
    let (_dir, context) = context(&VERSION_1);
    let table = sample_of(&SOURCE, &context);
    assert_eq!(table.keys(), ["/", "/a"]);
    for (column, expected) in BOTH {
        assert_eq!(table.u64(&["/a"], column), expected, "{column}");
    }
    assert_eq!(table.value(&["/a"], "cpu_limit"), Value::F64(1.5));
    for (column, _) in VERSION_2_ONLY {
        assert_eq!(table.value(&["/a"], column), Value::Absent, "{column}");
    }
}

#[test]
fn a_group_in_which_nothing_ran_is_left_alone_until_its_refresh() {
    let (dir, _) = context(&VERSION_2);
    let hierarchies = hierarchy::find(dir.path());
    let mut reader = Reader::new(Path::new("none"));
    let mut group = Group::new(b"/a");
    group.join(0, &hierarchies, 0);
    let file = |name: &str| dir.path().join("fs/cgroup/a").join(name);
    let mut memory_and_limit = |seconds: u64| {
        assert!(group.update(seconds * 1_000_000_000, &hierarchies, &mut reader).unwrap());
        (group.values.memory_bytes.unwrap(), group.values.memory_limit_bytes.unwrap())
    };
    assert_eq!(memory_and_limit(0), (4096, 1 << 30));
    std::fs::write(file("memory.current"), "5000\n").unwrap();
    std::fs::write(file("memory.max"), "9000\n").unwrap();
    assert_eq!(memory_and_limit(1), (4096, 1 << 30), "nothing ran");
    std::fs::write(file("cpu.stat"), "usage_usec 10\n").unwrap();
    assert_eq!(memory_and_limit(2), (5000, 1 << 30), "something ran");
    std::fs::write(file("memory.current"), "6000\n").unwrap();
    assert_eq!(memory_and_limit(3), (5000, 1 << 30), "nothing ran");
    assert_eq!(memory_and_limit(10), (6000, 9000), "all is read anew");
    std::fs::remove_file(file("memory.swap.current")).unwrap();
    std::fs::remove_file(file("pids.max")).unwrap();
    assert_eq!(memory_and_limit(20), (6000, 9000));
    std::fs::remove_dir_all(dir.path().join("fs/cgroup/a")).unwrap();
    let mut fresh = Group::new(b"/a");
    fresh.join(0, &hierarchies, 0);
    assert!(!fresh.update(0, &hierarchies, &mut reader).unwrap(), "there is no such group");
}

#[test]
fn a_controller_that_is_switched_on_later_has_values_from_the_next_refresh_on() {
    let (dir, _) = context(&VERSION_2[..4]);
    let hierarchies = hierarchy::find(dir.path());
    let mut reader = Reader::new(Path::new("none"));
    let mut group = Group::new(b"/a");
    group.join(0, &hierarchies, 0);
    group.update(0, &hierarchies, &mut reader).unwrap();
    assert_eq!((group.values.cpu_ns, group.values.pids), (Some(9_000), None));
    std::fs::write(dir.path().join("fs/cgroup/a/pids.current"), "3\n").unwrap();
    group.update(10_000_000_000, &hierarchies, &mut reader).unwrap();
    assert_eq!(group.values.pids, Some(3));
}

#[test]
fn without_hierarchies_it_is_unavailable_and_says_what_would_help() {
    let (_dir, context) = context(&[]);
    let error = (SOURCE.open)(&context).err().unwrap();
    assert!(matches!(&error, SourceError::Unavailable { .. }));
    assert!(error.to_string().contains("mount -t cgroup2"), "{error}");
}

/// A group of this test's own in a real hierarchy, with a process that burns CPU in it.
struct Burning {
    directory: PathBuf,
    path: String,
    child: Child,
}

impl Burning {
    /// `None` when this user may not make groups.
    fn start(root: &Path, name: &str) -> Option<Burning> {
        let path = format!("/nodemon-{name}-{}", std::process::id());
        let directory = root.join(&path[1..]);
        std::fs::create_dir(&directory).ok()?;
        let procs = directory.join("cgroup.procs");
        let script = format!("echo $$ > {} && while ((SECONDS < 60)); do :; done", procs.display());
        let child = Command::new("bash").args(["-c", &script]).spawn().unwrap();
        Some(Burning { directory, path, child })
    }
}

impl Drop for Burning {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        // The group is empty a moment after its last process was waited for.
        let start = Instant::now();
        while std::fs::remove_dir(&self.directory).is_err() {
            assert!(start.elapsed() < Duration::from_secs(20), "{} stays", self.path);
        }
    }
}

fn sampled(source: &mut dyn Source) -> Table {
    let [table] = sample(source, &(SOURCE.tables)()).unwrap().try_into().unwrap();
    table
}

#[test]
fn a_group_made_on_this_machine_is_found_with_what_burns_in_it() {
    let hierarchies = hierarchy::find(Path::new("/sys"));
    let tells_cpu = |hierarchy: &&hierarchy::Hierarchy| {
        let parts = &hierarchy.parts;
        parts.contains(&hierarchy::Part::Cpuacct) || parts.contains(&hierarchy::Part::Unified)
    };
    for hierarchy in hierarchies.iter().filter(tells_cpu) {
        let mut source = (SOURCE.open)(&Context::default()).unwrap();
        sampled(source.as_mut());
        let Some(burning) = Burning::start(&hierarchy.root, "burning") else { continue };
        let start = Instant::now();
        let mut cpu_ns = 0;
        while cpu_ns < 20_000_000 {
            assert!(start.elapsed() < Duration::from_secs(20), "only {cpu_ns} ns");
            cpu_ns = sampled(source.as_mut()).u64(&[&burning.path], "cpu_ns");
        }
        let elapsed_ns = start.elapsed().as_nanos() as u64;
        assert!(cpu_ns <= elapsed_ns + 10_000_000, "{cpu_ns} ns in {elapsed_ns}");
        let path = burning.path.clone();
        drop(burning);
        assert!(!sampled(source.as_mut()).keys().contains(&path), "it is no more");
    }
}

#[test]
fn pids_of_a_group_made_on_this_machine_are_counted() {
    let hierarchies = hierarchy::find(Path::new("/sys"));
    let counts =
        |hierarchy: &&hierarchy::Hierarchy| hierarchy.parts.contains(&hierarchy::Part::Pids);
    let Some(hierarchy) = hierarchies.iter().find(counts) else { return };
    let Some(burning) = Burning::start(&hierarchy.root, "pids") else { return };
    let mut source = (SOURCE.open)(&Context::default()).unwrap();
    let start = Instant::now();
    while sampled(source.as_mut()).u64(&[&burning.path], "pids") != 1 {
        assert!(start.elapsed() < Duration::from_secs(20), "the process is not in the group");
    }
}

#[test]
fn sampling_allocates_nothing_in_the_steady_state() {
    assert_steady_state_allocates_nothing(&SOURCE);
}
