//! Why something was slow: programs that spin, wait or fault are found by their stacks, by asking
//! alone.

use nodemon_skip::skip;
use nodemon_tests::{Killed, Recorder, Setup, ask, ask_ok, assert_weights, compile_c};
use rustix::process::geteuid;
use serde_json::Value;
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// Threads of the program that wait for its lock.
const WAITERS: u32 = 20;

/// A program that a test made: one thread spins in a function that others call, touches memory that
/// is not there, or holds a lock for which all others wait.
const PROGRAM: &str = r#"
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

__attribute__((noinline)) unsigned long spin_here(unsigned long n)
{
	for (unsigned long i = 0; i < 100000; i++)
		__asm__ volatile("" : "+r"(n));
	return n;
}

__attribute__((noinline)) unsigned long called_by_main(unsigned long n)
{
	return spin_here(n) + 1;
}

__attribute__((noinline)) unsigned long touch_here(volatile char *memory, unsigned long bytes)
{
	unsigned long at;

	for (at = 0; at < bytes; at += 4096)
		memory[at] = 1;
	return at;
}

__attribute__((noinline)) unsigned long called_to_touch(char *memory, unsigned long bytes)
{
	madvise(memory, bytes, MADV_DONTNEED);
	return touch_here(memory, bytes) + 1;
}

__attribute__((noinline)) static void *wait_for_lock(void *nothing)
{
	pthread_mutex_lock(&lock);
	pthread_mutex_unlock(&lock);
	return nothing;
}

int main(int count, char **arguments)
{
	unsigned long n = count;
	pthread_t threads[WAITERS];

	if (strcmp(arguments[1], "spin") == 0) {
		puts("goes");
		fflush(stdout);
		for (;;)
			n = called_by_main(n);
	}
	if (strcmp(arguments[1], "fault") == 0) {
		unsigned long bytes = 32 << 20;
		char *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
				    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		madvise(memory, bytes, MADV_NOHUGEPAGE);
		/* For some seconds: who asks for names may have to wait for a CPU. */
		for (int i = 0; i < 60; i++) {
			n = called_to_touch(memory, bytes);
			usleep(50000);
		}
		puts("done");
		fflush(stdout);
		pause();
		return (int)n;
	}
	printf("%lu\n", (unsigned long)&lock);
	fflush(stdout);
	pthread_mutex_lock(&lock);
	for (int i = 0; i < WAITERS; i++)
		pthread_create(&threads[i], NULL, wait_for_lock, NULL);
	sleep(3);
	pthread_mutex_unlock(&lock);
	for (int i = 0; i < WAITERS; i++)
		pthread_join(threads[i], NULL);
	pause();
	return (int)n;
}
"#;

/// The program, as most are built: optimised, without frame pointers, its symbols left in.
fn program(scratch: &Path, name: &str) -> Option<PathBuf> {
    let program = scratch.join(name);
    let waiters = format!("-DWAITERS={WAITERS}");
    let optimised = ["-O2", "-fomit-frame-pointer", "-pthread"];
    compile_c(PROGRAM, &program, &[&optimised[..], &[&waiters]].concat())?;
    Some(program)
}

/// The program in one of its roles, and the line that it says when it has begun.
fn start(program: &Path, role: &str) -> (Killed, String) {
    let mut command = Command::new(program);
    let mut child = Killed(command.arg(role).stdout(Stdio::piped()).spawn().unwrap());
    let mut said = String::new();
    BufReader::new(child.0.stdout.take().unwrap()).read_line(&mut said).unwrap();
    (child, said.trim_end().to_owned())
}

/// A recorder of stacks and of processes, once it records them; `None` says that it cannot here.
fn recorder(dir: &Path, table: &str) -> Option<Recorder> {
    if !geteuid().is_root() {
        skip!("programs in the kernel take root");
        return None;
    }
    let setup = Setup::new(dir).with(&["--only", &format!("{table},process,loadavg")]);
    let mut recorder = Recorder::start_recording(&setup);
    let mut is_off = false;
    recorder.wait_until("the source runs, or cannot", Duration::from_secs(40), |dir| {
        is_off = ask_ok(dir, &["tables"]).lines().all(|line| !line.starts_with(table));
        !is_off || nodemon_tests::rows_in(dir, "load") > 10
    });
    if is_off {
        skip!("{table}: {}", recorder.log());
        return None;
    }
    Some(recorder)
}

fn rows(dir: &Path, question: &[&str]) -> Vec<Value> {
    let out = ask_ok(dir, &[&["range", "--from", "start", "-f", "jsonl"], question].concat());
    let lines = out.lines().map(|line| serde_json::from_str(line).expect("lines are JSON"));
    lines.filter(|row: &Value| row.get("gap").is_none()).collect()
}

/// Sum of a column that has numbers.
fn sum(rows: &[Value], column: &str) -> f64 {
    rows.iter().filter_map(|row| row[column].as_f64()).sum()
}

#[test]
fn a_function_that_spins_is_named_and_samples_stand_for_the_time_that_it_took() {
    let scratch = tempfile::tempdir().unwrap();
    let Some(program) = program(scratch.path(), "spins") else { return };
    let dir = scratch.path().join("recording");
    let Some(mut recorder) = recorder(&dir, "stack_cpu") else { return };
    let (child, said) = start(&program, "spin");
    assert_eq!(said, "goes");
    recorder.wait_for(Duration::from_secs(8));
    let of_it = format!("pid={}", child.0.id());
    drop(child);
    recorder.wait_for(Duration::from_secs(2));
    assert!(recorder.terminate().0.success());

    let samples = rows(&dir, &["-t", "stack_cpu", "-w", &of_it]);
    // 18 were seen beside a load of 12.
    assert!(samples.len() >= 8, "{} samples", samples.len());
    let in_it = rows(&dir, &["-t", "stack_cpu", "-w", &of_it, "-w", "stack~spin_here"]);
    assert!(in_it.len() * 10 >= samples.len() * 8, "{samples:#?}");
    let whole = in_it.iter().filter(|row| {
        let stack = row["stack"].as_str().unwrap();
        stack.contains("main;called_by_main;spin_here") && !stack.contains("[truncated]")
    });
    assert!(whole.count() * 10 >= in_it.len() * 9, "from main to the function: {in_it:#?}");

    let processes = rows(&dir, &["-t", "process", "-w", &of_it]);
    let used = |row: &Value| row["user_ns"].as_f64().unwrap() + row["system_ns"].as_f64().unwrap();
    let used_ns = processes.last().map(used).unwrap();
    let weight_ns = sum(&samples, "weight_ns");
    let sigma_ns = samples[0]["weight_ns"].as_f64().unwrap() * (samples.len() as f64).sqrt();
    // The last row of the process is up to a second older than its end.
    assert!(
        weight_ns > used_ns - 4.0 * sigma_ns && weight_ns < used_ns + 1e9 + 4.0 * sigma_ns,
        "{} samples stand for {weight_ns} ns, the process used {used_ns}",
        samples.len()
    );
}

#[test]
fn threads_that_wait_for_a_lock_are_found_with_the_lock_and_who_let_it_go() {
    let scratch = tempfile::tempdir().unwrap();
    let Some(program) = program(scratch.path(), "waits") else { return };
    let dir = scratch.path().join("recording");
    let Some(mut recorder) = recorder(&dir, "stack_wait") else { return };
    let (child, lock) = start(&program, "wait");
    recorder.wait_for(Duration::from_secs(6));
    let of_it = format!("pid={}", child.0.id());
    drop(child);
    assert!(recorder.terminate().0.success());

    let question = ["-t", "stack_wait", "-w", &of_it, "-w", "duration_ns>2500000000"];
    let found = rows(&dir, &question);
    let waits: Vec<Value> = found.into_iter().filter(|row| row["tid"] != row["pid"]).collect();
    // Beside many others that wait, three seconds are told by a throw of dice.
    assert_weights(&waits, "weight_ns", f64::from(WAITERS) * 3e9);
    let threads: BTreeSet<u64> = waits.iter().filter_map(|row| row["tid"].as_u64()).collect();
    assert_eq!(threads.len(), waits.len(), "each once: {waits:#?}");
    for wait in &waits {
        assert_eq!(
            (&wait["state"], &wait["waker_pid"]),
            (&"sleeping".into(), &wait["pid"]),
            "{wait}"
        );
        assert!(wait["weight_ns"].as_f64() >= wait["duration_ns"].as_f64(), "{wait}");
        if !wait["syscall"].is_null() {
            assert_eq!(wait["syscall"], "futex", "{wait}");
            assert_eq!(wait["argument"].to_string(), lock, "the address of the lock: {wait}");
        }
        let stack = wait["stack"].as_str().unwrap();
        assert!(stack.contains("futex_wait"), "what it waited for: {stack}");
    }
    // Where the kernel lets programs read the stack of the thread.
    let types = std::fs::read("/sys/kernel/btf/vmlinux").unwrap_or_default();
    let tracepoint = b"btf_trace_sched_exit_tp\0";
    if types.windows(tracepoint.len()).any(|text| text == tracepoint) {
        // One that could not be asked about in time, on a busy machine, says so.
        let is_named = |stack: &&str| {
            let place = |name: &str| stack.split(';').position(|found| found.contains(name));
            place("wait_for_lock").is_some() && place("wait_for_lock") < place("sys_futex")
        };
        let stacks = waits.iter().filter_map(|row| row["stack"].as_str());
        assert!(stacks.filter(is_named).count() > 0, "{waits:#?}");
    } else {
        println!("this kernel shows its own part alone: {waits:#?}");
    }
}

#[test]
fn a_function_that_touches_memory_which_is_not_there_is_named_with_the_faults_that_it_had() {
    let scratch = tempfile::tempdir().unwrap();
    let Some(program) = program(scratch.path(), "faults") else { return };
    let dir = scratch.path().join("recording");
    let Some(mut recorder) = recorder(&dir, "stack_fault") else { return };
    let (child, said) = start(&program, "fault");
    assert_eq!(said, "done");
    let of_it = format!("pid={}", child.0.id());
    recorder.wait_until("it is seen to have faulted", Duration::from_secs(20), |dir| {
        let lives = ["range", "--from", "start", "-f", "jsonl", "-t", "process", "-w", &of_it];
        let last = ask(dir, &lives).out.lines().last().map(serde_json::from_str::<Value>);
        last.and_then(|row| row.ok()?["minor_faults"].as_f64()) > Some(400_000.0)
    });
    // Until samples of it are there, too.
    recorder.wait_for(Duration::from_secs(2));
    drop(child);
    assert!(recorder.terminate().0.success());

    let asked =
        ["stacks", "-t", "stack_fault", "--from", "start", "-w", &of_it, "-w", "kind=minor"];
    let top = ask_ok(&dir, &asked);
    let first = top.lines().find(|line| line.contains('%')).expect("it has a function");
    assert!(first.contains("touch_here") && first.contains("faults"), "{top}");
    let folded = ask_ok(&dir, &[&asked[..], &["-f", "folded"]].concat());
    assert!(folded.contains("main;called_to_touch;touch_here "), "{folded}");

    let samples = rows(&dir, &["-t", "stack_fault", "-w", &of_it, "-w", "kind=minor"]);
    let processes = rows(&dir, &["-t", "process", "-w", &of_it]);
    let had = processes.last().and_then(|row| row["minor_faults"].as_f64()).unwrap();
    assert!(had > 400_000.0, "{had}");
    assert_weights(&samples, "weight", had);
}
