//! What was sent and not stored is a counted gap: ticks = samples stored + samples in gaps.

use nodemon_formats::GapCause;
use nodemon_formats::reader::Recording;
use nodemon_tests::{Recorder, Setup, Ticks};
use rustix::process::Signal;
use std::time::Duration;

/// Tables of three sources that the recorder samples itself; what the kernel samples goes on while
/// the recorder stands still, and has its account in the tests of kernels.
const TABLES: [&str; 3] = ["kernel", "load", "memory"];

#[test]
fn every_tick_is_a_stored_sample_or_counted_in_a_gap() {
    let scratch = tempfile::tempdir().unwrap();
    let dir = scratch.path().join("recording");
    let mut recorder = Recorder::start_recording(&Setup::new(&dir).every("10ms"));
    recorder.wait_until("every table has rows", Duration::from_secs(20), |dir| {
        Recording::open(dir)
            .is_ok_and(|recording| TABLES.iter().all(|t| recording.schema(t).is_some()))
    });
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

    for name in TABLES {
        let ticks = Ticks::of(&dir, name);
        println!("{name}: {ticks}");
        ticks.assert_balanced(name);
        let late = ticks.lost(&[GapCause::Late]);
        assert!(
            late >= 3 * 60,
            "3 times 700 ms without the recorder are {late} lost ticks of {name}"
        );
    }
}
