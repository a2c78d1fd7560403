//! Processes of this machine.

use super::super::{SOURCE, table};
use super::{Recorder, Row, child, fed_by, feeds, near};
use crate::allocations;
use crate::source::test_support::Table;
use crate::source::{Feed, Sink};
use nodemon_formats::Value;
use nodemon_skip::skip;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

/// A shell that does one thing at a time: a line goes in, it says when it is done.
struct Shell {
    child: Child,
    commands: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Shell {
    fn start() -> Shell {
        let mut command = Command::new("bash");
        let command = command.args(["--norc", "-s"]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let commands = child.stdin.take().unwrap();
        let answers = BufReader::new(child.stdout.take().unwrap());
        let mut shell = Shell { child, commands, answers };
        shell.does(":");
        shell
    }

    fn does(&mut self, what: &str) {
        writeln!(self.commands, "{what}\necho done").unwrap();
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        assert_eq!(line, "done\n");
    }

    fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

#[test]
fn a_sleeping_child_is_what_procfs_says_it_is() {
    for feed in feeds() {
        let shell = Shell::start();
        let row = Recorder::open(feed).asleep(shell.pid());
        let process = procfs::process::Process::new(shell.pid().cast_signed()).unwrap();
        let stat = process.stat().unwrap();
        let status = process.status().unwrap();
        let kib = |value: Option<u64>| Value::U64(value.unwrap() * 1024);
        let tick_ns = table::Units::here().tick_ns;
        assert_eq!(row.keys[1], (stat.starttime * tick_ns).to_string());
        let cmdline = process.cmdline().unwrap().join(" ");
        for (column, expected) in [("command", stat.comm), ("cmdline", cmdline)] {
            assert_eq!(row.text(column), expected);
        }
        let expected = [
            ("ppid", Value::U64(std::process::id().into())),
            ("uid", Value::U64(status.euid.into())),
            ("user_ns", Value::U64(stat.utime * tick_ns)),
            ("system_ns", Value::U64(stat.stime * tick_ns)),
            ("minor_faults", Value::U64(stat.minflt)),
            ("major_faults", Value::U64(stat.majflt)),
            ("threads", Value::U64(1)),
            ("priority", Value::I64(stat.priority)),
            ("nice", Value::I64(stat.nice)),
            ("vsize_bytes", Value::U64(stat.vsize)),
            ("rss_bytes", kib(status.vmrss)),
            ("rss_anon_bytes", kib(status.rssanon)),
            ("rss_file_bytes", kib(status.rssfile)),
            ("rss_shmem_bytes", kib(status.rssshmem)),
            ("swap_bytes", kib(status.vmswap)),
            ("voluntary_switches", Value::U64(status.voluntary_ctxt_switches.unwrap())),
            ("involuntary_switches", Value::U64(status.nonvoluntary_ctxt_switches.unwrap())),
            ("run_delay_ns", Value::U64(process.schedstat().unwrap().run_delay)),
            ("cpu_ns", Value::U64(process.schedstat().unwrap().sum_exec_runtime)),
        ];
        for (column, expected) in expected {
            assert!(near(feed, column, &row.value(column), &expected), "{column}: {expected}");
        }
        let io = process.io().unwrap();
        let expected = [
            ("read_bytes", io.read_bytes),
            ("write_bytes", io.write_bytes),
            ("cancelled_write_bytes", io.cancelled_write_bytes),
            ("read_chars", io.rchar),
            ("write_chars", io.wchar),
            ("read_calls", io.syscr),
            ("write_calls", io.syscw),
        ];
        for (column, expected) in expected {
            assert_eq!(row.u64(column), expected, "{column}");
        }
        let groups = process.cgroups().unwrap();
        let group = row.text("cgroup");
        assert!(groups.into_iter().any(|known| known.pathname == group), "{group}");
    }
}

#[test]
fn what_a_child_burns_writes_and_calls_itself_shows_in_the_next_sample() {
    for feed in feeds() {
        let mut shell = Shell::start();
        let dir = tempfile::tempdir().unwrap();
        let mut recorder = Recorder::open(feed);
        let before = recorder.asleep(shell.pid());
        shell.does("for ((n = 0; n < 30000; n++)); do :; done");
        let burnt = recorder.asleep(shell.pid());
        let grown = |column: &str| burnt.u64(column) - before.u64(column);
        assert!(grown("cpu_ns") > 5_000_000, "{} ns for 30,000 turns", grown("cpu_ns"));
        let ticks_ns = burnt.u64("user_ns") + burnt.u64("system_ns");
        let tick_ns = table::Units::here().tick_ns;
        let cpu_ns = burnt.u64("cpu_ns");
        let near = ticks_ns <= cpu_ns + tick_ns && cpu_ns <= ticks_ns + 2 * tick_ns;
        assert!(near, "exact {cpu_ns}, in ticks {ticks_ns}");
        let file = dir.path().join("file");
        shell.does(&format!("printf '%100000s' x > {}", file.display()));
        let written = recorder.asleep(shell.pid());
        let grown = |column: &str| written.u64(column) - burnt.u64(column);
        assert!((100_000..110_000).contains(&grown("write_chars")), "{}", grown("write_chars"));
        assert!(grown("write_calls") > 1 && grown("voluntary_switches") > 0);
        assert_eq!(written.text("command"), "bash");
        shell.does("echo -n renamed > /proc/$$/comm");
        let renamed = recorder.asleep(shell.pid());
        assert_eq!(renamed.text("command"), "renamed");
        assert_eq!(renamed.text("cmdline"), "bash --norc -s");
        assert_eq!(renamed.keys, before.keys, "still the same process");
    }
}

#[test]
fn after_an_exec_the_command_line_is_the_new_one() {
    for feed in feeds() {
        let mut recorder = Recorder::open(feed);
        let mut shell = Shell::start();
        let before = recorder.asleep(shell.pid());
        writeln!(shell.commands, "exec sleep 1000").unwrap();
        let start = Instant::now();
        let after = loop {
            let row = recorder.asleep(shell.pid());
            if row.text("command") == "sleep" && row.text("cmdline") == "sleep 1000" {
                break row;
            }
            assert!(start.elapsed() < Duration::from_secs(20), "{}", row.text("cmdline"));
        };
        assert_eq!(after.keys, before.keys, "an exec makes no other process");
    }
}

#[test]
fn a_child_is_there_from_its_start_to_its_end() {
    for feed in feeds() {
        let mut recorder = Recorder::open(feed);
        recorder.sample();
        let mut shell = Shell::start();
        let pid = shell.pid();
        assert!(Row::of_process(recorder.sample(), pid).is_some(), "it started before the sample");
        shell.child.kill().unwrap();
        // It ends at once, and stays until its parent has waited for it.
        let start = Instant::now();
        while Row::of_process(recorder.sample(), pid).expect("nobody waited for it").text("state")
            != "Z"
        {
            assert!(start.elapsed() < Duration::from_secs(20));
        }
        shell.child.wait().unwrap();
        assert!(Row::of_process(recorder.sample(), pid).is_none(), "it is no more");
    }
}

#[test]
fn time_of_all_threads_counts_when_the_first_sleeps() {
    for feed in feeds() {
        let mut recorder = Recorder::open(feed);
        let pid = std::process::id();
        let before = Row::of_process(recorder.sample(), pid).unwrap();
        let burn = || child::burn(Duration::from_millis(20));
        std::thread::spawn(burn).join().unwrap();
        let after = Row::of_process(recorder.sample(), pid).unwrap();
        let grown_ns = after.u64("cpu_ns") - before.u64("cpu_ns");
        assert!(grown_ns > 10_000_000, "{grown_ns} ns");
        assert!(after.u64("threads") >= 2);
    }
}

#[test]
fn threads_of_the_kernel_are_there_and_have_no_memory() {
    // In a namespace of processes there are none.
    let all =
        procfs::process::all_processes().unwrap().filter_map(|process| process.ok()?.stat().ok());
    let Some(thread) = all.into_iter().find(|stat| stat.comm == "kthreadd" && stat.ppid == 0)
    else {
        return skip!("threads of the kernel cannot be seen from this namespace");
    };
    for feed in feeds() {
        let row =
            Row::of_process(Recorder::open(feed).sample(), thread.pid.cast_unsigned()).unwrap();
        assert_eq!(row.text("command"), "kthreadd");
        assert_eq!(row.text("cmdline"), "");
        assert_eq!(row.u64("rss_bytes"), 0);
        assert_eq!(row.value("rss_anon_bytes"), Value::Absent);
        assert_eq!(row.u64("uid"), 0);
    }
}

/// A process that wakes a hundred times a second, until it is dropped.
struct Napping(Child);

impl Napping {
    fn start() -> Napping {
        // A time-out is told by a status above 128; the end of the input ends it too.
        let naps = "while read -t 0.01; [ $? -gt 128 ]; do :; done";
        let mut command = Command::new("bash");
        Napping(command.args(["-c", naps]).stdin(Stdio::piped()).spawn().unwrap())
    }
}

impl Drop for Napping {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

/// What only the process itself changes, and a process of one thread only while it runs.
const OWN: [&str; 19] = [
    "command",
    "uid",
    "cpu_ns",
    "user_ns",
    "system_ns",
    "run_delay_ns",
    "voluntary_switches",
    "involuntary_switches",
    "minor_faults",
    "major_faults",
    "threads",
    "vsize_bytes",
    "read_bytes",
    "write_bytes",
    "cancelled_write_bytes",
    "read_chars",
    "write_chars",
    "read_calls",
    "write_calls",
];

#[test]
fn what_is_remembered_of_a_process_is_what_a_fresh_look_finds_if_its_clock_stood_still() {
    for feed in feeds() {
        // One process wakes often, and the others of this machine do what they do.
        let _napping = Napping::start();
        let mut recorder = Recorder::open(feed);
        let mut compared = 0;
        // As many rows as it takes: how many a moment yields depends on what else runs.
        let start = Instant::now();
        while compared <= 100 && start.elapsed() < Duration::from_secs(60) {
            let remembered = recorder.sample();
            let fresh = Recorder::open(feed).sample();
            let again = recorder.sample();
            for (keys, _) in &fresh.rows {
                let keys = [keys[0].to_string(), keys[1].to_string()];
                let keys = [keys[0].as_str(), keys[1].as_str()];
                let there = |table: &Table| table.keys().contains(&keys.join(" "));
                if !there(&remembered) || !there(&again) {
                    continue;
                }
                let asleep =
                    |table: &Table| table.value(&keys, "state") == Value::String("S".into());
                let cpu_ns = |table: &Table| table.u64(&keys, "cpu_ns");
                let alone = fresh.u64(&keys, "threads") == 1;
                let stood_still =
                    cpu_ns(&remembered) == cpu_ns(&fresh) && cpu_ns(&fresh) == cpu_ns(&again);
                if !alone || !stood_still || !asleep(&remembered) || !asleep(&fresh) {
                    continue;
                }
                for column in OWN {
                    let (ours, theirs) =
                        (remembered.value(&keys, column), fresh.value(&keys, column));
                    assert_eq!(ours, theirs, "{column} of {keys:?}");
                }
                compared += 1;
            }
        }
        assert!(compared > 100, "only {compared} rows could be compared in a minute");
    }
}

#[test]
fn sampling_known_processes_allocates_nothing() {
    feeds().into_iter().for_each(allocates_nothing);
}

fn allocates_nothing(feed: Feed) {
    let mut shell = Shell::start();
    let mut source = (SOURCE.open)(&fed_by(feed)).unwrap();
    let mut sink = Sink::new(&(SOURCE.tables)());
    let mut record = rkyv::util::AlignedVec::new();
    let mut rounds = [0; 10];
    for round in &mut rounds {
        let before = allocations::count();
        for _ in 0..20 {
            // The child runs, so that its files are read and not just its clock.
            shell.commands.write_all(b":\n").unwrap();
            source.sample(&mut sink).unwrap();
            sink.table(0).finish(0, &mut record).unwrap();
        }
        *round = allocations::count() - before;
        if *round == 0 {
            return;
        }
    }
    panic!("{feed:?}: allocations in rounds of 20 samples: {rounds:?}");
}
