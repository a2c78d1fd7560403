//! When samples are taken, and that each arrives whole.

use crate::layout::{ELEMENT, HAS, MAGIC, header};
use crate::proc::Load;
use crate::ring::{Ring, Sample};
use crate::{OPTIONS, start};
use nodemon_recorder_ebpf::timer::TimerOptions;
use rustix::time::{ClockId, clock_gettime};
use std::time::{Duration, Instant};

fn now_ns(clock: ClockId) -> u64 {
    let now = clock_gettime(clock);
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}

#[test]
fn the_header_says_what_the_ring_is() {
    let before_ns = now_ns(ClockId::Monotonic);
    let Some(timer) = start(&OPTIONS) else { return };
    let ring = Ring::map(&timer);
    assert_eq!(ring.header_u64(header::MAGIC), MAGIC);
    assert_eq!(ring.header_u32(header::VERSION), 1);
    assert_eq!(ring.header_u32(header::ELEMENT_BYTES) as usize, ELEMENT);
    assert_eq!(ring.header_u32(header::SLOTS_OFFSET) as usize, ELEMENT);
    assert_eq!(ring.header_u32(header::SLOTS), OPTIONS.slots);
    assert_eq!(ring.header_u32(header::PRODUCER), 2);
    assert_eq!(ring.header_u64(header::INTERVAL_NS), OPTIONS.interval_ns);
    let started_ns = ring.header_u64(header::STARTED_NS);
    assert!((before_ns..=now_ns(ClockId::Monotonic)).contains(&started_ns));
    let all = HAS.iter().sum::<u64>();
    assert_eq!(ring.header_u64(header::PRESENT), all, "neither load nor memory");
    // Every kernel's tick is of 100 to 1000 Hz.
    assert!((1_000_000..=10_000_000).contains(&ring.header_u32(header::TICK_NS)));
    assert!(ring.header_u32(header::PAGE_BYTES) >= 4096);
    let elements = 1 + OPTIONS.slots as usize * (1 + ring.cpus);
    assert_eq!(timer.len_bytes(), elements * ELEMENT);
}

#[test]
fn the_median_interval_is_what_was_asked_for_at_rest_and_under_load() {
    let Some(timer) = start(&OPTIONS) else { return };
    let ring = Ring::map(&timer);
    for busy in [0, 2 * ring.cpus] {
        let load = Load::with_threads(busy);
        let samples = ring.collect(Duration::from_secs(2));
        drop(load);
        let mut intervals: Vec<u64> =
            samples.windows(2).map(|two| two[1].monotonic_ns - two[0].monotonic_ns).collect();
        intervals.sort_unstable();
        let median = intervals[intervals.len() / 2];
        assert!(median.abs_diff(1_000_000) < 10_000, "{median} ns with {busy} busy threads");
    }
}

/// A sample belongs to one deadline, and every deadline has a sample or is counted as missed; so
/// no time is lost or made up for, however long it runs.
fn assert_keeps_time(samples: &[Sample], started_ns: u64, interval_ns: u64) {
    for sample in samples {
        let deadline = started_ns + (sample.position + sample.missed + 1) * interval_ns;
        let late = sample.monotonic_ns.wrapping_sub(deadline).cast_signed();
        assert!(late >= -1_000 && late < interval_ns.cast_signed(), "{late} ns late: {sample:?}");
    }
}

#[test]
fn deadlines_are_kept_or_counted_as_missed() {
    for interval_ns in [100_000, 1_000_000, 7_777_777] {
        let Some(timer) = start(&TimerOptions { interval_ns, ..OPTIONS }) else { return };
        let ring = Ring::map(&timer);
        let load = Load::with_threads(ring.cpus);
        let samples = ring.collect(Duration::from_millis(700));
        drop(load);
        assert!(samples.len() > 20, "{} samples at {interval_ns} ns", samples.len());
        assert_keeps_time(&samples, ring.header_u64(header::STARTED_NS), interval_ns);
    }
}

#[test]
fn positions_and_times_go_up_and_both_clocks_agree() {
    let Some(timer) = start(&OPTIONS) else { return };
    let ring = Ring::map(&timer);
    let apart = |_| now_ns(ClockId::Boottime).abs_diff(now_ns(ClockId::Monotonic));
    let suspended_ns = (0..20).map(apart).min().unwrap();
    let samples = ring.collect(Duration::from_secs(1));
    for two in samples.windows(2) {
        assert_eq!(two[1].position, two[0].position + 1);
        assert!(two[1].monotonic_ns > two[0].monotonic_ns);
        assert!(two[1].missed >= two[0].missed);
        for (before, after) in two[0].cpus.iter().zip(&two[1].cpus) {
            assert!(after.is_online() && after.idle_ns() >= before.idle_ns());
            assert!(after.switches >= before.switches && after.irqs >= before.irqs);
            for state in 0..10 {
                assert!(after.states_ns[state] >= before.states_ns[state], "state {state}");
            }
        }
    }
    for sample in &samples {
        let apart_ns = sample.boottime_ns - sample.monotonic_ns;
        assert!(apart_ns.abs_diff(suspended_ns) < 200_000, "{apart_ns} ns, {suspended_ns} ns");
    }
    let (written, cost_ns) = (ring.written(), ring.header_u64(header::COST_NS));
    let each_ns = cost_ns / written;
    assert!((50..100_000).contains(&each_ns), "{each_ns} ns a sample");
    let cost_ns = samples.iter().map(|sample| u64::from(sample.cost_ns)).sum::<u64>();
    assert!((50..100_000).contains(&(cost_ns / samples.len() as u64)), "{cost_ns} ns");
}

/// The ring of four slots is overwritten under the reader all the time. What the reader takes for
/// whole must be: a sample of its own deadline, and not of two.
#[test]
fn no_torn_sample_is_taken_for_a_whole_one() {
    let options = TimerOptions { interval_ns: 100_000, slots: 4, cpu: None };
    let Some(timer) = start(&options) else { return };
    let ring = Ring::map(&timer);
    let started_ns = ring.header_u64(header::STARTED_NS);
    let (mut whole, mut refused, mut last) = (0_u64, 0_u64, None::<Sample>);
    let end = Instant::now() + Duration::from_secs(2);
    while Instant::now() < end {
        // The slot that is next to be overwritten.
        let Some(position) = ring.written().checked_sub(4) else { continue };
        let Some(sample) = ring.sample(position) else {
            refused += 1;
            continue;
        };
        whole += 1;
        assert_keeps_time(std::slice::from_ref(&sample), started_ns, options.interval_ns);
        if let Some(last) = last.filter(|last| last.position < position) {
            for (before, after) in last.cpus.iter().zip(&sample.cpus) {
                assert!(after.idle_ns() >= before.idle_ns() && after.switches >= before.switches);
            }
        }
        last = Some(sample);
    }
    assert!(whole > 1000, "{whole} whole, {refused} overwritten");
}
