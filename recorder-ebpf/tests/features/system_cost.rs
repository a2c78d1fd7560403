//! What an event costs, in the kernel and to who caused it: printed, for people.

use crate::network_rows::{print_cost, start, take_times};
use crate::system_rig::shell;
use std::fs::File;
use std::io::{Read, Write};
use std::process::Stdio;
use std::time::Instant;

const CALLS: u32 = 300_000;

/// What a system call takes that does nothing, at best of some tries.
fn call_ns() -> f64 {
    let one = || {
        let begun = Instant::now();
        for _ in 0..CALLS {
            let _ = rustix::process::getppid();
        }
        begun.elapsed().as_nanos() as f64 / f64::from(CALLS)
    };
    (0..5).map(|_| one()).fold(f64::MAX, f64::min)
}

#[test]
#[ignore = "takes time, and tells people something, not the test"]
fn what_a_system_call_costs_with_each_feature_that_sees_them() {
    let before = call_ns();
    println!("a call takes {before:.0} ns");
    for name in ["syscall", "mount", "file_open", "slow_syscall", "syscall_latency", "timer"] {
        let Some(running) = start(name) else { continue };
        let now = call_ns();
        println!("with {name}: {:+.0} ns", now - before);
        drop(running);
    }
    let syscall = start("syscall");
    let alone = call_ns();
    let mount = start("mount");
    println!("mount beside syscall: {:+.0} ns", call_ns() - alone);
    drop((syscall, mount));
}

/// Something of everything.
fn load() {
    let path = std::env::temp_dir().join(format!("nodemon-cost-{}", std::process::id()));
    let at = path.display();
    let script = format!(
        "for i in 1 2 3 4 5 6 7 8 9 10; do (:); /bin/true; kill -0 $$; done; \
         (for i in 1 2 3 4 5 6 7 8 9 10 11 12; do kill -CONT $$; done); \
         dd if=/dev/zero of={at} bs=4k count=4000 conv=fsync; dd if={at} of=/dev/null bs=4k; \
         dd if=/dev/zero of={at} bs=4k count=500 oflag=direct; rm {at}; \
         dd if=/dev/zero bs=1 count=20000 | cat > /dev/null"
    );
    shell(&script).stderr(Stdio::null()).status().unwrap();
    let (mut reader, mut writer) = std::io::pipe().unwrap();
    let (mut back_reader, mut back_writer) = std::io::pipe().unwrap();
    let other = std::thread::spawn(move || {
        let mut byte = [0];
        while reader.read(&mut byte).unwrap() == 1 {
            back_writer.write_all(&byte).unwrap();
        }
    });
    for _ in 0..20_000 {
        writer.write_all(&[1]).unwrap();
        back_reader.read_exact(&mut [0]).unwrap();
    }
    drop(writer);
    other.join().unwrap();
    let mut zeros = File::open("/dev/zero").unwrap();
    for _ in 0..50_000 {
        zeros.read_exact(&mut [0; 8]).unwrap();
    }
}

#[test]
#[ignore = "takes time, and tells people something, not the test"]
fn what_each_program_takes() {
    let _times = take_times();
    for name in [
        "syscall",
        "mount",
        "file_open",
        "slow_syscall",
        "syscall_latency",
        "scheduler",
        "process_event",
        "block_latency",
        "slow_io",
        "signal",
        "softirq_latency",
        "page_cache",
        "timer",
    ] {
        let Some(running) = start(name) else { continue };
        load();
        println!("{name}");
        print_cost(&running);
    }
}
