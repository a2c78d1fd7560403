//! What cannot be had is refused in a sentence.

use crate::{OPTIONS, start};
use nodemon_recorder_ebpf::timer::{TimerError, TimerOptions, TimerRing};
use rustix::thread::{CapabilitySet, CapabilitySets, set_capabilities};

fn refusal(options: &TimerOptions) -> String {
    match TimerRing::start(options) {
        Ok(_) => panic!("{options:?} was accepted"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn slots_that_are_not_a_power_of_two_are_refused() {
    for slots in [0, 1, 3, 1000, u32::MAX] {
        let why = refusal(&TimerOptions { slots, ..OPTIONS });
        assert!(why.contains(&format!("{slots} slots")) && why.contains("power of two"), "{why}");
    }
}

#[test]
fn intervals_out_of_range_are_refused() {
    for interval_ns in [0, 99_999, 1_000_000_001, u64::MAX] {
        let why = refusal(&TimerOptions { interval_ns, ..OPTIONS });
        assert!(why.contains(&interval_ns.to_string()) && why.contains("100 µs"), "{why}");
    }
}

#[test]
fn a_ring_that_cannot_be_counted_is_refused() {
    let why = refusal(&TimerOptions { slots: 1 << 31, ..OPTIONS });
    assert!(why.contains("do not fit"), "{why}");
}

#[test]
fn a_cpu_that_is_not_there_is_named() {
    if start(&OPTIONS).is_none() {
        return;
    }
    for cpu in [900, u32::MAX] {
        let why = refusal(&TimerOptions { cpu: Some(cpu), ..OPTIONS });
        assert!(why.contains(&format!("CPU {cpu}")), "{why}");
    }
}

#[test]
fn without_the_capabilities_it_says_which() {
    // They belong to a thread, so this one has its own.
    let refused = std::thread::spawn(|| {
        let none = CapabilitySet::empty();
        let none = CapabilitySets { effective: none, permitted: none, inheritable: none };
        set_capabilities(None, none).unwrap();
        TimerRing::start(&OPTIONS)
    });
    let error = refused.join().unwrap().err();
    assert!(matches!(error, Some(TimerError::NotPermitted(_))), "{error:?}");
    let text = error.map(|error| error.to_string()).unwrap_or_default();
    assert!(text.contains("CAP_BPF") && text.contains("CAP_PERFMON"), "{text}");
}
