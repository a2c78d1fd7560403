//! What is counted is what was done.

use crate::network_rows::{Row, rows, start};
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
        return println!("skipped: files here are in memory only");
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
    std::fs::remove_file(&path).unwrap();
    let more = now_accessed - accessed;
    if running.missing().is_empty() {
        // Others read too.
        assert!((PAGES..20 * PAGES).contains(&more), "{more}");
    }
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
