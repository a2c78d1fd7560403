//! Open file descriptors are counted by what they are, of every process once.

use crate::network_rows::{print_cost, rows, start};
use crate::system::{number, text};
use crate::system_rig::{shell, wait_until_asleep};
use std::collections::BTreeMap;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};

const FEATURE: &str = "file_descriptor";
/// Their rows do not fit what the kernel gathers at once (32 KiB), so it goes back and comes again.
const MANY: usize = 600;

struct Ended(Vec<Child>);

impl Drop for Ended {
    fn drop(&mut self) {
        for child in &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// What each descriptor of a process is, as an independent read of proc has it.
fn links(pid: u64) -> BTreeMap<u64, String> {
    let link = |entry: std::io::Result<std::fs::DirEntry>| {
        let entry = entry.unwrap();
        let number = entry.file_name().to_str().unwrap().parse().unwrap();
        (number, std::fs::read_link(entry.path()).unwrap().display().to_string())
    };
    std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap().map(link).collect()
}

#[test]
fn descriptors_of_a_process_are_counted_by_what_they_are() {
    let Some(mut running) = start(FEATURE) else { return };
    let (here, there) = UnixStream::pair().unwrap();
    let script = "ulimit -n 77; exec 3</proc/version 4</ 5</dev/null 7>&1; exec sleep 1000";
    let mut command = shell(script);
    command.stdin(OwnedFd::from(there)).stdout(Stdio::piped()).stderr(Stdio::null());
    let child = Ended(vec![command.spawn().unwrap()]);
    wait_until_asleep(&child.0[0]);
    let pid = u64::from(child.0[0].id());
    let found = rows(&mut running, FEATURE, FEATURE);
    let links = links(pid);
    let row = found.iter().find(|row| number(row, "pid") == pid).expect("the process has a row");
    // It may have inherited some from whoever runs the tests.
    let like =
        |is_it: &dyn Fn(&str) -> bool| links.values().filter(|link| is_it(link)).count() as u64;
    let expected = [
        ("open", links.len() as u64),
        ("limit", 77),
        ("files", like(&|link| link == "/" || link == "/proc/version")),
        ("sockets", like(&|link| link.starts_with("socket:"))),
        ("pipes", like(&|link| link.starts_with("pipe:"))),
        ("devices", like(&|link| link.starts_with("/dev/"))),
        ("anonymous", like(&|link| link.starts_with("anon_inode:"))),
        ("highest", *links.keys().next_back().unwrap()),
    ];
    for (column, count) in expected {
        assert_eq!(number(row, column), count, "{column} of {row:?}, which has {links:?}");
    }
    assert!(links.len() >= 7 && like(&|link| link.starts_with("pipe:")) >= 2, "{links:?}");
    assert_eq!(text(row, "command"), "sleep");
    drop(here);
}

#[test]
fn many_processes_have_one_row_each_with_all_of_their_descriptors() {
    let Some(mut running) = start(FEATURE) else { return };
    let sleeper = |_| {
        let mut sleep = Command::new("sleep");
        sleep.arg("1000").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        sleep.spawn().unwrap()
    };
    let children = Ended((0..MANY).map(sleeper).collect());
    for child in &children.0 {
        wait_until_asleep(child);
    }
    for _ in 0..3 {
        let mut open: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
        for row in rows(&mut running, FEATURE, FEATURE) {
            open.entry(number(&row, "pid")).or_default().push(number(&row, "open"));
        }
        for child in &children.0 {
            let pid = u64::from(child.id());
            let expected = vec![links(pid).len() as u64];
            assert_eq!(open.get(&pid), Some(&expected), "rows of process {pid}");
        }
    }
    print_cost(&running);
}
