//! Idle time is read off the clock: bursts between two ticks are seen, and a CPU that idles
//! through an interval was idle for exactly that interval.

use crate::layout::header;
use crate::proc::stat;
use crate::ring::{Ring, Sample};
use crate::{OPTIONS, start};
use nodemon_recorder_ebpf::timer::{TimerOptions, TimerRing};
use nodemon_skip::skip;
use rustix::thread::{CpuSet, sched_setaffinity};
use rustix::time::{ClockId, clock_gettime};
use std::time::{Duration, Instant};

/// A timer on CPU 0 and the number of another CPU, which nothing of this disturbs.
fn timer_and_other_cpu() -> Option<(TimerRing, Ring, usize)> {
    let timer = start(&TimerOptions { cpu: Some(0), ..OPTIONS })?;
    let ring = Ring::map(&timer);
    let other = ring.last().cpus.iter().rposition(|cpu| cpu.is_online());
    let Some(other) = other.filter(|&cpu| cpu > 0) else {
        skip!("there is one CPU, which the timer wakes");
        return None;
    };
    if ring.header_u32(header::IDLE_QUANTUM_NS) != 1 {
        skip!("this kernel counts idle time by the tick");
        return None;
    }
    Some((timer, ring, other))
}

fn stay_on(cpu: usize) {
    let mut set = CpuSet::new();
    set.set(cpu);
    sched_setaffinity(None, &set).unwrap();
}

#[test]
fn a_cpu_that_idles_through_was_idle_to_the_nanosecond() {
    let Some((_timer, ring, cpu)) = timer_and_other_cpu() else { return };
    let idle_through = |samples: &[Sample], at: usize| {
        let idle_ns = |sample: &Sample| sample.cpus[cpu].idle_ns();
        let (before, sample) = (&samples[at - 1], &samples[at]);
        let gained_ns = idle_ns(sample) - idle_ns(before);
        // A CPU that changes its times whenever they are looked at is as it was: what it idled
        // comes with the next sample.
        let known = samples[..at].iter().rev();
        let known = known.take_while(|known| idle_ns(known) == idle_ns(before)).last();
        let passed_ns = sample.monotonic_ns - known.unwrap().monotonic_ns;
        assert!(at == 1 || gained_ns <= passed_ns, "{gained_ns} ns idle in {passed_ns} ns");
        gained_ns == sample.monotonic_ns - before.monotonic_ns
    };
    // Others may keep the CPU busy for a while, or all the time.
    let idle_ticks = || stat()[&format!("cpu{cpu}")][3];
    let (mut through, before, woken) = (0, idle_ticks(), timer_interrupts(cpu));
    for _ in 0..20 {
        let samples = ring.collect(Duration::from_millis(500));
        through += (1..samples.len()).filter(|at| idle_through(&samples, *at)).count();
        if through > 50 {
            return;
        }
    }
    let idle_ticks = idle_ticks() - before;
    if idle_ticks < 200 {
        skip!("other programs left CPU {cpu} idle for {idle_ticks} of 1000 ticks");
        return;
    }
    // What samples each CPU every millisecond, a recorder for one, leaves no interval whole.
    let woken = timer_interrupts(cpu) - woken;
    if woken > 5000 {
        skip!("other programs' timers woke CPU {cpu} {woken} times in 10 s");
        return;
    }
    panic!("{through} intervals idle from end to end in 10 s, of which {idle_ticks} / 100 s idle");
}

/// How often its timer has interrupted a CPU (`LOC` of /proc/interrupts).
fn timer_interrupts(cpu: usize) -> u64 {
    let interrupts = std::fs::read_to_string("/proc/interrupts").unwrap();
    let mut lines = interrupts.lines();
    let name = format!("CPU{cpu}");
    let at = lines.next().unwrap().split_whitespace().position(|word| word == name).unwrap();
    let local = lines.find(|line| line.trim_start().starts_with("LOC:"));
    // An architecture without that line has no such skip.
    local.map_or(0, |line| line.split_whitespace().nth(at + 1).unwrap().parse().unwrap())
}

/// Three milliseconds of work every 100 ms, of which a tick sees next to nothing.
#[test]
fn bursts_between_ticks_are_seen_whole() {
    let Some((_timer, ring, cpu)) = timer_and_other_cpu() else { return };
    let bursts = std::thread::spawn(move || {
        stay_on(cpu);
        let mut spans = Vec::new();
        for _ in 0..15 {
            std::thread::sleep(Duration::from_millis(97));
            let begin = Instant::now();
            let begin_ns = monotonic_ns();
            while begin.elapsed() < Duration::from_millis(3) {
                std::hint::spin_loop();
            }
            spans.push((begin_ns, monotonic_ns()));
        }
        spans
    });
    let mut samples = ring.collect_while(|| !bursts.is_finished());
    samples.push(ring.after());
    let spans = bursts.join().unwrap();
    let mut pairs = 0;
    for (begin_ns, end_ns) in spans {
        // What a burst is seen by: samples from its begin to its end.
        let within = |sample: &&Sample| (begin_ns..=end_ns).contains(&sample.monotonic_ns);
        let within: Vec<&Sample> = samples.iter().filter(within).collect();
        for two in within.windows(2) {
            assert_eq!(two[0].cpus[cpu].idle_ns(), two[1].cpus[cpu].idle_ns(), "idle in a burst");
            pairs += 1;
        }
        // And all of it together is missing in the idle time around it.
        let before = samples.iter().rfind(|sample| sample.monotonic_ns < begin_ns).unwrap();
        let after = samples.iter().find(|sample| sample.monotonic_ns > end_ns).unwrap();
        let idle_ns = after.cpus[cpu].idle_ns() - before.cpus[cpu].idle_ns();
        let busy_ns = after.monotonic_ns - before.monotonic_ns - idle_ns;
        assert!(busy_ns + 50_000 >= end_ns - begin_ns, "{busy_ns} of {} ns", end_ns - begin_ns);
    }
    assert!(pairs >= 5, "{pairs} intervals within 15 bursts of 3 ms");
}

fn monotonic_ns() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}
