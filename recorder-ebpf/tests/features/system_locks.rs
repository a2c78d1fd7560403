//! Waits for locks of the kernel are told with the lock, who had it, and the calls that wanted it.

use crate::network_rows::{Row, rows, start_with};
use crate::system::{events, number, text};
use crate::system_rig::{Loops, own_name, settings_of, wait_for_name};
use nodemon_recorder_ebpf::load::Settings;
use nodemon_skip::skip;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

const LOCKS: &str = "stack_lock";

#[test]
fn who_waits_for_a_lock_is_told_with_the_lock_the_wait_and_the_calls_that_wanted_it() {
    let Some(mut running) = start_with(LOCKS, &settings_of("touch", 5000)) else { return };
    let loops = match Loops::new() {
        Ok(loops) => loops,
        Err(why) => return skip!("{why}"),
    };
    let mut blocked = 0;
    let waited = loops.with_blocked_program(|child| {
        wait_for_name(child, "touch");
        thread::sleep(Duration::from_millis(300));
        blocked = child.id();
    });
    if let Err(why) = waited {
        return skip!("{why}");
    }
    let is_it = |row: &Row| {
        number(row, "pid") == u64::from(blocked) && text(row, "kind") == "percpu_rwsem_read"
    };
    let found = events(&mut running, LOCKS, is_it);
    assert_eq!(found.len(), 1, "{found:?}");
    let row = &found[0];
    assert!((200_000_000..5_000_000_000).contains(&number(row, "duration_ns")), "{row:?}");
    assert_eq!(number(row, "weight_ns"), number(row, "duration_ns"), "it stands for itself");
    assert!(number(row, "lock") > 1 << 63, "an address of the kernel: {row:?}");
    let stack = text(row, "stack");
    assert!(stack.contains("sys_open") && stack.contains("mnt_want_write"), "{row:?}");
    assert!(!stack.contains("bpf"), "the program itself: {row:?}");
}

#[test]
fn threads_that_rename_files_of_one_directory_wait_for_it_and_for_each_other() {
    let settings = Settings { events_per_s: 500, ..Settings::here().unwrap() };
    let Some(mut running) = start_with(LOCKS, &settings) else { return };
    let folder = std::env::temp_dir().join(own_name("renames"));
    std::fs::create_dir(&folder).unwrap();
    let is_over = AtomicBool::new(false);
    let rename = |number: usize| {
        let names = [0, 1].map(|side| folder.join(format!("{number}-{side}")));
        std::fs::write(&names[0], "").unwrap();
        while !is_over.load(Ordering::Relaxed) {
            std::fs::rename(&names[0], &names[1]).unwrap();
            std::fs::rename(&names[1], &names[0]).unwrap();
        }
    };
    let own = u64::from(std::process::id());
    let is_rename = |row: &Row| {
        number(row, "pid") == own
            && text(row, "kind") == "rwsem_write"
            && text(row, "stack").contains("sys_rename")
    };
    let mut found = Vec::new();
    thread::scope(|scope| {
        let threads: Vec<_> = (0..8).map(|number| scope.spawn(move || rename(number))).collect();
        let deadline = Instant::now() + Duration::from_secs(20);
        let has_holder = |found: &[Row]| found.iter().any(|row| row.contains_key("holder_pid"));
        while !has_holder(&found) && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(50));
            found.extend(rows(&mut running, LOCKS, LOCKS).into_iter().filter(is_rename));
        }
        is_over.store(true, Ordering::Relaxed);
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    });
    std::fs::remove_dir_all(&folder).unwrap();
    assert!(!found.is_empty(), "nobody waited");
    let held: Vec<&Row> = found.iter().filter(|row| row.contains_key("holder_pid")).collect();
    assert!(!held.is_empty(), "by whom: {found:?}");
    for row in &held {
        assert_eq!(number(row, "holder_pid"), own, "{row:?}");
        assert_ne!(number(row, "holder_tid"), number(row, "tid"), "{row:?}");
    }
    assert!(found.iter().all(|row| number(row, "lock") == number(&found[0], "lock")), "one lock");
}
