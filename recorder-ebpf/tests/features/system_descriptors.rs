//! Open file descriptors are counted by what they are, of every process once.

use crate::network_rows::{Row, print_cost, rows, start};
use crate::system::{number, text};
use crate::system_rig::{shell, wait_for_name};
use nodemon_recorder_ebpf::load::Running;
use std::collections::BTreeMap;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

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

/// What each descriptor of a process is, as an independent read of proc has it; `None` when one is
/// closed meanwhile.
fn links(pid: u64) -> Option<BTreeMap<u64, String>> {
    let link = |entry: std::io::Result<std::fs::DirEntry>| {
        let entry = entry.ok()?;
        let number = entry.file_name().to_str()?.parse().ok()?;
        Some((number, std::fs::read_link(entry.path()).ok()?.display().to_string()))
    };
    std::fs::read_dir(format!("/proc/{pid}/fd")).ok()?.map(link).collect()
}

/// Rows, and what the processes have open before and after they were read: a program that is being
/// started opens libraries.
fn rows_while_nothing_changes(
    running: &mut Running,
    pids: &[u64],
) -> (Vec<Row>, Vec<BTreeMap<u64, String>>) {
    let all = || pids.iter().map(|pid| links(*pid)).collect::<Option<Vec<_>>>();
    for _ in 0..100 {
        let before = all();
        let found = rows(running, FEATURE, FEATURE);
        match (before, all()) {
            (Some(before), Some(after)) if before == after => return (found, after),
            _ => std::thread::sleep(Duration::from_millis(50)),
        }
    }
    panic!("processes that sleep open and close files for ever");
}

#[test]
fn descriptors_of_a_process_are_counted_by_what_they_are() {
    let Some(mut running) = start(FEATURE) else { return };
    let (here, there) = UnixStream::pair().unwrap();
    let script = "ulimit -n 77; exec 3</proc/version 4</ 5</dev/null 7>&1; exec sleep 1000";
    let mut command = shell(script);
    command.stdin(OwnedFd::from(there)).stdout(Stdio::piped()).stderr(Stdio::null());
    let child = Ended(vec![command.spawn().unwrap()]);
    wait_for_name(&child.0[0], "sleep");
    let pid = u64::from(child.0[0].id());
    let (found, links) = rows_while_nothing_changes(&mut running, &[pid]);
    let links = &links[0];
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
        wait_for_name(child, "sleep");
    }
    let pids: Vec<u64> = children.0.iter().map(|child| u64::from(child.id())).collect();
    for _ in 0..3 {
        let (found, links) = rows_while_nothing_changes(&mut running, &pids);
        let mut open: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
        for row in found {
            open.entry(number(&row, "pid")).or_default().push(number(&row, "open"));
        }
        for (pid, links) in pids.iter().zip(links) {
            let expected = vec![links.len() as u64];
            assert_eq!(open.get(pid), Some(&expected), "rows of process {pid}");
        }
    }
    print_cost(&running);
}
