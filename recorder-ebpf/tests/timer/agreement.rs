//! The header that both producers share says the same as what these tests read by.

use crate::layout::{ELEMENT, HAS, IDLE, IOWAIT, MAGIC, cpu, header, slot};
use nodemon_skip::skip;
use std::io::{ErrorKind, Write};
use std::process::{Command, Stdio};

/// Prints what the header says, in the order of [`ours`].
const PROGRAM: &str = r#"
#include <stdio.h>
#include <stddef.h>
#include "nodemon_ring.h"
#define H(field) printf("%zu\n", offsetof(struct nodemon_ring_header, field))
#define S(field) printf("%zu\n", offsetof(struct nodemon_slot, field))
#define C(field) printf("%zu\n", offsetof(struct nodemon_cpu, field))
#define V(value) printf("%llu\n", (unsigned long long)(value))
int main(void)
{
	V(NODEMON_ELEMENT_BYTES); V(sizeof(struct nodemon_ring_header));
	V(sizeof(struct nodemon_slot)); V(sizeof(struct nodemon_cpu)); V(NODEMON_RING_MAGIC);
	H(magic); H(version); H(element_bytes); H(slots_offset); H(slots); H(cpus); H(producer);
	H(interval_ns); H(present); H(started_ns); H(tick_ns); H(idle_quantum_ns); H(page_bytes);
	H(timer_cpu); H(written); H(missed); H(cost_ns);
	S(sequence); S(monotonic_ns); S(boottime_ns); S(missed); S(cost_ns);
	C(states_ns); C(irqs); C(switches); C(softirqs); C(running); C(flags);
	V(NODEMON_IDLE); V(NODEMON_IOWAIT); V(NODEMON_STATES); V(NODEMON_SOFTIRQS);
	V(NODEMON_HAS_STATES); V(NODEMON_HAS_IDLE); V(NODEMON_HAS_SOFTIRQS); V(NODEMON_HAS_IRQS);
	V(NODEMON_HAS_SWITCHES); V(NODEMON_HAS_RUNNING); V(NODEMON_HAS_COST);
	V(NODEMON_CPU_ONLINE); V(NODEMON_PRODUCER_EBPF); V(NODEMON_RING_VERSION);
	return 0;
}
"#;

fn ours() -> Vec<u64> {
    let sizes = [ELEMENT, ELEMENT, ELEMENT, ELEMENT];
    let header = {
        use header::*;
        [
            MAGIC,
            VERSION,
            ELEMENT_BYTES,
            SLOTS_OFFSET,
            SLOTS,
            CPUS,
            PRODUCER,
            INTERVAL_NS,
            PRESENT,
            STARTED_NS,
            TICK_NS,
            IDLE_QUANTUM_NS,
            PAGE_BYTES,
            TIMER_CPU,
            WRITTEN,
            MISSED,
            COST_NS,
        ]
    };
    let slot = {
        use slot::*;
        [SEQUENCE, MONOTONIC_NS, BOOTTIME_NS, MISSED, COST_NS]
    };
    let cpu = {
        use cpu::*;
        [STATES_NS, IRQS, SWITCHES, SOFTIRQS, RUNNING, FLAGS]
    };
    let mut all: Vec<u64> = sizes.map(|size| size as u64).to_vec();
    all.push(MAGIC);
    all.extend(header.iter().chain(&slot).chain(&cpu).map(|&at| at as u64));
    all.extend([IDLE as u64, IOWAIT as u64, 10, 10]);
    all.extend(HAS);
    all.extend([1, 2, 1]);
    all
}

#[test]
fn these_tests_and_the_header_agree() {
    let program = std::env::temp_dir().join(format!("nodemon-layout-{}", std::process::id()));
    let include = concat!(env!("CARGO_MANIFEST_DIR"), "/../kmod");
    let compiler = Command::new("cc")
        .args(["-x", "c", "-Wall", "-Werror", "-I", include, "-", "-o"])
        .arg(&program)
        .stdin(Stdio::piped())
        .spawn();
    let mut compiler = match compiler {
        Ok(compiler) => compiler,
        // Whoever links this has one; the machine that runs it may be another.
        Err(error) if error.kind() == ErrorKind::NotFound => {
            skip!("there is no C compiler here");
            return;
        }
        Err(error) => panic!("cc: {error}"),
    };
    compiler.stdin.take().unwrap().write_all(PROGRAM.as_bytes()).unwrap();
    assert!(compiler.wait().unwrap().success());
    let output = Command::new(&program).output().unwrap();
    std::fs::remove_file(&program).unwrap();
    let theirs: Vec<u64> = String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(|line| line.parse().unwrap())
        .collect();
    assert_eq!(ours(), theirs);
}
