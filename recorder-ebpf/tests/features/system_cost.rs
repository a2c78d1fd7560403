//! What an event costs, in the kernel and to who caused it: printed, for people.

use crate::network_rows::{feature, print_cost, rows, start, start_with, take_times};
use crate::system_rig::shell;
use nodemon_recorder_ebpf::load::Settings;
use std::io::{Read, Write};
use std::process::Stdio;
use std::time::Instant;

const CALLS: u32 = 2000;
const TRIES: u32 = 500;

/// What a system call takes that does nothing, at best of many tries: nobody else ran then.
fn call_ns() -> f64 {
    let one = || {
        let begun = Instant::now();
        for _ in 0..CALLS {
            let _ = rustix::process::getppid();
        }
        begun.elapsed().as_nanos() as f64 / f64::from(CALLS)
    };
    (0..TRIES).map(|_| one()).fold(f64::MAX, f64::min)
}

/// Prints what a feature adds to a call, between two measurements without it.
fn print_added(name: &str, what: &str) {
    let before = call_ns();
    let Some(running) = start(name) else { return };
    let with = call_ns();
    drop(running);
    let without = call_ns().min(before);
    println!("{name}{what}: {with:.0} ns instead of {without:.0}, {:+.0}", with - without);
}

#[test]
#[ignore = "takes time, and tells people something, not the test"]
fn what_a_system_call_costs_with_each_feature_that_sees_them() {
    for name in ["syscall", "mount", "file_open", "slow_syscall", "syscall_latency", "timer"] {
        print_added(name, "");
    }
    let _syscall = start("syscall");
    for name in ["mount", "file_open", "slow_syscall", "syscall_latency"] {
        print_added(name, " beside syscall");
    }
}

/// Thousands of everything.
fn load() {
    let path = std::env::temp_dir().join(format!("nodemon-cost-{}", std::process::id()));
    let at = path.display();
    let script = format!(
        "i=0; while [ $i -lt 1000 ]; do (:); i=$((i+1)); done; \
         i=0; while [ $i -lt 200 ]; do /bin/true; i=$((i+1)); done; \
         i=0; while [ $i -lt 20000 ]; do kill -CONT $$; i=$((i+1)); done; \
         dd if=/dev/zero of={at} bs=4k count=20000; dd if={at} of=/dev/null bs=4k; \
         dd if={at} of=/dev/null bs=4k count=5000 iflag=direct; rm {at}"
    );
    shell(&script).stderr(Stdio::null()).status().unwrap();
    for _ in 0..20 {
        turns();
    }
}

/// What it takes two threads to hand a byte to and fro.
fn turns() -> f64 {
    const TURNS: u32 = 500;
    let (mut reader, mut writer) = std::io::pipe().unwrap();
    let (mut back_reader, mut back_writer) = std::io::pipe().unwrap();
    let other = std::thread::spawn(move || {
        let mut byte = [0];
        while reader.read(&mut byte).unwrap() == 1 {
            back_writer.write_all(&byte).unwrap();
        }
    });
    let begun = Instant::now();
    for _ in 0..TURNS {
        writer.write_all(&[1]).unwrap();
        back_reader.read_exact(&mut [0]).unwrap();
    }
    let took = begun.elapsed();
    drop(writer);
    other.join().unwrap();
    took.as_nanos() as f64 / f64::from(TURNS)
}

#[test]
#[ignore = "takes time, and tells people something, not the test"]
fn what_each_program_takes() {
    let _times = take_times();
    let settings = Settings { events_per_s: u64::MAX, ..Settings::here().unwrap() };
    for name in [
        "syscall",
        "mount",
        "file_open",
        "slow_syscall",
        "syscall_latency",
        "scheduler",
        "process_event",
        "block_io",
        "signal",
        "softirq_latency",
        "page_cache",
        "timer",
    ] {
        let Some(mut running) = start_with(name, &settings) else { continue };
        let reading = feature(name).is_of_events();
        let loading = std::thread::spawn(load);
        while !loading.is_finished() {
            if reading {
                rows(&mut running, name, name);
            }
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        loading.join().unwrap();
        println!("{name}: {:?}", running.take_losses());
        print_cost(&running);
    }
}

#[test]
#[ignore = "takes time, and tells people something, not the test"]
fn what_the_scheduler_feature_adds_to_a_switch() {
    let best = || (0..100).map(|_| turns()).fold(f64::MAX, f64::min);
    let before = best();
    let Some(running) = start("scheduler") else { return };
    let with = best();
    drop(running);
    let without = best().min(before);
    println!(
        "a turn, which is two wake-ups and two to four switches: {with:.0} ns instead of \
              {without:.0}, {:+.0}",
        with - without
    );
}
