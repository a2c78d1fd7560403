#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::{ProcessTable, Row};
use crate::error::FeatureError;
use nodemon_skip::skip;
use std::collections::BTreeMap;
use std::process::{Child, Command};
use std::time::Duration;

/// The table, unless this process may not have it.
fn start(refresh: Duration, slots: u32) -> Option<ProcessTable> {
    match ProcessTable::start_with(refresh, slots) {
        Ok(table) => Some(table),
        Err(why @ (FeatureError::NotPermitted(_) | FeatureError::NoTypes(_))) => {
            skip!("{why}");
            None
        }
        Err(why) => panic!("{why}"),
    }
}

/// What there was of each number: the kind of its row.
fn pass(table: &mut ProcessTable) -> BTreeMap<u32, &'static str> {
    let mut all = BTreeMap::new();
    let mut last = 0;
    let done = table.rows(|row| {
        let (number, kind) = match row {
            Row::SameProcess(pid) => (pid, "same process"),
            Row::SameThread(tid) => (tid, "same thread"),
            Row::Process(row) => (row.pid, "process"),
            Row::Thread(row) => (row.tid, "thread"),
        };
        assert!(last < number, "{number} after {last}: each has one row, in order");
        last = number;
        all.insert(number, kind);
    });
    done.unwrap();
    all
}

struct Sleeping(Vec<Child>);

impl Sleeping {
    fn start(count: usize) -> Sleeping {
        let sleep = |_| Command::new("sleep").arg("1000").spawn().unwrap();
        let sleeping = Sleeping((0..count).map(sleep).collect());
        std::thread::sleep(Duration::from_millis(300));
        sleeping
    }
}

/// Until all of them sleep, and nothing is new of any.
fn wait_until_known(table: &mut ProcessTable, sleeping: &Sleeping) {
    for _ in 0..200 {
        let all = pass(table);
        if sleeping.0.iter().all(|child| all[&child.id()] == "same process") {
            return;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("they do not fall asleep");
}

impl Drop for Sleeping {
    fn drop(&mut self) {
        for child in &mut self.0 {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }
}

#[test]
fn of_what_sleeps_only_the_first_row_is_whole_and_every_process_has_one_in_each_pass() {
    // So many that one read does not take their rows.
    let sleeping = Sleeping::start(300);
    let Some(mut table) = start(Duration::from_secs(1000), 4096) else { return };
    let first = pass(&mut table);
    assert!(first.values().all(|kind| !kind.starts_with("same")), "nothing is known yet");
    wait_until_known(&mut table, &sleeping);
    for round in 0..3 {
        let again = pass(&mut table);
        let same = |child: &&Child| again[&child.id()] == "same process";
        let count = sleeping.0.iter().filter(same).count();
        assert!(count >= 295, "{count} of 300 that sleep, in round {round}");
        assert_eq!(again[&std::process::id()], "process", "it runs");
    }
}

#[test]
fn what_is_not_remembered_or_due_has_a_whole_row() {
    let sleeping = Sleeping::start(20);
    for (refresh, slots) in [(Duration::ZERO, 4096), (Duration::from_secs(1000), 1)] {
        let Some(mut table) = start(refresh, slots) else { return };
        for _ in 0..2 {
            let all = pass(&mut table);
            assert!(sleeping.0.iter().all(|child| all[&child.id()] == "process"));
        }
    }
}

#[test]
fn processes_that_come_and_go_leave_the_others_known() {
    let mut sleeping = Sleeping::start(300);
    let Some(mut table) = start(Duration::from_secs(1000), 4096) else { return };
    wait_until_known(&mut table, &sleeping);
    // More in a row than are passed over at once.
    for mut child in sleeping.0.drain(50..250) {
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let new = Sleeping::start(10);
    let all = pass(&mut table);
    let count = |sleeping: &Sleeping, kind| {
        sleeping.0.iter().filter(|child| all[&child.id()] == kind).count()
    };
    // One for each 64 that ended is not, and it may be behind others of this machine that did.
    let known = count(&sleeping, "same process");
    assert!(known >= 92, "{known} of 100 that sleep");
    assert_eq!(count(&new, "process"), 10);
}

#[test]
fn threads_are_told_apart_from_their_process() {
    let Some(mut table) = start(Duration::from_secs(1000), 4096) else { return };
    let (tell, told) = std::sync::mpsc::channel();
    let (end, ended) = std::sync::mpsc::channel::<()>();
    let thread = std::thread::spawn(move || {
        tell.send(rustix::thread::gettid().as_raw_nonzero().get().cast_unsigned()).unwrap();
        let _ = ended.recv();
    });
    let tid = told.recv().unwrap();
    std::thread::sleep(Duration::from_millis(100));
    let mut found = false;
    let done = table.rows(|row| match row {
        Row::Thread(row) if row.tid == tid => {
            assert_eq!(row.pid, std::process::id());
            assert!(row.usage.cpu_ns() > 0);
            found = true;
        }
        Row::Process(row) if row.pid == std::process::id() => {
            assert!(row.threads >= 2);
            assert!(!row.is_kernel_thread && !row.is_worker);
            assert_eq!(row.user, rustix::process::geteuid().as_raw());
        }
        _ => {}
    });
    done.unwrap();
    assert!(found, "thread {tid} has a row");
    assert_eq!(pass(&mut table)[&tid], "same thread");
    drop(end);
    thread.join().unwrap();
}
