//! What CPUs run is sampled with the calls that it is in.

use crate::network_rows::{Row, feature, folded, rows, start};
use crate::system::{events, number, text};
use crate::system_rig::{shell, wait_for_name, wait_with_usage};
use crate::system_sampled::assert_sum;
use nodemon_recorder_ebpf::feature::{Layout, Show, Table};
use nodemon_recorder_ebpf::load::Running;
use nodemon_recorder_ebpf::names::Names;
use nodemon_recorder_ebpf::stack::UserStack;
use std::process::Child;
use std::time::{Duration, Instant};

const FEATURE: &str = "stack_cpu";

/// One sample.
#[derive(Debug)]
struct Sample {
    pid: u64,
    weight_ns: u64,
    kernel: String,
    /// Start of the process, instruction and stack pointer, bytes of memory.
    user: Option<(u64, u64, u64, usize)>,
}

fn column(table: &Table, layout: &Layout, row: &[u8], name: &str) -> u64 {
    let at = table.values.iter().position(|column| column.name == name).unwrap();
    table.values[at].cell.number(layout.values[at].bytes_of(row))
}

/// The samples that are there now.
fn samples(running: &mut Running, names: &mut Names) -> Vec<Sample> {
    let table = &feature(FEATURE).tables[0];
    let reader = &mut running.readers()[0];
    let layout = reader.layout.clone();
    let mut samples = Vec::new();
    let at = table.values.iter().position(|column| column.name == "stack").unwrap();
    let Show::Stack(frames) = table.values[at].show else { panic!("it is a stack") };
    reader
        .rows(|row| {
            let stack = layout.values[at].rest_of(row.keys);
            let user = UserStack::from_bytes(&stack[frames * 8..]);
            samples.push(Sample {
                pid: column(table, &layout, row.keys, "pid"),
                weight_ns: column(table, &layout, row.keys, "weight_ns"),
                kernel: folded(names, &stack[..frames * 8]),
                user: user.map(|user| (user.start_ns, user.ip, user.sp, user.memory.len())),
            });
        })
        .unwrap();
    samples
}

/// The samples of a child while it ran for so long, and what it used.
fn samples_of(child: Child, time: Duration) -> Option<(Vec<Sample>, Duration)> {
    let mut running = start(FEATURE)?;
    let (begun, mut child) = (Instant::now(), child);
    let (mut found, mut names) = (Vec::new(), Names::default());
    let pid = u64::from(child.id());
    while begun.elapsed() < time {
        std::thread::sleep(Duration::from_millis(100));
        found.extend(samples(&mut running, &mut names));
    }
    child.kill().unwrap();
    let used = wait_with_usage(child).cpu;
    found.extend(samples(&mut running, &mut names));
    assert!(found.iter().all(|sample| sample.pid != 0), "an idle CPU runs nothing");
    let lost = running.take_losses();
    assert_eq!((lost.ring_full, lost.suppressed), (0, 0));
    found.retain(|sample| sample.pid == pid);
    Some((found, used))
}

#[test]
fn what_samples_stand_for_is_the_time_that_a_program_used() {
    let child = shell("while :; do :; done").spawn().unwrap();
    let Some((found, used)) = samples_of(child, Duration::from_secs(3)) else { return };
    let weight_ns: u64 = found.iter().map(|sample| sample.weight_ns).sum();
    // A sample that comes or does not is one in so many.
    let sigma = found[0].weight_ns as f64 * (found.len() as f64).sqrt();
    let off = (weight_ns as f64 - used.as_nanos() as f64).abs();
    assert!(off <= 4.0 * sigma, "{} samples stand for {weight_ns} ns of {used:?}", found.len());
    let of_user: Vec<_> = found.iter().filter_map(|sample| sample.user).collect();
    assert_eq!(of_user.len(), found.len(), "each knows where the program was");
    for (start_ns, ip, sp, bytes) in &of_user {
        assert!(*ip > 4096 && *sp > 4096, "{ip:#x} {sp:#x}");
        assert!(*bytes <= 8192, "{bytes} bytes of its stack");
        assert_eq!(*start_ns, of_user[0].0, "it began once");
    }
    // A program that has just begun has none yet.
    let with_memory = of_user.iter().filter(|(.., bytes)| *bytes >= 1024).count();
    assert!(with_memory * 10 >= of_user.len() * 9, "{with_memory} of {}", of_user.len());
    let in_user = found.iter().filter(|sample| sample.kernel.is_empty()).count();
    assert!(in_user > 0, "a shell that counts nothing is not always in the kernel");
}

#[test]
fn a_program_that_lets_the_kernel_work_is_seen_there() {
    let child = shell("exec dd if=/dev/zero of=/dev/null bs=1M 2>/dev/null").spawn().unwrap();
    let Some((found, _)) = samples_of(child, Duration::from_secs(2)) else { return };
    let reads = found.iter().filter(|sample| sample.kernel.contains("sys_read"));
    assert!(reads.count() * 2 > found.len(), "most of the time it reads: {found:#?}");
}

const WAITS: &str = "stack_wait";

#[test]
fn a_long_wait_is_told_once_with_the_call_that_it_was_in_and_stands_for_itself() {
    let Some(mut running) = start(WAITS) else { return };
    let mut child = shell("exec sleep 1.5").spawn().unwrap();
    wait_for_name(&child, "sleep");
    child.wait().unwrap();
    let is_it = |row: &Row| {
        number(row, "pid") == u64::from(child.id()) && number(row, "duration_ns") > 1_000_000_000
    };
    let found = events(&mut running, WAITS, is_it);
    assert_eq!(found.len(), 1, "{found:?}");
    let row = &found[0];
    assert!((1_400_000_000..2_500_000_000).contains(&number(row, "duration_ns")), "{row:?}");
    assert!(number(row, "weight_ns") >= number(row, "duration_ns"), "{row:?}");
    assert_eq!(text(row, "state"), "sleeping");
    assert!(text(row, "stack").contains("nanosleep"), "{row:?}");
    if let Some(call) = row.get("syscall") {
        assert!(call.text().contains("nanosleep"), "{row:?}");
    }
}

/// Sleeps for times of its own until a moment, and answers how long it had no CPU.
fn sleep_unevenly(seed: u64, until: Instant) -> Duration {
    let time = |clock| {
        let time = rustix::time::clock_gettime(clock);
        Duration::new(time.tv_sec.cast_unsigned(), time.tv_nsec.try_into().unwrap())
    };
    let (wall, cpu) = (rustix::time::ClockId::Monotonic, rustix::time::ClockId::ThreadCPUTime);
    let (begun, ran) = (time(wall), time(cpu));
    let mut random = seed;
    while Instant::now() < until {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        std::thread::sleep(Duration::from_micros(500 + (random >> 33) % 40_000));
    }
    (time(wall) - begun).saturating_sub(time(cpu) - ran)
}

#[test]
fn what_waits_stand_for_is_the_time_that_threads_had_no_cpu() {
    let Some(mut running) = start(WAITS) else { return };
    let until = Instant::now() + Duration::from_secs(8);
    let off = std::thread::scope(|scope| {
        let name = |seed| std::thread::Builder::new().name(format!("uneven-{seed}"));
        let threads: Vec<_> = (0..32)
            .map(|seed| {
                name(seed).spawn_scoped(scope, move || sleep_unevenly(seed, until)).unwrap()
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum::<Duration>()
    });
    // A read takes out some 100 of them.
    let mut found = Vec::new();
    while let more @ [_, ..] = &rows(&mut running, WAITS, WAITS)[..] {
        found.extend_from_slice(more);
    }
    let lost = running.take_losses();
    assert_eq!((lost.ring_full, lost.suppressed, lost.map_full), (0, 0, 0), "{} rows", found.len());
    let own = u64::from(std::process::id());
    found.retain(|row| number(row, "pid") == own && text(row, "command").starts_with("uneven-"));
    assert!(found.len() >= 30, "{} rows", found.len());
    assert_sum(&found, "weight_ns", off.as_nanos() as f64);
}
