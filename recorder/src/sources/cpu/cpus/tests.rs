//! Fed from `/proc`, on this machine and on made-up ones.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::SOURCE;
use super::stat::tick_ns;
use super::tables::{STATE_COLUMNS, VECTORS};
use crate::source::Feed;
use crate::source::test_support::{
    self, Table, assert_steady_state_allocates_nothing_in, context, sample, tables_of,
};
use crate::source::{Asked, Context, Sink, Source};
use nodemon_formats::Value;
use nodemon_skip::skip;
use procfs::CurrentSI;
use std::fmt::Write;
use std::time::{Duration, Instant};

/// Asks for `/proc` within `context`.
fn polled(context: Context) -> Context {
    let asked = Asked { feed: Some(Feed::Proc), ..Asked::every(Duration::from_secs(1)) };
    Context { asked, ..context }
}

fn open(context: &Context) -> Box<dyn Source> {
    (SOURCE.open)(context).unwrap()
}

fn sampled(source: &mut dyn Source) -> [Table; 2] {
    let tables = tables_of(&SOURCE, source);
    sample(source, &tables).unwrap().try_into().unwrap()
}

fn of_procfs(cpu: &procfs::CpuTime) -> [u64; 10] {
    [
        cpu.user,
        cpu.nice,
        cpu.system,
        cpu.idle,
        cpu.iowait.unwrap(),
        cpu.irq.unwrap(),
        cpu.softirq.unwrap(),
        cpu.steal.unwrap(),
        cpu.guest.unwrap(),
        cpu.guest_nice.unwrap(),
    ]
}

#[test]
fn each_state_of_each_cpu_lies_between_what_procfs_reads_before_and_after() {
    let mut source = open(&polled(Context::default()));
    let before = procfs::KernelStats::current().unwrap();
    let [cpu, _] = sampled(source.as_mut());
    let after = procfs::KernelStats::current().unwrap();
    assert_eq!(cpu.rows.len(), before.cpu_time.len());
    for (number, (a, b)) in before.cpu_time.iter().zip(&after.cpu_time).enumerate() {
        let key = number.to_string();
        let mut busy_ns = 0;
        let (a, b) = (of_procfs(a), of_procfs(b));
        let states = STATE_COLUMNS.iter().zip(a.iter().zip(b));
        for (state, ((name, _), (a, b))) in states.enumerate() {
            let ours = cpu.u64(&[&key], name);
            // The kernel extrapolates these for a sleeping CPU, and may take a tick back.
            let is_idle = matches!(*name, "idle_ns" | "iowait_ns");
            let slack = u64::from(is_idle);
            let (a, b) = (a.saturating_sub(slack) * tick_ns(), (b + slack) * tick_ns());
            assert!(a <= ours && ours <= b, "cpu {number} {name}: {a} <= {ours} <= {b}");
            busy_ns += if is_idle || state >= 8 { 0 } else { ours };
        }
        assert_eq!(cpu.u64(&[&key], "busy_ns"), busy_ns, "guests are in user and nice already");
    }
}

#[test]
fn offline_cpus_have_no_row_and_a_cpu_that_is_back_has_one_again() {
    let line = |cpu: u32| format!("cpu{cpu} {cpu} 2 3 4 5 6 7 8 9 10\n");
    let text = |cpus: &[u32]| {
        let lines: String = cpus.iter().map(|&cpu| line(cpu)).collect();
        format!("cpu  1 2 3 4 5 6 7 8 9 10\n{lines}intr 99 0 0 12\nctxt 5\nbtime 1\n")
    };
    let (dir, context) = context(&[("stat", &text(&[0, 1, 3])), ("softirqs", "CPU0\nHI: 1\n")]);
    let mut source = open(&polled(context));
    let mut keys = |cpus: &[u32]| {
        std::fs::write(dir.path().join("stat"), text(cpus)).unwrap();
        sampled(source.as_mut())[0].keys().join(",")
    };
    assert_eq!(keys(&[0, 1, 3]), "0,1,3");
    assert_eq!(keys(&[0, 3]), "0,3");
    assert_eq!(keys(&[0, 1, 2, 3]), "0,1,2,3");
    let many: Vec<u32> = (0..256).collect();
    assert_eq!(keys(&many).split(',').count(), 256);
}

#[test]
fn states_that_an_old_kernel_does_not_have_are_absent() {
    let stat = "cpu 1 2 3 4\ncpu0 7 2 3 4\nctxt x\n";
    let (_dir, context) = context(&[("stat", stat), ("softirqs", "CPU0\n")]);
    let [cpu, _] = sampled(open(&polled(context)).as_mut());
    assert_eq!(cpu.u64(&["0"], "user_ns"), 7 * tick_ns());
    assert_eq!(cpu.u64(&["0"], "idle_ns"), 4 * tick_ns());
    assert_eq!(cpu.value(&["0"], "iowait_ns"), Value::Absent);
    assert_eq!(cpu.u64(&["0"], "busy_ns"), 12 * tick_ns());
}

/// The counts of `/proc/softirqs` in a plain way: vector, CPU, count.
fn plainly(text: &str) -> Vec<(String, String, u64)> {
    let mut lines = text.lines();
    let cpus: Vec<&str> = lines.next().unwrap().split_whitespace().collect();
    let mut counts = Vec::new();
    for line in lines {
        let (vector, rest) = line.split_once(':').unwrap();
        for (cpu, count) in cpus.iter().zip(rest.split_whitespace()) {
            let cpu = cpu.trim_start_matches("CPU").to_owned();
            counts.push((vector.trim().to_lowercase(), cpu, count.parse().unwrap()));
        }
    }
    counts
}

#[test]
fn each_softirq_count_lies_between_reads_before_and_after() {
    let read = || plainly(&std::fs::read_to_string("/proc/softirqs").unwrap());
    let mut source = open(&polled(Context::default()));
    let before = read();
    let [_, table] = sampled(source.as_mut());
    let after = read();
    assert!(before.len() >= VECTORS.len());
    for ((vector, cpu, a), (_, _, b)) in before.iter().zip(&after) {
        let ours = table.u64(&[cpu], vector);
        assert!(*a <= ours && ours <= *b, "{vector} of CPU {cpu}: {a} <= {ours} <= {b}");
    }
}

#[test]
fn of_256_cpus_those_that_never_served_a_softirq_have_no_row() {
    let mut text = String::from("     ");
    (0..256).for_each(|cpu| write!(text, "CPU{cpu} ").unwrap());
    for (vector, _, _) in VECTORS {
        write!(text, "\n{}:", String::from_utf8_lossy(vector)).unwrap();
        for cpu in 0..256 {
            write!(text, " {}", if cpu < 200 { cpu * 10 } else { 0 }).unwrap();
        }
    }
    let (_dir, context) = context(&[("stat", "cpu\n"), ("softirqs", &text)]);
    let [_, table] = sampled(open(&polled(context)).as_mut());
    assert_eq!(table.rows.len(), 199, "CPUs 1 to 199");
    assert_eq!(table.u64(&["199"], "rcu"), 1990);
}

#[test]
fn old_names_missing_vectors_and_new_ones() {
    let text = "          CPU0  CPU3\n    HI:  1  2\nBLOCK_IOPOLL: 5 6\nTEATIME: 7 8\nRCU: 9\n";
    let (_dir, context) = context(&[("stat", "cpu\n"), ("softirqs", text)]);
    let mut source = open(&polled(context));
    let [_, table] = sampled(source.as_mut());
    assert_eq!(table.keys(), ["0", "3"]);
    assert_eq!(table.u64(&["3"], "irq_poll"), 6);
    assert_eq!(table.value(&["0"], "net_rx"), Value::Absent);
    assert_eq!(table.value(&["3"], "rcu"), Value::Absent, "the line is cut short");
    assert!(source.limits()[0].contains("TEATIME"), "{:?}", source.limits());
}

#[test]
fn sampling_allocates_nothing_in_the_steady_state() {
    assert_steady_state_allocates_nothing_in(&polled(Context::default()), &SOURCE);
}

/// The ring of an eBPF timer on this machine, or why there is none.
fn ringed() -> Result<(Context, Box<dyn Source>), String> {
    let asked = Asked { feed: Some(Feed::Ebpf), ..Asked::every(Duration::from_millis(1)) };
    let context = Context { asked, ..Context::default() };
    let source = (SOURCE.open)(&context).map_err(|error| error.to_string())?;
    Ok((context, source))
}

#[test]
fn draining_the_kernels_ring_allocates_nothing_in_the_steady_state() {
    match ringed() {
        Ok((context, _)) => assert_steady_state_allocates_nothing_in(&context, &SOURCE),
        Err(why) => skip!("{why}"),
    }
}

#[test]
fn what_the_kernel_samples_lies_between_what_proc_says_before_and_after() {
    let (_, mut source) = match ringed() {
        Ok(ringed) => ringed,
        Err(why) => return skip!("{why}"),
    };
    let feeding = source.feeding().unwrap();
    assert!(feeding.drains && feeding.tables[0].interval_ns == 1_000_000, "{feeding:?}");
    let mut sink = Sink::new(&feeding.tables);
    let before = procfs::KernelStats::current().unwrap();
    source.sample(&mut sink).unwrap();
    sink.tables().iter_mut().for_each(|table| table.clear());
    let deadline = Instant::now() + Duration::from_secs(10);
    while sink.table(0).samples() < 20 {
        assert!(Instant::now() < deadline, "{} samples in 10 s", sink.table(0).samples());
        std::thread::sleep(Duration::from_millis(20));
        source.sample(&mut sink).unwrap();
    }
    let after = procfs::KernelStats::current().unwrap();
    let [cpus, _] = test_support::all_of(&feeding.tables, &mut sink).try_into().unwrap();
    for (number, (a, b)) in before.cpu_time.iter().zip(&after.cpu_time).enumerate() {
        let key = number.to_string();
        for ((name, _), (a, b)) in STATE_COLUMNS.iter().zip(of_procfs(a).iter().zip(of_procfs(b))) {
            if matches!(*name, "idle_ns" | "iowait_ns") {
                // Counted off the clock here, by whole ticks there, and not both at once.
                continue;
            }
            let ours = cpus.u64(&[&key], name);
            let (a, b) = (a.saturating_sub(1) * tick_ns(), (b + 1) * tick_ns());
            assert!(a <= ours && ours <= b, "cpu {number} {name}: {a} <= {ours} <= {b}");
        }
    }
}
