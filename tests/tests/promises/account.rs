//! What was sent and not stored is a counted gap: ticks = samples stored + samples in gaps.

use nodemon_tests::{Recorder, Setup, gaps, read_table};
use rustix::process::Signal;
use std::time::Duration;

#[test]
fn every_tick_is_a_stored_sample_or_counted_in_a_gap() {
    let scratch = tempfile::tempdir().unwrap();
    let dir = scratch.path().join("recording");
    let mut recorder = Recorder::start_recording(&Setup::new(&dir).every("10ms"));
    // A recorder that is stopped cannot sample: its ticks go by and must be counted.
    for _ in 0..3 {
        recorder.signal(Signal::STOP);
        std::thread::sleep(Duration::from_millis(700));
        recorder.signal(Signal::CONT);
        std::thread::sleep(Duration::from_millis(600));
    }
    assert!(recorder.is_running());
    let (status, _, log) = recorder.terminate();
    assert!(status.success(), "the recorder ended with {status}:\n{log}");

    for name in ["cpu", "load", "memory"] {
        let table = read_table(&dir, name);
        let times = table.times();
        let (first, last) = (times[0], times[times.len() - 1]);
        let due = (last - first + table.interval_ns / 2) / table.interval_ns + 1;
        let gaps = gaps(&dir, name, first, last);
        let lost: u64 = gaps.iter().map(|gap| gap.gap.lost).sum();
        println!("{name}: {due} ticks, {} stored, {lost} in {} gaps", times.len(), gaps.len());
        assert!(lost >= 3 * 60, "{name}: 3 times 700 ms of SIGSTOP left {lost} samples in gaps");
        let counted = times.len() as i64 + lost.cast_signed();
        // The first and the last tick may each fall on either side of their boundary.
        assert!(
            (counted - due).abs() <= 2,
            "{name}: {due} ticks were due, {} are stored and {lost} in gaps: {gaps:?}",
            times.len()
        );
    }
}
