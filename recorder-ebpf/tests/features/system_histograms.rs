//! How long things took is in the buckets of histograms.

use crate::network_rows::{feature, start, start_with};
use crate::system_rig::{Group, shell};
use nodemon_recorder_ebpf::feature::Show;
use nodemon_recorder_ebpf::load::{Filter, Running, Settings};
use nodemon_recorder_ebpf::names::Names;
use nodemon_skip::skip;
use std::collections::BTreeMap;
use std::ops::Range;
use std::time::{Duration, Instant};

/// What is in a bucket, as `docs/format.md` has it.
fn bounds(bucket: u32) -> Range<u64> {
    let lower = |bucket: u64| match bucket {
        0..8 => bucket,
        _ => (8 + (bucket & 7)) << ((bucket >> 3) - 1),
    };
    lower(bucket.into())..lower(u64::from(bucket) + 1)
}

/// The buckets of a table, by its first key as people see it.
fn buckets(running: &mut Running, name: &str, table_name: &str) -> BTreeMap<(String, u32), u64> {
    let tables = feature(name).tables;
    let at = tables.iter().position(|table| table.name == table_name).unwrap();
    let key = tables[at].keys[0];
    let reader = &mut running.readers()[at];
    let place = reader.layout.keys[0];
    let (mut found, mut names) = (BTreeMap::new(), Names::default());
    reader
        .buckets(|keys, bucket, count| {
            let mut text = Vec::new();
            match key.show {
                Show::Decoded(decode) => decode(&mut names, place.bytes_of(keys), &mut text),
                Show::Named(known) => {
                    text.extend_from_slice(
                        known[key.cell.number(place.bytes_of(keys)) as usize].as_bytes(),
                    );
                }
                _ => panic!("{} is no name", key.name),
            }
            found.insert((String::from_utf8(text).unwrap(), bucket), count);
        })
        .unwrap();
    found
}

/// What is in `now` and was not in `before`.
fn more(
    before: &BTreeMap<(String, u32), u64>,
    now: BTreeMap<(String, u32), u64>,
) -> BTreeMap<(String, u32), u64> {
    let more = now.into_iter().map(|(key, count)| {
        let so_far = before.get(&key).copied().unwrap_or(0);
        (key, count - so_far)
    });
    more.filter(|(_, count)| *count > 0).collect()
}

fn sum(buckets: &BTreeMap<(String, u32), u64>, key: &str) -> u64 {
    buckets.iter().filter(|((of, _), _)| of == key).map(|(_, count)| count).sum()
}

#[test]
fn a_sleep_is_in_the_bucket_of_the_time_that_it_took() {
    const NAME: &str = "syscall_latency";
    let filter = Filter { pid: std::process::id(), ..Filter::default() };
    let settings = Settings { filter, ..Settings::here().unwrap() };
    let Some(mut running) = start_with(NAME, &settings) else { return };
    let mut before = buckets(&mut running, NAME, NAME);
    for micros in [20_000, 60, 333, 1000, 4321, 7777, 12_345, 55_555] {
        let time = Duration::from_micros(micros);
        let begun = Instant::now();
        std::thread::sleep(time);
        let took = begun.elapsed();
        let now = buckets(&mut running, NAME, NAME);
        let came = more(&before, now.clone());
        before = now;
        let is_it = |bucket: u32| {
            let bounds = bounds(bucket);
            bounds.end > time.as_nanos() as u64 && bounds.start <= took.as_nanos() as u64
        };
        let sleeps: Vec<_> = came.keys().filter(|(of, _)| of == "clock_nanosleep").collect();
        assert!(
            sleeps.iter().any(|(_, bucket)| is_it(*bucket)),
            "{time:?}, at most {took:?}: {sleeps:?}"
        );
    }
}

#[test]
fn a_bucket_that_is_taken_out_says_how_often_it_was_hit_at_the_last() {
    const NAME: &str = "syscall_latency";
    let filter = Filter { pid: std::process::id(), ..Filter::default() };
    let settings = Settings { filter, ..Settings::here().unwrap() };
    let Some(mut running) = start_with(NAME, &settings) else { return };
    // A call that nothing else makes here.
    let ask = || assert!(rustix::process::getpriority_process(None).is_ok());
    let buckets_of_it = |running: &mut Running| {
        let mut found = Vec::new();
        let reader = &mut running.readers()[0];
        let mut each = |keys: &[u8], bucket, count| found.push((keys.to_vec(), bucket, count));
        reader.buckets(&mut each).unwrap();
        found.retain(|(keys, ..)| keys[..4] == (libc::SYS_getpriority as u32).to_ne_bytes());
        found
    };
    (0..100).for_each(|_| ask());
    let read = buckets_of_it(&mut running);
    (0..100).for_each(|_| ask());
    let reader = &mut running.readers()[0];
    let mut taken = 0;
    for (keys, bucket, count) in &read {
        let at_last = reader.take_bucket(keys, *bucket).expect("it is there");
        assert!(at_last >= *count, "{at_last} of {count}");
        taken += at_last;
        assert_eq!(reader.take_bucket(keys, *bucket), None, "it is gone");
    }
    let left: u64 = buckets_of_it(&mut running).iter().map(|(.., count)| count).sum();
    assert_eq!(taken + left, 200, "{taken} were taken out, {left} are left");
}

#[test]
fn softirqs_that_ran_had_been_raised() {
    const NAME: &str = "softirq_latency";
    let Some(mut running) = start(NAME) else { return };
    // Softirqs go on while they are read, and before one of both programs was there: so what came since
    // all were is held against what came in a span that begins before it and ends after it.
    let first = buckets(&mut running, NAME, NAME);
    let ran_first = buckets(&mut running, NAME, "softirq_duration");
    let second = buckets(&mut running, NAME, NAME);
    std::thread::sleep(Duration::from_millis(300));
    let third = buckets(&mut running, NAME, NAME);
    let runs = buckets(&mut running, NAME, "softirq_duration");
    let waits = buckets(&mut running, NAME, NAME);
    // On each CPU one may run at that moment, and one had been raised before any program was there.
    let cpus = u64::from(Settings::here().unwrap().cpus);
    for vector in ["timer", "rcu", "sched"] {
        let ran = sum(&runs, vector) - sum(&ran_first, vector);
        let within = sum(&third, vector) - sum(&second, vector);
        let around = sum(&waits, vector) - sum(&first, vector);
        println!("{vector}: {within} waited, {ran} ran around that, {around} waited around that");
        assert!(within <= ran + cpus, "{vector}: {within} waited and only {ran} ran around that");
        assert!(ran <= around + 2 * cpus, "{vector}: {ran} ran and only {around} had waited");
    }
    assert!(sum(&runs, "timer") + sum(&runs, "rcu") + sum(&runs, "sched") > 0);
    let in_an_hour =
        |((_, bucket), _): (&(String, u32), &u64)| bounds(*bucket).start < 3_600_000_000_000;
    assert!(waits.iter().chain(&runs).all(in_an_hour));
}

#[test]
fn a_group_that_is_full_has_to_reclaim_memory_itself() {
    const NAME: &str = "direct_reclaim_latency";
    let Some(mut running) = start(NAME) else { return };
    let Some(mut shrinkers) = start("shrink_latency") else { return };
    let group = match Group::with_memory(16 << 20) {
        Ok(group) => group,
        Err(why) => return skip!("{why}"),
    };
    let file = std::env::temp_dir().join(format!("nodemon-reclaim-{}", std::process::id()));
    let script = format!(
        "echo $$ > {}; dd if=/dev/zero of={at} bs=1M count=64 2>/dev/null; rm {at}",
        group.members().display(),
        at = file.display()
    );
    assert!(shell(&script).status().unwrap().success());
    let reclaims = buckets(&mut running, NAME, NAME);
    assert!(sum(&reclaims, "cgroup") > 0, "{reclaims:?}");
    let shrinks = buckets(&mut shrinkers, "shrink_latency", "shrink_latency");
    let who: std::collections::BTreeSet<_> = shrinks.keys().map(|(who, _)| who).collect();
    println!("shrinkers: {who:?}");
    assert!(who.iter().all(|who| !who.starts_with("0x")), "{who:?}");
}

#[test]
fn a_file_system_in_user_space_that_takes_its_time_to_begin_has_that_in_its_histogram() {
    const NAME: &str = "fuse_latency";
    let Some(mut running) = start(NAME) else { return };
    let directory = std::env::temp_dir().join(format!("nodemon-fuse-{}", std::process::id()));
    let at = directory.display();
    // Answers the first request, init, with an error: 16 bytes, EIO, the number of the request.
    let script = format!(
        "exec 3<>/dev/fuse || exit 77; mkdir {at} {at}/on; \
         mount -i -t fuse -o fd=3,rootmode=40000,user_id=0,group_id=0 nodemon {at}/on || exit 77; \
         dd bs=200k count=1 <&3 >{at}/request; sleep 0.05; \
         {{ printf '\\020\\0\\0\\0\\373\\377\\377\\377'; dd if={at}/request bs=1 skip=8 count=8; }} \
         | dd bs=16 count=1 iflag=fullblock >&3; umount -l {at}/on"
    );
    let output =
        std::process::Command::new("unshare").args(["-m", "sh", "-c", &script]).output().unwrap();
    let _ = std::fs::remove_dir_all(&directory);
    let said = String::from_utf8_lossy(&output.stderr);
    if output.status.code() == Some(77) {
        return skip!("{said}");
    }
    let found = buckets(&mut running, NAME, NAME);
    let is_it = |((of, bucket), _): (&(String, u32), &u64)| {
        of == "init" && bounds(*bucket).end > 50_000_000 && bounds(*bucket).start < 1_000_000_000
    };
    assert!(found.iter().any(is_it), "{found:?}; {said}");
}
