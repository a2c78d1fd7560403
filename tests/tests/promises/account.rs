//! What was sent and not stored is a counted gap: ticks = samples stored + samples in gaps.

use super::hang::Culprits;
use nodemon_formats::GapCause;
use nodemon_formats::reader::{Recording, WallGap};
use nodemon_tests::{Recorder, Setup, Ticks, ask_ok, has_rows, rows_in, why_no_fuse};
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
    recorder.wait_until("every table has some rows", Duration::from_secs(20), |dir| {
        // The account begins with a sample at a deadline, which the first of a source is not.
        TABLES.iter().all(|table| rows_in(dir, table) >= 10)
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
        let ticks = Ticks::of_table(&dir, name);
        println!("{name}: {ticks}");
        ticks.assert_balanced(name);
        let late = ticks.lost(&[GapCause::Late]);
        assert!(
            late >= 3 * 60,
            "3 times 700 ms without the recorder are {late} lost ticks of {name}"
        );
    }
}

/// Whatever makes it lose samples: it is stopped, a file server does not answer and locks a process
/// up, and so little may wait for the disk that records find no room.
#[test]
fn the_recorders_last_line_info_and_verify_agree_on_what_was_lost_to_the_sample() {
    let scratch = tempfile::tempdir().unwrap();
    let dir = scratch.path().join("recording");
    let hang = || Culprits::start(&scratch.path().join("hung"));
    let _hung = if why_no_fuse().is_none() { Some(hang()) } else { None };
    let setup = Setup::new(&dir).with(&["--queue-size", "64KiB", "--source", "filesystem=1s"]);
    // A sample of many processes never finds room.
    let mut recorder = Recorder::start(&setup);
    recorder.wait_until("rows can be read", Duration::from_secs(40), |dir| {
        ["cpu", "memory"].iter().all(|table| has_rows(dir, table))
    });
    recorder.wait_for(Duration::from_secs(2));
    recorder.signal(Signal::STOP);
    std::thread::sleep(Duration::from_secs(3));
    recorder.signal(Signal::CONT);
    recorder.wait_for(Duration::from_secs(8));
    let (status, _, log) = recorder.terminate();
    assert!(status.success(), "the recorder ended with {status}:\n{log}");

    let last = log.lines().rfind(|line| line.contains(" samples lost")).unwrap();
    let told = number_before(last, " samples lost");
    let info = ask_ok(&dir, &["info"]);
    let line = info.lines().find_map(|line| line.strip_prefix("lost ")).unwrap();
    assert_eq!(number_before(line, " sample"), told, "{last}\n{info}");
    let verify = ask_ok(&dir, &["verify"]);
    let line = verify.lines().last().unwrap();
    assert_eq!(number_before(line.rsplit(", ").next().unwrap(), " sample"), told, "{line}");
    let all = Recording::open(&dir).unwrap().gaps(None, i64::MIN, i64::MAX).unwrap();
    let is_loss = |gap: &&WallGap| !gap.gap.is_of_start();
    assert_eq!(all.iter().filter(is_loss).map(|gap| gap.gap.lost).sum::<u64>(), told);
    for cause in [GapCause::Late, GapCause::QueueFull] {
        let lost: u64 =
            all.iter().filter(|gap| gap.gap.cause == cause).map(|gap| gap.gap.lost).sum();
        println!("{lost} samples: {}", cause.phrase());
    }
    println!("{told} samples lost, by all accounts; {}", line.trim());
    assert!(told >= 10, "little was lost: {info}");
}

/// The number that stands before `word`; its thousands may stand apart.
fn number_before(text: &str, word: &str) -> u64 {
    let (before, _) = text.split_once(word).unwrap_or_else(|| panic!("no {word:?} in {text}"));
    let digits: String = before
        .chars()
        .rev()
        .take_while(|c| c.is_ascii_digit() || *c == ' ')
        .filter(char::is_ascii_digit)
        .collect();
    digits.chars().rev().collect::<String>().parse().unwrap()
}
