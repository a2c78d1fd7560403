//! Incidents that are made here, and found afterwards by asking alone.

use nodemon_skip::skip;
use nodemon_tests::{Killed, Mount, Recorder, Setup, ask, ask_ok, programs, why_no_mounts};
use rustix::process::geteuid;
use serde_json::Value;
use std::io::{self, BufRead, BufReader};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Rows that a question finds.
fn rows(dir: &Path, question: &[&str]) -> Vec<Value> {
    let out = ask_ok(dir, &[&["range", "--from", "start", "-f", "jsonl"], question].concat());
    let lines = out.lines().map(|line| serde_json::from_str(line).expect("lines are JSON"));
    lines.filter(|row: &Value| row.get("gap").is_none()).collect()
}

/// A recorder of one source, once it records; `None` says that it cannot here.
fn recorder_of(dir: &Path, source: &str) -> Option<Recorder> {
    recorder_with(dir, source, "loadavg")
}

/// The same with others beside.
fn recorder_with(dir: &Path, source: &str, others: &str) -> Option<Recorder> {
    if !geteuid().is_root() {
        skip!("programs in the kernel take root");
        return None;
    }
    let setup =
        Setup::new(dir).with(&["--only", &format!("{source},{others}"), "--interval", "200ms"]);
    let mut recorder = Recorder::start_recording(&setup);
    let mut is_off = false;
    recorder.wait_until("the source runs, or cannot", Duration::from_secs(40), |dir| {
        is_off = ask_ok(dir, &["tables"]).lines().all(|line| !line.starts_with(source));
        !is_off || nodemon_tests::rows_in(dir, "load") > 50
    });
    if is_off {
        skip!("{source}: {}", recorder.log());
        return None;
    }
    Some(recorder)
}

#[test]
fn a_frozen_file_system_is_found_by_what_its_blocked_programs_wait_for() {
    if let Some(why) = why_no_mounts() {
        skip!("{why}");
        return;
    }
    let scratch = tempfile::tempdir().unwrap();
    let dir = scratch.path().join("recording");
    let Some(mut recorder) = recorder_of(&dir, "thread_active") else { return };
    let mount = Mount::ext4(&scratch.path().join("image"), &scratch.path().join("disk"), 16 << 20);
    let freeze = |how| Command::new("fsfreeze").arg(how).arg(mount.point()).status();
    assert!(freeze("-f").unwrap().success(), "the file system can be frozen");
    let blocked = Command::new("touch").arg(mount.point().join("file")).spawn();
    // Thawed before anything else can fail: what is blocked cannot be killed.
    std::thread::sleep(Duration::from_secs(3));
    assert!(freeze("-u").unwrap().success(), "the file system can be thawed");
    let blocked = Killed(blocked.unwrap());
    recorder.wait_for(Duration::from_secs(4));
    assert!(recorder.terminate().0.success());

    let question = ["-t", "thread_active", "-w", "state=blocked", "-w", "stack~sys_open"];
    let found = rows(&dir, &question);
    let of_it: Vec<_> = found.iter().filter(|row| row["pid"] == blocked.0.id()).collect();
    assert!(of_it.len() >= 5, "3 s, five times a second: {found:?}");
    for row in of_it {
        assert_eq!(row["command"], "touch", "{row}");
        let (stack, channel) =
            (row["stack"].as_str().unwrap(), row["wait_channel"].as_str().unwrap());
        assert!(stack.split(';').any(|name| name == channel), "{channel} is not in {stack}");
        assert!(row["syscall"].is_null() || row["syscall"] == "openat", "{row}");
    }
}

/// A group of processes that may write so much a second to a device, where groups are limited (cgroup
/// v1, as in blkio-controller.rst).
struct Throttled(PathBuf);

impl Throttled {
    fn new(device: &str, bytes_per_s: u64) -> io::Result<Throttled> {
        let name = format!("nodemon-test-{}", std::process::id());
        let group = Throttled(Path::new("/sys/fs/cgroup/blkio").join(name));
        std::fs::create_dir(&group.0)?;
        let limit = group.0.join("blkio.throttle.write_bps_device");
        std::fs::write(limit, format!("{device} {bytes_per_s}"))?;
        Ok(group)
    }
}

impl Drop for Throttled {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir(&self.0);
    }
}

/// `dd` waits for three seconds although each request takes the device no time: somebody holds them
/// back before they are made.
#[test]
fn a_throttled_disk_is_told_from_a_slow_one() {
    if let Some(why) = why_no_mounts() {
        skip!("{why}");
        return;
    }
    let scratch = tempfile::tempdir().unwrap();
    let dir = scratch.path().join("recording");
    let others = "block_io,loadavg";
    let Some(mut recorder) = recorder_with(&dir, "thread_active", others) else { return };
    let mount = Mount::ext4(&scratch.path().join("image"), &scratch.path().join("disk"), 32 << 20);
    let id = std::fs::metadata(mount.point()).unwrap().dev();
    let device = format!("{}:{}", rustix::fs::major(id), rustix::fs::minor(id));
    let name = std::fs::read_link(format!("/sys/dev/block/{device}")).unwrap();
    let name = name.file_name().unwrap().to_str().unwrap().to_owned();
    let group = match Throttled::new(&device, 1_000_000) {
        Ok(group) => group,
        Err(why) => return skip!("no group can be limited: {why}"),
    };
    let script = format!(
        "echo 0 >{}/cgroup.procs && exec dd if=/dev/zero of={}/file bs=100k count=30 oflag=direct",
        group.0.display(),
        mount.point().display()
    );
    let began = Instant::now();
    let mut dd = Killed(Command::new("sh").args(["-c", &script]).spawn().unwrap());
    assert!(dd.0.wait().unwrap().success(), "3 MB are written");
    let took = began.elapsed();
    assert!(took > Duration::from_millis(2500), "it was not throttled: {took:?}");
    recorder.wait_for(Duration::from_secs(3));
    assert!(recorder.terminate().0.success());

    let pid = format!("pid={}", dd.0.id());
    let blocked = rows(&dir, &["-t", "thread_active", "-w", &pid, "-w", "state=blocked"]);
    let all = rows(&dir, &["-t", "thread_active", "-w", &pid]);
    assert!(blocked.len() >= 8, "3 s, five times a second, of which all are in vain: {all:?}");
    for row in &blocked {
        assert!(row["command"] == "dd" || row["command"] == "sh", "{row}");
    }
    let writes = blocked.iter().filter(|row| row["syscall"].is_null() || row["syscall"] == "write");
    assert!(writes.count() * 10 >= blocked.len() * 8, "it waits in write: {blocked:?}");
    let of_device = format!("device={name}");
    let question = ["-t", "block_latency", "-w", &of_device, "-w", "operation=write"];
    let latency = rows(&dir, &[&question[..], &["--step", "1h", "--agg", "count,avg"]].concat());
    let (mut requests, mut took_s) = (0.0, 0.0);
    for row in &latency {
        let count = row["latency_ns_count"].as_f64().unwrap();
        requests += count;
        took_s += count * row["latency_ns_avg"].as_f64().unwrap_or(0.0) / 1e9;
    }
    assert!(requests >= 30.0, "there were 30 writes of it: {latency:?}");
    assert!(
        took_s < took.as_secs_f64() / 2.0,
        "the device took {took_s} s of the {took:?} for {requests} requests"
    );
}

#[test]
fn a_process_that_leaks_descriptors_is_found_with_what_they_are() {
    let scratch = tempfile::tempdir().unwrap();
    let dir = scratch.path().join("recording");
    let Some(recorder) = recorder_of(&dir, "file_descriptor") else { return };
    let leak = "import os, time\nfor _ in range(300): os.pipe(); time.sleep(0.005)\n\
                print('leaked', flush=True)\ntime.sleep(60)";
    let leaks = Command::new("python3").args(["-c", leak]).stdout(Stdio::piped()).spawn();
    let Ok(mut leaks) = leaks.map(Killed) else { return skip!("there is no python3") };
    let mut said = String::new();
    BufReader::new(leaks.0.stdout.take().unwrap()).read_line(&mut said).unwrap();
    assert_eq!(said, "leaked\n");
    // Long enough for some samples of it.
    std::thread::sleep(Duration::from_secs(2));
    assert!(recorder.terminate().0.success());

    let question = ["-t", "file_descriptor", "-w", "pipes>100"];
    let found = rows(&dir, &question);
    let of_it: Vec<_> = found.iter().filter(|row| row["pid"] == leaks.0.id()).collect();
    let pipes: Vec<u64> = of_it.iter().map(|row| row["pipes"].as_u64().unwrap()).collect();
    assert!(pipes.is_sorted() && pipes.last() >= Some(&600), "{pipes:?}");
    let last = of_it[of_it.len() - 1];
    assert!(last["open"].as_u64() >= last["pipes"].as_u64(), "{last}");
    assert!(last["command"].as_str().unwrap().starts_with("python3"), "{last}");
}

#[test]
fn a_span_is_named_by_what_somebody_marked() {
    let scratch = tempfile::tempdir().unwrap();
    let dir = scratch.path().join("recording");
    let setup = Setup::new(&dir).with(&["--only", "mark,loadavg", "--interval", "100ms"]);
    let mut recorder = Recorder::start_recording(&setup);
    let mark = |name: &str, text: &str| {
        let mut mark = Command::new(&programs().recorder);
        let status = mark.args(["mark", "--dir"]).arg(&dir).args([name, text]).status();
        assert!(status.unwrap().success());
    };
    recorder.wait_for(Duration::from_secs(2));
    mark("job-7-begin", "a job of ours");
    recorder.wait_for(Duration::from_secs(4));
    mark("job-7-end", "");
    recorder.wait_for(Duration::from_secs(6));
    assert!(recorder.terminate().0.success());

    let marks = rows(&dir, &["-t", "mark"]);
    let names: Vec<_> = marks.iter().map(|row| row["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["job-7-begin", "job-7-end"]);
    let load = |from: &str, to: &str| {
        let out = ask_ok(&dir, &["range", "-t", "load", "--from", from, "--to", to, "-f", "jsonl"]);
        let row = |line: &str| serde_json::from_str::<Value>(line).expect("lines are JSON");
        let times = out.lines().map(|line| row(line)["time"].as_str().unwrap().to_owned());
        times.collect::<Vec<_>>()
    };
    let job = load("mark:job-7-begin", "mark:job-7-end");
    let time = |row: usize| marks[row]["time"].as_str().unwrap();
    assert!(job.len() >= 10 && job.iter().all(|at| (time(0)..time(1)).contains(&at.as_str())));
    let around = load("mark:job-7-begin-1s", "mark:job-7-end+1s");
    assert!(around.len() >= job.len() + 15, "{} rows, {} of the job", around.len(), job.len());

    let unknown = ask(&dir, &["range", "-t", "load", "--from", "mark:job-8"]);
    assert_eq!(unknown.code, Some(3), "{}", unknown.err);
    assert!(unknown.err.contains("job-7-begin, job-7-end"), "{}", unknown.err);
}
