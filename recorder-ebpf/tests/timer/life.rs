//! Where the timer runs, how many there can be, and how one ends.

use crate::layout::header;
use crate::ring::Ring;
use crate::{OPTIONS, start};
use nodemon_recorder_ebpf::timer::TimerOptions;
use std::fs::{read_to_string, write};
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

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
    assert!((80..=150).contains(&slow) && fast > 3 * slow, "{fast} at 1 ms, {slow} at 5 ms");
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

/// A CPU of the machine is taken offline and back, which others on it may not like: only when
/// NODEMON_HOTPLUG is set.
#[test]
fn a_cpu_that_goes_offline_is_flagged_and_comes_back() {
    if std::env::var_os("NODEMON_HOTPLUG").is_none() {
        println!("skipped: NODEMON_HOTPLUG is not set, and CPUs are not taken offline without");
        return;
    }
    let Some(timer) = start(&TimerOptions { cpu: Some(1), ..OPTIONS }) else { return };
    let ring = Ring::map(&timer);
    let switch = "/sys/devices/system/cpu/cpu1/online";
    if let Err(error) = write(switch, "0") {
        println!("skipped: cannot write to {switch}: {error}");
        return;
    }
    let off = ring.after();
    let elsewhere = ring.header_u32(header::TIMER_CPU);
    let states_off = off.cpus[1].states_ns;
    std::thread::sleep(Duration::from_millis(200));
    let still_off = ring.after();
    write(switch, "1").unwrap();
    std::thread::sleep(Duration::from_millis(200));
    let back = ring.after();
    assert!(!off.cpus[1].is_online() && !still_off.cpus[1].is_online());
    assert!(off.cpus[0].is_online() && back.cpus[0].is_online());
    assert_eq!(elsewhere, 0, "the timer moved");
    assert!(still_off.position > off.position + 150, "and went on");
    assert!(back.cpus[1].is_online());
    for state in [0, 1, 2, 5, 6, 7] {
        assert!(back.cpus[1].states_ns[state] >= states_off[state]);
    }
}
