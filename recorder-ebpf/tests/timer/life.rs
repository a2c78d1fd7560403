//! Where the timer runs, how many there can be, and how one ends.

use crate::layout::header;
use crate::ring::Ring;
use crate::{OPTIONS, start};
use nodemon_recorder_ebpf::timer::{TimerOptions, TimerRing};
use nodemon_skip::skip;
use std::fs::{read_to_string, write};
use std::os::fd::AsRawFd;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// Whoever holds the timer may be on any thread.
const _: fn() = || {
    fn may_move<T: Send + Sync>() {}
    may_move::<TimerRing>();
};

#[test]
fn the_timer_runs_on_the_chosen_cpu() {
    let mut tried = 0;
    for cpu in 0..64 {
        if !std::path::Path::new(&format!("/sys/devices/system/cpu/cpu{cpu}")).exists() {
            break;
        }
        let Some(timer) = start(&TimerOptions { cpu: Some(cpu), ..OPTIONS }) else { return };
        let ring = Ring::map(&timer);
        for _ in 0..20 {
            std::thread::sleep(Duration::from_millis(5));
            assert_eq!(ring.header_u32(header::TIMER_CPU), cpu);
        }
        assert!(ring.written() > 20);
        tried += 1;
    }
    assert!(tried > 0);
}

#[test]
fn two_rings_at_once_do_not_meet() {
    let Some(one) = start(&OPTIONS) else { return };
    let Some(two) = start(&TimerOptions { interval_ns: 5_000_000, ..OPTIONS }) else { return };
    let (fast, slow) = (Ring::map(&one), Ring::map(&two));
    let (before, before_slow) = (fast.written(), slow.written());
    std::thread::sleep(Duration::from_millis(500));
    let (fast, slow) = (fast.written() - before, slow.written() - before_slow);
    assert!(slow > 20 && fast > 3 * slow, "{fast} at 1 ms, {slow} at 5 ms");
    drop(two);
    let ring = Ring::map(&one);
    let before = ring.written();
    std::thread::sleep(Duration::from_millis(100));
    assert!(ring.written() > before, "one goes on when the other is dropped");
}

#[test]
fn dropping_it_stops_the_timer_and_frees_the_map() {
    let Some(timer) = start(&OPTIONS) else { return };
    let fdinfo = format!("/proc/self/fdinfo/{}", timer.map_fd().as_raw_fd());
    let fdinfo = read_to_string(fdinfo).unwrap();
    let id = fdinfo.lines().find_map(|line| line.strip_prefix("map_id:")).unwrap();
    let id: u32 = id.trim().parse().unwrap();
    let ring = Ring::map(&timer);
    std::thread::sleep(Duration::from_millis(50));
    assert!(ring.written() > 10);
    assert!(is_in_kernel(id));

    drop(timer);
    // A callback that runs just now may end after the drop.
    std::thread::sleep(Duration::from_millis(20));
    let written = ring.written();
    std::thread::sleep(Duration::from_millis(50));
    assert_eq!(ring.written(), written, "the timer has stopped");
    assert!(ring.sample(written - 1).is_some(), "what it wrote can still be read");

    drop(ring);
    let end = Instant::now() + Duration::from_secs(10);
    while is_in_kernel(id) {
        assert!(Instant::now() < end, "map {id} is still in the kernel");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn is_in_kernel(id: u32) -> bool {
    aya::maps::loaded_maps().any(|map| map.is_ok_and(|map| map.id() == id))
}

/// Takes CPU 1 offline, or brings it back. Other programs may not like it, so this is done only
/// when NODEMON_HOTPLUG is set.
fn set_online(online: &str) -> bool {
    if std::env::var_os("NODEMON_HOTPLUG").is_none() {
        skip!("NODEMON_HOTPLUG is not set, and CPUs are not taken offline without");
        return false;
    }
    let switch = "/sys/devices/system/cpu/cpu1/online";
    match write(switch, online) {
        Ok(()) => true,
        Err(error) => {
            skip!("cannot write to {switch}: {error}");
            false
        }
    }
}

/// The two tests below want CPU 1 for themselves.
static HOTPLUG: Mutex<()> = Mutex::new(());

#[test]
fn a_cpu_that_goes_offline_is_flagged_and_comes_back() {
    let _alone = HOTPLUG.lock().unwrap();
    let Some(timer) = start(&TimerOptions { cpu: Some(1), ..OPTIONS }) else { return };
    let ring = Ring::map(&timer);
    if !set_online("0") {
        return;
    }
    let off = ring.after();
    let elsewhere = ring.header_u32(header::TIMER_CPU);
    std::thread::sleep(Duration::from_millis(200));
    let still_off = ring.after();
    assert!(set_online("1"));
    std::thread::sleep(Duration::from_millis(200));
    let back = ring.after();
    std::thread::sleep(Duration::from_millis(200));
    let later = ring.after();
    assert!(!off.cpus[1].is_online() && !still_off.cpus[1].is_online());
    assert!(off.cpus[0].is_online() && back.cpus[0].is_online());
    assert_eq!(elsewhere, 0, "the timer moved");
    assert!(still_off.position > off.position + 20, "and went on");
    assert!(back.cpus[1].is_online());
    for state in 0..10 {
        assert!(back.cpus[1].states_ns[state] >= off.cpus[1].states_ns[state], "state {state}");
    }
    // Kernels before 6.8 count idle time from 0 again.
    let idle_ns = later.cpus[1].idle_ns() - back.cpus[1].idle_ns();
    let passed_ns = later.monotonic_ns - back.monotonic_ns;
    assert!(idle_ns > passed_ns / 10, "idle time goes on: {idle_ns} of {passed_ns} ns");
}

#[test]
fn a_cpu_that_comes_online_after_the_start_is_found() {
    let _alone = HOTPLUG.lock().unwrap();
    if !set_online("0") {
        return;
    }
    let timer = start(&OPTIONS);
    let before = timer.as_ref().map(|timer| Ring::map(timer).after().cpus[1].is_online());
    assert!(set_online("1"));
    let Some(mut timer) = timer else { return };
    assert_eq!(before, Some(false));
    let ring = Ring::map(&timer);
    if !ring.after().cpus[1].is_online() {
        println!("this kernel has to be asked again");
        timer.learn_cpus().unwrap();
    }
    let found = ring.after();
    assert!(found.cpus[1].is_online() && found.cpus[1].states_ns.iter().any(|&ns| ns > 0));
    std::thread::sleep(Duration::from_millis(100));
    assert!(ring.after().cpus[1].idle_ns() >= found.cpus[1].idle_ns());
}
