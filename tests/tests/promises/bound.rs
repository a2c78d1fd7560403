//! `du` of the recording never exceeds the configured ring, whatever happens.

use nodemon_tests::{ManyMounts, Recorder, Setup, seeded, segments, usage_bytes, why_no_namespace};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// The smallest ring that the recorder accepts.
const SMALL_RING_BYTES: u64 = 4 << 20;

/// The smallest ring in which fine rows have a ring of their own.
const SPLIT_RING_BYTES: u64 = 32 << 20;

/// File systems with names of 3.5 KiB that the recorder sees. It writes the names once a second,
/// and no coder makes less than 0.75 of them.
const MOUNTS: usize = 250;

/// Everything at 1 ms fills the ring with 100 to 300 kB a second, whatever the machine; the names add
/// 700 as long as it gets a tenth of a CPU.
const CONFIG: &str = "interval = \"1ms\"\n[source.filesystem]\ninterval = \"1s\"\n";

/// Eighty megabytes of it without the names at the slowest pace that was seen.
const PATIENCE: Duration = Duration::from_secs(900);

#[test]
fn du_stays_within_a_small_ring_through_twenty_turns() {
    assert_within(SMALL_RING_BYTES, 20 * SMALL_RING_BYTES);
}

#[test]
fn du_stays_within_a_ring_that_fine_rows_share_with_others() {
    assert_within(SPLIT_RING_BYTES, 2 * SPLIT_RING_BYTES);
}

/// Each of these recorders takes what it gets of a CPU; two at once do not end in time.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// Records until about `enough_bytes` were written, and looks at the directory meanwhile.
fn assert_within(ring_bytes: u64, enough_bytes: u64) {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let scratch = tempfile::tempdir().unwrap();
    let dir = scratch.path().join("recording");
    let config = scratch.path().join("nodemon.toml");
    std::fs::write(&config, CONFIG).unwrap();
    let setup = Setup::new(&dir).ring(ring_bytes).with(&["--config", config.to_str().unwrap()]);
    let setup = match why_no_namespace() {
        None => ManyMounts::new(scratch.path(), MOUNTS, &mut seeded("ring")).seen_by(setup),
        Some(why) => {
            println!("the ring turns slowly, for there are no mounts to fill it with: {why}");
            setup
        }
    };
    let done = AtomicBool::new(false);
    let (largest, largest_of_du) = (AtomicU64::new(0), AtomicU64::new(0));
    let looks = AtomicU64::new(0);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                let (usage, of_du) = usage_bytes(&dir);
                largest.fetch_max(usage, Ordering::Relaxed);
                largest_of_du.fetch_max(of_du, Ordering::Relaxed);
                looks.fetch_add(1, Ordering::Relaxed);
                std::thread::sleep(Duration::from_millis(2));
            }
        });
        let stop = StopOnDrop(&done);
        let mut recorder = Recorder::start_recording(&setup);
        recorder
            .wait_until("the ring has turned", PATIENCE, |dir| written_bytes(dir) >= enough_bytes);
        let (status, _, log) = recorder.terminate();
        assert!(status.success(), "the recorder ended with {status}:\n{log}");
        drop(stop);
    });
    let (largest, looks) = (largest.into_inner(), looks.into_inner());
    let of_du = largest_of_du.into_inner();
    println!("it took {largest} of {ring_bytes} bytes, as du adds up {of_du}, in {looks} looks");
    assert!(looks > 1000, "it was looked at {looks} times only");
    assert!(largest <= ring_bytes, "it took {largest} bytes, the ring is {ring_bytes}");
    assert!(
        largest > ring_bytes / 2,
        "the ring never filled: it took {largest} bytes at most, the ring is {ring_bytes}"
    );
}

/// Ends the thread that looks also when the test fails.
struct StopOnDrop<'a>(&'a AtomicBool);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// About how much was written since the start: of each ring of rows the number of the newest segment
/// times the mean size of those that were not evicted yet.
fn written_bytes(dir: &Path) -> u64 {
    let segments = segments(dir);
    let of_ring = |is_fine: bool| {
        let ring = || segments.iter().filter(|segment| segment.is_fine == is_fine);
        let newest = ring().map(|segment| segment.number).max().unwrap_or(0);
        let size: u64 = ring().map(|segment| segment.size_bytes).sum();
        newest * size / (ring().count() as u64).max(1)
    };
    of_ring(false) + of_ring(true)
}
