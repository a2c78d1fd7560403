//! What is counted is what was done.

use crate::network_rows::{Row, rows, start, start_with};
use crate::system_rig::{settings_of, shell};
use nodemon_skip::skip;
use std::fs::File;
use std::io::{Read, Write};
use std::time::{Duration, Instant};

fn pages(running: &mut nodemon_recorder_ebpf::load::Running) -> [u64; 3] {
    let rows = rows(running, "page_cache", "page_cache");
    let of = |row: &Row, column: &str| row[column].number();
    let columns = ["accessed_pages", "added_pages", "dirtied_pages"];
    rows.first().map_or([0; 3], |row| columns.map(|column| of(row, column)))
}

#[test]
fn pages_that_are_written_and_read_are_counted() {
    const PAGES: u64 = 1024;
    let Some(mut running) = start("page_cache") else { return };
    let path = std::env::temp_dir().join(format!("nodemon-pages-{}", std::process::id()));
    const TMPFS: i64 = 0x0102_1994;
    let folder = rustix::fs::statfs(std::env::temp_dir()).unwrap();
    if folder.f_type == TMPFS {
        return skip!("files here are in memory only");
    }
    let page = vec![1; 4096];
    let [_, added, dirtied] = pages(&mut running);
    let mut file = File::create(&path).unwrap();
    for _ in 0..PAGES {
        file.write_all(&page).unwrap();
    }
    let [accessed, now_added, now_dirtied] = pages(&mut running);
    assert!(now_added >= added + PAGES, "{now_added} {added}");
    assert!(now_dirtied >= dirtied + PAGES, "{now_dirtied} {dirtied}");
    let mut file = File::open(&path).unwrap();
    let mut buffer = vec![0; 4096];
    for _ in 0..PAGES {
        file.read_exact(&mut buffer).unwrap();
    }
    let [now_accessed, ..] = pages(&mut running);
    let more = now_accessed - accessed;
    if running.missing().is_empty() {
        // Others read too.
        assert!((PAGES..20 * PAGES).contains(&more), "{more}");
    }
    // At once, as dd bs=1M does, and with a buffer that is larger than the file.
    let mut buffer = vec![0; 8 << 20];
    for size_bytes in [248 << 10, 1 << 20, 8 << 20] {
        let [accessed, ..] = pages(&mut running);
        let mut file = File::open(&path).unwrap();
        while file.read(&mut buffer[..size_bytes]).unwrap() > 0 {}
        let [now_accessed, ..] = pages(&mut running);
        let more = now_accessed - accessed;
        println!("{more} pages of {PAGES} looked up by reads of {size_bytes} bytes");
        if tracepoint_of_reads() {
            assert!((PAGES..PAGES + PAGES / 5).contains(&more), "{more}");
        }
    }
    std::fs::remove_file(&path).unwrap();
}

/// From 6.12 on.
fn tracepoint_of_reads() -> bool {
    let events = "events/filemap/mm_filemap_get_pages";
    ["/sys/kernel/tracing", "/sys/kernel/debug/tracing"]
        .iter()
        .any(|root| std::path::Path::new(root).join(events).exists())
}

/// Calls of this name, so far.
fn calls(running: &mut nodemon_recorder_ebpf::load::Running, name: &str) -> u64 {
    let found = rows(running, "syscall", "syscall");
    let row = found.iter().find(|row| row["syscall"].text() == name);
    row.map_or(0, |row| row["calls"].number())
}

#[test]
fn a_call_that_returns_in_two_processes_is_one_call() {
    let settings = settings_of("nm-forks", 1000);
    let Some(mut running) = start_with("syscall", &settings) else { return };
    let script =
        "printf nm-forks > /proc/self/comm; i=0; while [ $i -lt 100 ]; do (:); i=$((i+1)); done";
    assert!(shell(script).status().unwrap().success());
    let made: u64 =
        ["clone", "clone3", "fork", "vfork"].iter().map(|name| calls(&mut running, name)).sum();
    assert_eq!(made, 100, "processes were made");
}

#[test]
fn timers_have_the_names_of_their_functions() {
    let Some(mut running) = start("timer") else { return };
    let deadline = Instant::now() + Duration::from_secs(5);
    let mut found = Vec::new();
    while found.is_empty() && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(100));
        found = rows(&mut running, "timer", "timer");
    }
    println!("{found:?}");
    assert!(!found.is_empty(), "no timer in 5 s");
    if std::fs::read_to_string("/proc/sys/kernel/kptr_restrict").is_ok_and(|it| it.trim() != "2") {
        let is_named = |row: &Row| !row["function"].text().starts_with("0x");
        assert!(found.iter().all(is_named), "{found:?}");
    }
    assert!(found.iter().all(|row| row["starts"].number() > 0));
}

#[test]
fn machine_code_of_programs_takes_memory_and_no_more_than_it_may() {
    let Some(mut running) = start("bpf_jit") else { return };
    let rows = rows(&mut running, "bpf_jit", "bpf_jit");
    println!("{rows:?}");
    assert_eq!(rows.len(), 1);
    let (allocated, limit) = (rows[0]["allocated_bytes"].number(), rows[0]["limit_bytes"].number());
    assert!(allocated > 0 && allocated < limit, "{allocated} of {limit}");
}
