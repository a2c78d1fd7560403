//! The same counters out of `/proc`, read between two samples: they lie between these.

use crate::ring::{Ring, Sample};
use crate::{OPTIONS, proc, start};
use nodemon_recorder_ebpf::timer::TimerRing;
use nodemon_skip::skip;

/// What `/proc/stat` counts states in, ns.
const CLOCK_TICK_NS: u64 = 10_000_000;

fn ring() -> Option<(TimerRing, Ring)> {
    let timer = start(&OPTIONS)?;
    let ring = Ring::map(&timer);
    Some((timer, ring))
}

/// Reads something of `/proc` with a sample before and one after.
fn between<T>(ring: &Ring, read: impl FnOnce() -> T) -> (Sample, T, Sample) {
    let before = ring.last();
    let value = read();
    (before, value, ring.after())
}

#[test]
fn states_are_those_of_proc_stat_within_its_rounding() {
    let Some((_timer, ring)) = ring() else { return };
    let load = proc::Load::with_threads(1);
    for _ in 0..50 {
        let (before, stat, after) = between(&ring, proc::stat);
        for cpu in 0..ring.cpus {
            let Some(theirs) = stat.get(&format!("cpu{cpu}")) else { continue };
            let (low, high) = (&before.cpus[cpu], &after.cpus[cpu]);
            for state in [0, 1, 2, 5, 6, 7, 8, 9] {
                let span =
                    low.states_ns[state] / CLOCK_TICK_NS..=high.states_ns[state] / CLOCK_TICK_NS;
                assert!(span.contains(&theirs[state]), "cpu{cpu}, state {state}: {theirs:?}");
            }
            // Idle may become iowait afterwards; both together only grow. Each is rounded.
            let idle = theirs[3] + theirs[4];
            let span = low.idle_ns() / CLOCK_TICK_NS - 1..=high.idle_ns() / CLOCK_TICK_NS;
            assert!(span.contains(&idle), "cpu{cpu}: {idle} not in {span:?}");
        }
        std::thread::sleep(std::time::Duration::from_millis(17));
    }
    drop(load);
}

#[test]
fn softirqs_are_those_of_proc_softirqs() {
    let Some((_timer, ring)) = ring() else { return };
    let mut moved = 0;
    for _ in 0..50 {
        let (before, theirs, after) = between(&ring, proc::softirqs);
        assert_eq!(theirs.len(), 10);
        for (vector, counts) in theirs.iter().enumerate() {
            for (cpu, &count) in counts.iter().enumerate().take(ring.cpus) {
                let (low, high) =
                    (before.cpus[cpu].softirqs[vector], after.cpus[cpu].softirqs[vector]);
                let (past, span) = ((count as u32).wrapping_sub(low), high.wrapping_sub(low));
                assert!(past <= span, "cpu{cpu}, vector {vector}: {count} not in {low}..={high}");
                moved += span;
            }
        }
    }
    assert!(moved > 0, "the timer itself is a softirq");
}

#[test]
fn switches_and_running_tasks_are_those_of_proc_stat() {
    let Some((_timer, ring)) = ring() else { return };
    let load = proc::Load::with_threads(3 * ring.cpus);
    let mut most = 0;
    for _ in 0..50 {
        let (before, stat, after) = between(&ring, proc::stat);
        let sum = |sample: &Sample| sample.cpus.iter().map(|cpu| cpu.switches).sum::<u64>();
        let (low, theirs, high) = (sum(&before), stat["ctxt"][0], sum(&after));
        assert!((low..=high).contains(&theirs), "{theirs} switches not in {low}..={high}");
        let running: u32 = after.cpus.iter().map(|cpu| cpu.running).sum();
        most = most.max(running);
        assert!(u64::from(running).abs_diff(stat["procs_running"][0]) < 1000, "{running}");
    }
    drop(load);
    assert!(most as usize >= 3 * ring.cpus, "{most} running, with {} that spin", 3 * ring.cpus);
}

/// Interrupts that are gone with their driver are counted in the ring and not in the file, so the
/// two differ by a number that does not change.
#[test]
fn interrupts_are_those_of_devices_in_proc_interrupts() {
    let Some((_timer, ring)) = ring() else { return };
    let mut apart = vec![(0, u64::MAX); ring.cpus];
    let (first, _, _) = between(&ring, || ());
    let mut last = first.clone();
    for _ in 0..20 {
        proc::write_through();
        let (before, theirs, after) = between(&ring, || proc::device_interrupts(ring.cpus));
        for (cpu, &count) in theirs.iter().enumerate() {
            let (low, high) = &mut apart[cpu];
            *low = (*low).max(before.cpus[cpu].irqs.saturating_sub(count));
            *high = (*high).min(after.cpus[cpu].irqs - count);
            assert!(*low <= *high, "cpu{cpu}: {low} to {high} more than in the file");
        }
        last = after;
    }
    let moved = |(first, last): (&crate::ring::Cpu, &crate::ring::Cpu)| last.irqs - first.irqs;
    let moved: u64 = first.cpus.iter().zip(&last.cpus).map(moved).sum();
    let total = proc::stat()["intr"][0];
    assert!(last.cpus.iter().map(|cpu| cpu.irqs).sum::<u64>() <= total);
    if moved == 0 {
        skip!("in part: writing to {:?} interrupts nobody", std::env::temp_dir());
    }
}
