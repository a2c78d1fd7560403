//! `du` of the recording never exceeds the configured ring, whatever happens.

use nodemon_tests::{ManyMounts, Recorder, Setup, seeded, segments, usage_bytes, why_no_namespace};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// The smallest ring that the recorder accepts.
const RING_BYTES: u64 = 4 << 20;

/// How often the ring is turned over.
const TURNS: u64 = 20;

/// File systems with names of 3.5 KiB that the recorder sees. It writes the names once a second,
/// and no coder makes less than 0.75 of them.
const MOUNTS: usize = 250;

/// Everything at 1 ms fills the ring with 100 to 300 kB a second, whatever the machine; the names add
/// 700 as long as it gets a tenth of a CPU.
const CONFIG: &str = "interval = \"1ms\"\n[source.filesystem]\ninterval = \"1s\"\n";

/// Twenty turns of it without the names at the slowest pace that was seen.
const PATIENCE: Duration = Duration::from_secs(900);

#[test]
fn du_stays_within_a_small_ring_through_twenty_turns() {
    let scratch = tempfile::tempdir().unwrap();
    let dir = scratch.path().join("recording");
    let config = scratch.path().join("nodemon.toml");
    std::fs::write(&config, CONFIG).unwrap();
    let setup = Setup::new(&dir).ring(RING_BYTES).with(&["--config", config.to_str().unwrap()]);
    let setup = match why_no_namespace() {
        None => ManyMounts::new(scratch.path(), MOUNTS, &mut seeded("ring")).seen_by(setup),
        Some(why) => {
            println!("the ring turns slowly, for there are no mounts to fill it with: {why}");
            setup
        }
    };
    let done = AtomicBool::new(false);
    let largest = AtomicU64::new(0);
    let looks = AtomicU64::new(0);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                largest.fetch_max(usage_bytes(&dir), Ordering::Relaxed);
                looks.fetch_add(1, Ordering::Relaxed);
                std::thread::sleep(Duration::from_millis(2));
            }
        });
        let stop = StopOnDrop(&done);
        let mut recorder = Recorder::start_recording(&setup);
        recorder.wait_until("the ring has turned twenty times", PATIENCE, |dir| {
            written_bytes(dir) >= TURNS * RING_BYTES
        });
        let (status, _, log) = recorder.terminate();
        assert!(status.success(), "the recorder ended with {status}:\n{log}");
        drop(stop);
    });
    let (largest, looks) = (largest.into_inner(), looks.into_inner());
    println!("du was {largest} of {RING_BYTES} bytes at most, in {looks} looks");
    assert!(looks > 1000, "du was looked at {looks} times only");
    assert!(largest <= RING_BYTES, "du was {largest} bytes, the ring is {RING_BYTES}");
    assert!(
        largest > RING_BYTES / 2,
        "the ring never filled: du was {largest} bytes at most, the ring is {RING_BYTES}"
    );
}

/// Ends the thread that looks also when the test fails.
struct StopOnDrop<'a>(&'a AtomicBool);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// About how much was written since the start: the number of the newest segment times the mean
/// size of those that were not evicted yet.
fn written_bytes(dir: &Path) -> u64 {
    let segments = segments(dir);
    let newest = segments.iter().map(|segment| segment.number).max().unwrap_or(0);
    let size: u64 = segments.iter().map(|segment| segment.size_bytes).sum();
    newest * size / (segments.len() as u64).max(1)
}
