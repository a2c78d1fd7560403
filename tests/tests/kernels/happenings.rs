//! What programs in the kernel notice under Debian's kernels.

use crate::machine::{Feed, Machine, skip_unless_required};
use nodemon_tests::ask_ok;
use serde_json::Value;
use std::path::Path;
use std::time::Duration;
use tempfile::TempDir;

/// For one that is emulated, where the programs take a while to be verified.
const LIMIT: Duration = Duration::from_secs(400);
/// The file that the script fetches over a connection.
const SENT_BYTES: u64 = 200_000;

/// Boots `release`, has things happen and asks for them. `Err` says why it was skipped; the lines
/// say what that kernel does not have.
pub fn happen(release: &str) -> Result<Vec<String>, String> {
    let mut machine = Machine::new(release, Feed::Ebpf, "happen")?;
    // With a thread for each CPU two of 6.1 stood still on a slower host, one in bpf(BPF_MAP_CREATE) and
    // one when the recorder was told to end; here none of 80.
    if release == "6.1" {
        machine = machine.in_one_thread();
    }
    machine.boot(LIMIT).wait();
    let seen = Seen { disk: machine.take_disk() };
    println!("{}", machine.tail());
    seen.assert_all();
    let missing = seen.missing();
    // What is loaded second is for one kernel, and may not hide that others refuse the first.
    let is_second = |lack: &&String| {
        let lacks = ["beyond 16384 at once: ", "than the recorder's: "];
        lacks.iter().any(|second| lack.contains(second)) && !lack.contains("(6.4 does)")
    };
    let second = missing.iter().find(is_second);
    assert!(release == "5.10" || second.is_none(), "{release}: {second:?}");
    Ok(missing)
}

#[test]
fn what_happens_on_6_1_is_in_the_recording() {
    match happen("6.1") {
        Ok(missing) => println!("{}", missing.join("\n")),
        Err(why) => skip_unless_required("programs in the kernel on 6.1", &why),
    }
}

/// What a machine has left.
struct Seen {
    disk: TempDir,
}

impl Seen {
    fn said(&self, file: &str) -> String {
        std::fs::read_to_string(self.disk.path().join("out").join(file)).unwrap_or_default()
    }

    fn rows(&self, table: &str, more: &[&str]) -> Vec<Value> {
        let dir = self.disk.path().join("recording");
        rows(&dir, table, more)
    }

    /// Sources that do not run there, or not in full, and why.
    fn missing(&self) -> Vec<String> {
        let log = self.said("recorder.log");
        let told = |line: &&str| line.contains(" is off: ") || line.contains(" is limited");
        let after = |line: &str| line.split(" source ").nth(1).unwrap_or(line).to_owned();
        log.lines().filter(told).map(after).collect()
    }

    fn assert_all(&self) {
        let log = self.said("recorder.log");
        assert_eq!(self.said("recorder.status").trim(), "0", "the recorder failed:\n{log}");
        for needed in ["process_event", "signal", "oom_kill", "net_traffic", "tcp_connection"] {
            let is_off = log.contains(&format!("source {needed} is off"));
            assert!(!is_off, "{needed} does not run here:\n{log}");
        }
        let complaints = self.said("complaints");
        assert!(complaints.is_empty(), "the kernel complains:\n{complaints}");

        self.assert_sampled(&log);

        let exits = self.rows("process_event", &["-w", "event=exit", "-w", "status=7"]);
        assert_eq!(exits.len(), 1, "one process ended with 7: {exits:?}\n{log}");
        // Emulated CPUs do not agree to a tick on what time it is, and one that is behind the clock of
        // another has run nothing since it was accounted for.
        let tick_ns = 10_000_000;
        let (mut ended, mut without) = (0, 0);
        for exit in self.rows("process_event", &["-w", "event=exit"]) {
            let (cpu, lived) =
                (exit["cpu_ns"].as_u64().unwrap(), exit["lived_ns"].as_u64().unwrap());
            assert!(cpu <= lived + tick_ns, "one CPU's time at most: {exit}");
            (ended, without) = (ended + 1, without + u32::from(cpu == 0));
        }
        assert!(without * 4 <= ended, "{without} of {ended} processes used no CPU time");
        let target = self.said("signalled");
        let question = format!("target_pid={}", target.trim());
        let signals = self.rows("signal", &["-w", &question]);
        let is_it = |row: &&Value| row["signal"] == "SIGUSR1";
        let signal = signals.iter().find(is_it);
        let signal = signal.unwrap_or_else(|| panic!("no SIGUSR1 to {target}: {signals:?}"));
        assert_eq!(signal["target_command"], "sleep", "{signal}");
        let mounts = self.rows("mount", &[]);
        let is_it = |event| {
            let is_it = |row: &&Value| row["event"] == event && row["target"] == "/tmp/mounted";
            mounts.iter().filter(is_it).count() == 1
        };
        assert!(is_it("mount") && is_it("unmount"), "{mounts:?}");
        if !self.said("oom").is_empty() {
            let groups = self.rows("cgroup_event", &["-w", "path=/small"]);
            assert!(
                groups.iter().any(|row| row["event"] == "made"),
                "a group was made: {groups:?}"
            );
        }
        self.assert_network();
        if !self.said("oom").contains("oom_kill 0") && !self.said("oom").is_empty() {
            let kills = self.rows("oom_kill", &[]);
            let kill = kills.iter().find(|row| row["victim_command"] == "tail");
            let kill = kill.unwrap_or_else(|| panic!("tail was killed: {kills:?}"));
            let had = kill["victim_anonymous_bytes"].as_u64().unwrap();
            assert!((8 << 20..32 << 20).contains(&had), "it had {had} bytes: {kill}");
        }
        for (table, column) in
            [("run_queue_latency", "latency_ns"), ("block_latency", "latency_ns")]
        {
            let of_table = self.rows(table, &["--step", "10m", "--agg", "count,p50"]);
            let count = |row: &Value| row[format!("{column}_count")].as_u64().unwrap_or(0);
            let count: u64 = of_table.iter().map(count).sum();
            assert!(count > 10, "{table} has {count} events");
        }
    }

    /// Who faulted and who read the disk; who waited for locks only where the kernel tells of them.
    fn assert_sampled(&self, log: &str) {
        for needed in ["stack_fault", "stack_io"] {
            let is_off = log.contains(&format!("source {needed} is off"));
            assert!(!is_off, "{needed} does not run here:\n{log}");
        }
        let mut lines = log.lines();
        if let Some(why) = lines.find(|line| line.contains("source stack_lock is off")) {
            assert!(why.contains("missing in this kernel: tracepoint contention"), "{why}");
        }
        let minor = self.rows("stack_fault", &["-w", "kind=minor"]);
        assert!(minor.iter().all(|row| row["weight"].as_u64() >= Some(1009)), "{minor:?}");
        assert!(!minor.is_empty(), "nobody faulted");
        let reads = self.rows("stack_io", &["-w", "operation=read", "-w", "command=dd"]);
        let of_dd = |row: &&Value| {
            row["device"] == "vda" && row["stack"].as_str().is_some_and(|s| s.contains("read"))
        };
        let read = reads.iter().filter(of_dd).filter_map(|row| row["weight_bytes"].as_u64());
        let read: u64 = read.sum();
        assert!(read >= 1 << 20, "dd read 2 MiB of the disk, and of them {read} bytes: {reads:?}");
    }

    fn assert_network(&self) {
        assert_eq!(self.said("came").trim(), SENT_BYTES.to_string(), "nc lost some");
        let closed = self.rows("tcp_close", &[]);
        for (direction, end, column) in
            [("connected", "remote", "bytes_received"), ("accepted", "local", "bytes_acked")]
        {
            let is_it =
                |row: &&Value| row[end] == "127.0.0.1:5000" && row["direction"] == direction;
            let row = closed.iter().find(is_it);
            let row =
                row.unwrap_or_else(|| panic!("none was {direction} to port 5000: {closed:?}"));
            let bytes = row[column].as_u64().unwrap();
            // What the server says before the file is less than a kilobyte.
            assert!((SENT_BYTES..SENT_BYTES + 1000).contains(&bytes), "{row}");
        }
        let traffic = self.rows("net_traffic", &["-w", "interface=lo", "-w", "protocol=icmp"]);
        for direction in ["sent", "received"] {
            let packets = traffic.iter().filter(|row| row["direction"] == direction);
            let packets = packets.filter_map(|row| row["packets"].as_u64()).max();
            assert_eq!(packets, Some(10), "5 requests and their answers, {direction}");
        }
    }
}

fn rows(dir: &Path, table: &str, more: &[&str]) -> Vec<Value> {
    let question = ["range", "--from", "-30m", "-f", "jsonl", "-t", table];
    let out = ask_ok(dir, &[&question[..], more].concat());
    let lines = out.lines().map(|line| serde_json::from_str(line).expect("lines are JSON"));
    lines.filter(|row: &Value| row.get("gap").is_none()).collect()
}
