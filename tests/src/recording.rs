//! A recording whose recorder ended or was killed, and copies of it.

use crate::{Recorder, Setup, has_rows, segments};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// Makes a recording of several segments in `scratch`, in a small ring, whose recorder was killed. A
/// quiet machine takes a while to fill them.
pub fn killed_recording(scratch: &Path) -> PathBuf {
    let dir = scratch.join("recording");
    let mut recorder = Recorder::start_recording(&Setup::new(&dir).ring(4 << 20).every("1ms"));
    // On a busy machine the first table may have filled segments before the last has a row.
    recorder.wait_until("rows of interrupts can be read", Duration::from_secs(40), |dir| {
        ["interrupt", "softirq"].iter().all(|table| has_rows(dir, table))
    });
    let newest = |dir: &Path| segments(dir).iter().map(|segment| segment.number).max();
    let begun = newest(&dir);
    recorder.wait_until("there are some segments", Duration::from_secs(180), |dir| {
        segments(dir).len() >= 4 && newest(dir) >= begun.map(|number| number + 3)
    });
    recorder.kill();
    dir
}

/// Makes a recording of some seconds in `scratch` whose recorder has ended.
pub fn ended_recording(scratch: &Path) -> PathBuf {
    let dir = scratch.join("recording");
    // Examples ask for stacks too, which are off unless somebody wants them.
    let setup = Setup::new(&dir).with(&["--source", "stack_cpu", "--source", "stack_wait"]);
    let mut recorder = Recorder::start_recording(&setup);
    recorder.wait_for(Duration::from_secs(4));
    let (status, _, log) = recorder.terminate();
    assert!(status.success(), "the recorder ended with {status}:\n{log}");
    dir
}

/// Copies a file or a directory with its modes and times, as `cp -a` does.
pub fn copy(from: &Path, to: &Path) {
    let copied = Command::new("cp").arg("-a").arg(from).arg(to).status().expect("cp can be run");
    assert!(copied.success(), "cannot copy {}", from.display());
}
