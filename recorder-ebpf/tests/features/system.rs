//! What happens to the system is in the rows of its features.

use crate::network_rows::{Row, buckets, rows, start, start_with};
use crate::system_rig::{Group, Loops, settings_of, shell, wait_for_name};
use nodemon_recorder_ebpf::load::{Running, Settings};
use nodemon_skip::skip;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// The rows of events that come until one is there, or for a while, that `is_it` holds for.
pub fn events(running: &mut Running, feature: &str, is_it: impl Fn(&Row) -> bool) -> Vec<Row> {
    events_of(running, feature, feature, is_it)
}

/// The same of a table that is not called as its feature is.
fn events_of(
    running: &mut Running,
    feature: &str,
    table: &str,
    is_it: impl Fn(&Row) -> bool,
) -> Vec<Row> {
    let deadline = Instant::now() + Duration::from_secs(2);
    loop {
        let mut found = rows(running, feature, table);
        found.retain(&is_it);
        if !found.is_empty() || Instant::now() > deadline {
            return found;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

pub fn number(row: &Row, column: &str) -> u64 {
    row[column].number()
}

pub fn text<'a>(row: &'a Row, column: &str) -> &'a str {
    row[column].text()
}

#[test]
fn a_signal_has_its_sender_and_its_target() {
    let Some(mut running) = start("signal") else { return };
    let mut target = Command::new("sleep").arg("100").spawn().unwrap();
    wait_for_name(&target, "sleep");
    let mut sender = shell(&format!("kill -USR1 {}", target.id())).spawn().unwrap();
    let sender_pid = sender.id();
    sender.wait().unwrap();
    target.wait().unwrap();
    let found =
        events(&mut running, "signal", |row| number(row, "target_pid") == u64::from(target.id()));
    let row = &found[0];
    assert_eq!(number(row, "pid"), u64::from(sender_pid));
    assert_eq!(text(row, "target_command"), "sleep");
    let how = ["signal", "origin", "result"].map(|column| text(row, column));
    assert_eq!(how, ["SIGUSR1", "process", "delivered"]);
    assert_eq!((number(row, "target_tid"), number(row, "is_for_process")), (target.id().into(), 1));
    assert!(!row.contains_key("code"), "{row:?}");
}

#[test]
fn a_fault_has_its_code_and_children_that_end_are_no_news() {
    let Some(mut running) = start("signal") else { return };
    let mut child = shell("kill -SEGV $$").spawn().unwrap();
    child.wait().unwrap();
    let found = events(&mut running, "signal", |row| number(row, "pid") == child.id().into());
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(text(&found[0], "signal"), "SIGSEGV");
    // The end of the child, told to this process.
    let to_us = |row: &Row| {
        number(row, "target_pid") == u64::from(std::process::id())
            && text(row, "signal") == "SIGCHLD"
    };
    assert!(!found.iter().any(to_us));
}

#[test]
fn a_mount_and_its_end_are_told_with_source_target_type_and_flags() {
    let Some(mut running) = start("mount") else { return };
    let directory = std::env::temp_dir().join(format!("nodemon-mount-{}", std::process::id()));
    std::fs::create_dir(&directory).unwrap();
    let at = directory.display().to_string();
    let script = format!(
        "mount -t tmpfs -o ro,nosuid nodemon-source {at} && umount -l {at}; umount {at} 2>/dev/null; :"
    );
    let done = Command::new("unshare").args(["-m", "sh", "-c", &script]).output().unwrap();
    std::fs::remove_dir(&directory).unwrap();
    if !done.status.success() || !done.stderr.is_empty() {
        return skip!("{}", String::from_utf8_lossy(&done.stderr));
    }
    let found = events(&mut running, "mount", |row| text(row, "target") == at);
    let brief = |row: &Row| {
        ["event", "source", "type", "flags", "error"].map(|column| text(row, column).to_owned())
    };
    let told: Vec<_> = found.iter().map(brief).collect();
    assert_eq!(told[0][..3], ["mount", "nodemon-source", "tmpfs"], "{told:?}");
    // Some programs ask for less noise.
    assert!(told[0][3].is_empty() || told[0][3].starts_with("ro,nosuid"), "{told:?}");
    assert_eq!(told[1], ["unmount", "", "", "detach", ""], "{told:?}");
    assert_eq!(told[2][0], "unmount", "{told:?}");
    assert_eq!(told[2][4], "EINVAL", "{told:?}");
    assert_eq!(text(&found[0], "command"), "mount");
}

#[test]
fn a_process_that_had_more_memory_than_its_group_may_is_told_with_what_it_had() {
    const LIMIT: u64 = 32 << 20;
    let Some(mut running) = start("oom_kill") else { return };
    let group = match Group::with_memory(LIMIT) {
        Ok(group) => group,
        Err(why) => return skip!("{why}"),
    };
    // dd reads a block into memory.
    let script = format!(
        "echo $$ > {}; echo 321 > /proc/self/oom_score_adj; \
         dd if=/dev/zero of=/dev/null bs=200M count=1",
        group.members().display()
    );
    shell(&script).stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap();
    let found = events(&mut running, "oom_kill", |row| {
        row.get("victim_command").is_none_or(|command| command.text() == "dd")
    });
    let row = &found[0];
    if !row.contains_key("victim_command") {
        return println!("this kernel tells no more than the number: {row:?}");
    }
    assert_eq!(number(row, "pid"), number(row, "victim_pid"), "it asked for the memory itself");
    assert_eq!(text(row, "command"), "dd");
    assert_eq!(number(row, "victim_oom_score_adj"), 321);
    let anonymous = number(row, "victim_anonymous_bytes") * 4096;
    assert!((LIMIT / 2..=LIMIT).contains(&anonymous), "{row:?}");
    assert!(number(row, "victim_virtual_bytes") * 4096 >= anonymous);
    assert_eq!(number(row, "cgroup_id"), number(row, "victim_cgroup_id"));
}

#[test]
fn a_file_that_is_opened_is_told_and_so_is_one_that_cannot_be() {
    let settings = settings_of("nm-open", 100_000);
    let Some(mut running) = start_with("file_open", &settings) else { return };
    let script = "printf nm-open > /proc/self/comm; : < /proc/version; : < /nm/is/missing";
    shell(script).stderr(Stdio::null()).status().unwrap();
    let found = events(&mut running, "file_open", |row| !text(row, "path").is_empty());
    let of = |path: &str| found.iter().find(|row| text(row, "path") == path).expect(path);
    let version = of("/proc/version");
    assert_eq!((text(version, "flags"), text(version, "error")), ("rdonly", ""));
    assert_eq!(text(of("/nm/is/missing"), "error"), "ENOENT");
}

#[test]
fn a_control_group_that_lives_for_a_moment_has_its_name() {
    let Some(mut running) = start("cgroup_event") else { return };
    let roots = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"].map(std::path::Path::new);
    let root = roots.iter().find(|root| root.join("cgroup.controllers").exists());
    let Some(root) = root else { return skip!("no control groups of version 2") };
    let name = format!("nodemon-moment-{}", std::process::id());
    let group = root.join(&name);
    if let Err(why) = std::fs::create_dir(&group) {
        return skip!("no control group can be made: {why}");
    }
    let number = std::os::unix::fs::MetadataExt::ino(&std::fs::metadata(&group).unwrap());
    std::fs::remove_dir(&group).unwrap();
    let found = events(&mut running, "cgroup_event", |row| text(row, "path").ends_with(&name));
    let told: Vec<_> =
        found.iter().map(|row| (text(row, "event"), self::number(row, "id"))).collect();
    assert_eq!(told, [("made", number), ("removed", number)], "{found:?}");
    assert_eq!(text(&found[0], "path"), format!("/{name}"));
    assert_eq!(self::number(&found[0], "level"), 1);
}

#[test]
fn slow_calls_are_told_but_for_those_that_are_made_to_wait() {
    let settings = Settings { min_latency_ns: 20_000_000, ..settings_of("nm-slow", 100_000) };
    let Some(mut running) = start_with("slow_syscall", &settings) else { return };
    // Opening a FIFO waits for the other end; sleep waits by design, and so does a read of a pipe.
    let directory = std::env::temp_dir().join(format!("nodemon-fifo-{}", std::process::id()));
    let fifo = directory.display();
    let script = format!(
        "mkfifo {fifo}; (sleep 0.1; exec > {fifo}; sleep 0.1; echo) & \
         printf nm-slow > /proc/self/comm; exec < {fifo}; read line; rm {fifo}"
    );
    assert!(shell(&script).status().unwrap().success());
    let found = events(&mut running, "slow_syscall", |_| true);
    let openings: Vec<_> =
        found.iter().filter(|row| text(row, "syscall").starts_with("open")).collect();
    assert_eq!(openings.len(), 1, "{found:?}");
    assert!((60_000_000..1_000_000_000).contains(&number(openings[0], "took_ns")));
    assert_eq!(text(openings[0], "error"), "");
    assert!(!found.iter().any(|row| text(row, "syscall") == "read"), "{found:?}");
}

#[test]
fn a_request_that_a_device_holds_back_is_slow_io_of_the_task_that_made_it() {
    let Some(mut running) = start("block_io") else { return };
    let loops = match Loops::new() {
        Ok(loops) => loops,
        Err(why) => return skip!("{why}"),
    };
    if let Err(why) = loops.write_while_frozen(Duration::from_millis(200)) {
        return skip!("{why}");
    }
    let found =
        events_of(&mut running, "block_io", "slow_io", |row| text(row, "device") == loops.name());
    let row = found.iter().find(|row| text(row, "operation") == "write").expect("a write");
    assert_eq!((number(row, "sector"), number(row, "size_bytes")), (8, 4096));
    let (took, device) = (number(row, "took_ns"), number(row, "device_ns"));
    assert!(took >= 150_000_000 && took >= device, "{row:?}");
    assert!(device >= 150_000_000, "{row:?}");
    assert_eq!((text(row, "error"), text(row, "command")), ("", "dd"));
    let latencies = buckets(&mut running, "block_io", "block_latency");
    let slow = latencies.iter().filter(|(_, least_ns, _)| *least_ns >= 130_000_000);
    let slow: Vec<_> = slow.filter(|(keys, ..)| text(keys, "device") == loops.name()).collect();
    let write = slow.iter().find(|(keys, ..)| text(keys, "operation") == "write");
    assert_eq!(write.map(|(.., count)| *count), Some(1), "the histogram has it too: {slow:?}");
}

#[test]
fn slow_io_that_another_task_takes_out_of_a_queue_is_that_of_who_put_it_in() {
    let settings = Settings { min_latency_ns: 1, ..settings_of("nm-queues", 100_000) };
    let Some(mut running) = start_with("block_io", &settings) else { return };
    let loops = match Loops::new() {
        Ok(loops) => loops,
        Err(why) => return skip!("{why}"),
    };
    let device = loops.name();
    // Whoever puts a read into this queue gives the driver all that is in it, each by itself.
    for (file, value) in [("scheduler", "mq-deadline"), ("nomerges", "2")] {
        let file = format!("/sys/block/{device}/queue/{file}");
        if let Err(why) = std::fs::write(&file, value) {
            return skip!("{file}: {why}");
        }
    }
    let folder = std::env::temp_dir().join(format!("nodemon-queues-{}", std::process::id()));
    let at = folder.display();
    let reads = |copy: &str| {
        let read = format!("{copy} if=/dev/{device} of=/dev/null bs=4096 count=500 iflag=direct &");
        read.repeat(4)
    };
    let script = format!(
        "mkdir {at} && cp $(command -v dd) {at}/nm-queues && {{ {} {} wait; rm -r {at}; }}",
        reads(&format!("{at}/nm-queues")),
        reads("dd")
    );
    assert!(shell(&script).stderr(Stdio::null()).status().unwrap().success());
    let found = events_of(&mut running, "block_io", "slow_io", |row| text(row, "device") == device);
    assert_eq!(found.len(), 4 * 500, "those of nm-queues and no others");
    let is_possible = |row: &Row| number(row, "device_ns") <= number(row, "took_ns") + 1_000_000;
    assert!(found.iter().all(|row| text(row, "command") == "nm-queues" && is_possible(row)));
}

#[test]
fn slow_io_of_others_is_not_taken_for_that_of_the_program_that_is_looked_at() {
    let settings = Settings { min_latency_ns: 1, ..settings_of("nm-reads", 100_000) };
    let Some(mut running) = start_with("block_io", &settings) else { return };
    let loops = match Loops::new() {
        Ok(loops) => loops,
        Err(why) => return skip!("{why}"),
    };
    let device = loops.name();
    let reads = |copy: &str| {
        format!("{copy} if=/dev/{device} of=/dev/null bs=4096 count=200 iflag=direct; ")
    };
    let folder = std::env::temp_dir().join(format!("nodemon-copies-{}", std::process::id()));
    let at = folder.display();
    let script = format!(
        "mkdir {at} && cp $(command -v dd) {at}/nm-reads && {}{}rm -r {at}",
        reads(&format!("{at}/nm-reads")),
        reads("dd")
    );
    assert!(shell(&script).stderr(Stdio::null()).status().unwrap().success());
    let found = events_of(&mut running, "block_io", "slow_io", |row| text(row, "device") == device);
    assert_eq!(found.len(), 200, "those of nm-reads and no others");
    let is_possible = |row: &Row| number(row, "device_ns") <= number(row, "took_ns") + 1_000_000;
    assert!(found.iter().all(|row| text(row, "command") == "nm-reads" && is_possible(row)));
}
