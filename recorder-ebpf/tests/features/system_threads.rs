//! Threads that run, want to, or are blocked are told with what they wait for.

use crate::network_rows::{Row, rows, start};
use crate::system::{number, text};
use crate::system_rig::{Loops, shell};
use nodemon_recorder_ebpf::load::Running;
use nodemon_skip::skip;
use std::time::{Duration, Instant};

const FEATURE: &str = "thread_active";

/// The rows of a process, once it has some that `is_it` holds for.
fn rows_of(running: &mut Running, pid: u32, mut is_it: impl FnMut(&Row) -> bool) -> Vec<Row> {
    let deadline = Instant::now() + Duration::from_secs(5);
    loop {
        let mut found = rows(running, FEATURE, FEATURE);
        found.retain(|row| number(row, "pid") == u64::from(pid));
        if found.iter().any(&mut is_it) || Instant::now() > deadline {
            return found;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn a_program_on_a_frozen_file_system_is_blocked_in_a_system_call_that_has_a_name() {
    let Some(mut running) = start(FEATURE) else { return };
    let loops = match Loops::new() {
        Ok(loops) => loops,
        Err(why) => return skip!("{why}"),
    };
    let seen = loops.with_blocked_program(|child| {
        // Before it is there it is blocked for moments, too: in execve, and for its libraries.
        let mut before = None;
        let found = rows_of(&mut running, child.id(), |row| {
            let is_blocked = text(row, "state") == "blocked" && text(row, "command") == "touch";
            let switches = is_blocked.then(|| number(row, "switches"));
            switches.is_some() && std::mem::replace(&mut before, switches) == switches
        });
        assert_eq!(found.len(), 1, "one thread of it: {found:?}");
        let row = &found[0];
        assert_eq!((text(row, "state"), text(row, "command")), ("blocked", "touch"), "{row:?}");
        let stack: Vec<&str> = text(row, "stack").split(';').collect();
        assert!(stack.iter().any(|name| name.ends_with("sys_openat")), "{stack:?}");
        let channel = text(row, "wait_channel");
        assert!(stack.contains(&channel), "it waits in {channel}, which is not in {stack:?}");
        assert!(!["schedule", "__schedule"].contains(&channel), "that is where all of them wait");
        assert!(!channel.starts_with("0x"), "{channel}");
        match row.get("syscall") {
            Some(call) => assert_eq!(call.text(), "openat"),
            None => println!("this kernel does not say in which call a thread is"),
        }
        // It stays where it is.
        let again = rows_of(&mut running, child.id(), |_| true);
        assert_eq!(again[0]["switches"].number(), number(row, "switches"));
        assert_eq!(text(&again[0], "stack"), text(row, "stack"));
    });
    if let Err(why) = seen {
        skip!("{why}");
    }
}

#[test]
fn a_program_that_spins_runs_or_waits_for_a_cpu_and_one_that_sleeps_is_not_there() {
    let Some(mut running) = start(FEATURE) else { return };
    let mut spins = shell("while :; do :; done").spawn().unwrap();
    let mut sleeps = shell("exec sleep 1000").spawn().unwrap();
    let found = rows_of(&mut running, spins.id(), |_| true);
    std::thread::sleep(Duration::from_millis(200));
    let all = rows(&mut running, FEATURE, FEATURE);
    spins.kill().unwrap();
    sleeps.kill().unwrap();
    spins.wait().unwrap();
    sleeps.wait().unwrap();
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(["running", "runnable"].contains(&text(&found[0], "state")), "{found:?}");
    assert!(!found[0].contains_key("wait_channel"), "it waits for nothing: {found:?}");
    let slept = all.iter().filter(|row| number(row, "pid") == u64::from(sleeps.id()));
    assert_eq!(slept.count(), 0, "a thread that sleeps is not active");
    let own = all.iter().filter(|row| number(row, "tid") == u64::from(own_tid()));
    assert_eq!(own.count(), 0, "who looks is left out");
}

fn own_tid() -> u32 {
    rustix::thread::gettid().as_raw_nonzero().get().cast_unsigned()
}
