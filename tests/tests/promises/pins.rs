//! What is pinned is there in full when the ring has turned past it, within the ring's bound, and
//! whatever becomes of the recorder meanwhile.

use nodemon_formats::Value;
use nodemon_formats::pin::DIRECTORY;
use nodemon_formats::reader::{PinSummary, Recording};
use nodemon_skip::skip;
use nodemon_tests::{
    Mount, Recorder, Setup, ask, ask_ok, copy, find_table, gaps, programs, read_table, seeded,
    segments, usage_bytes, why_no_mounts,
};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

/// Turns in some tens of seconds when everything is sampled at 1 ms. A segment takes 850 kB then: of
/// the smallest ring, 4 MiB, pins could keep no three.
const RING_BYTES: u64 = 8 << 20;

/// A quiet machine takes a while to fill it.
const PATIENCE: Duration = Duration::from_secs(240);

type Rows = BTreeMap<(i64, String), Vec<Value>>;

/// A small ring of which pins may keep half.
fn setup(scratch: &Path) -> Setup {
    let config = scratch.join("nodemon.toml");
    // What other tests do would be pinned, too.
    std::fs::write(&config, "pin_size = \"50%\"\nwithout = [\"trigger\"]\n").unwrap();
    let config = config.to_str().unwrap().to_owned();
    Setup::new(&scratch.join("recording"))
        .ring(RING_BYTES)
        .every("1ms")
        .with(&["--config", &config])
}

fn command(dir: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(&programs().recorder);
    command.args(arguments).arg("--dir").arg(dir).output().unwrap()
}

fn command_ok(dir: &Path, arguments: &[&str]) -> String {
    let output = command(dir, arguments);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{arguments:?}: {}: {told}", output.status);
    String::from_utf8(output.stdout).unwrap()
}

fn pins(dir: &Path) -> Vec<PinSummary> {
    Recording::open(dir).unwrap().pins().unwrap()
}

/// The rows of a table within the span of a pin.
fn rows_in(dir: &Path, table: &str, pin: &PinSummary) -> Rows {
    let mut rows = find_table(dir, table).map(|table| table.rows).unwrap_or_default();
    rows.retain(|(time, _), _| (pin.from..pin.to).contains(time));
    rows
}

/// The files that are pinned, and the number of the oldest segment that the ring itself has.
fn linked(dir: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir.join(DIRECTORY)).into_iter().flatten().flatten();
    let paths = entries.map(|entry| entry.path());
    paths.filter(|path| path.extension().is_some_and(|extension| extension == "redb")).collect()
}

fn oldest_in_ring(dir: &Path) -> u64 {
    let in_ring = segments(dir).into_iter().filter(|segment| segment.path.parent() == Some(dir));
    in_ring.map(|segment| segment.number).min().unwrap_or(0)
}

fn newest(dir: &Path) -> u64 {
    segments(dir).iter().map(|segment| segment.number).max().unwrap_or(0)
}

/// Waits until the ring has turned so often, `du` of which never passes its bound.
fn turn(recorder: &mut Recorder, dir: &Path, times: u64) {
    // A ring holds sixteen segments at least.
    let until = newest(dir) + times * 16;
    recorder.wait_until("the ring has turned", PATIENCE, |dir| {
        let (du, _) = usage_bytes(dir);
        assert!(du <= RING_BYTES, "du was {du} bytes, the ring is {RING_BYTES}");
        oldest_in_ring(dir) >= until
    });
}

#[test]
fn a_pinned_span_is_there_to_the_row_after_the_ring_turned_past_it() {
    let scratch = tempfile::tempdir().unwrap();
    let setup = setup(scratch.path());
    let dir = setup.dir.clone();
    let mut recorder = Recorder::start_recording(&setup);
    recorder.wait_for(Duration::from_secs(4));
    let told = command_ok(&dir, &["pin", "slow", "--from", "-2s", "--text", "two users"]);
    assert!(told.starts_with("pinned slow: "), "{told}");
    let pin = pins(&dir).remove(0);
    let tables = ["cpu", "softirq", "load"];
    // What was sampled at the very end may not be durable yet.
    recorder.wait_until("all of the span is durable", Duration::from_secs(20), |dir| {
        nodemon_tests::span(dir).is_some_and(|(_, last)| last > pin.to + 1_500_000_000)
    });
    let before: Vec<Rows> = tables.iter().map(|table| rows_in(&dir, table, &pin)).collect();
    assert!(before.iter().all(|rows| !rows.is_empty()), "{:?}", before.iter().map(Rows::len));
    let kept = |when: &str, log: &str| {
        for (table, before) in tables.iter().zip(&before) {
            let now = rows_in(&dir, table, &pin);
            let (has, had) = (now.len(), before.len());
            let pinned = linked(&dir);
            assert!(now == *before, "{when}: {has} of {had} rows of {table}; {pinned:?}\n{log}");
        }
    };
    turn(&mut recorder, &dir, 2);
    kept("after two turns", &recorder.log());
    assert!(recorder.log().contains("pin slow: its span is kept"), "{}", recorder.log());
    let times = read_table(&dir, "cpu").times();
    assert!(times[0] > pin.from - 10_000_000_000, "what is before the pin is gone");
    let hole = times.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap();
    assert!(hole > 2_000_000_000, "what is between pin and ring is gone: {hole} ns at most");
    let overwritten = gaps(&dir, "cpu", i64::MIN, i64::MAX);
    let overwritten = overwritten.iter().any(|gap| gap.gap.cause.phrase().contains("overwritten"));
    assert!(overwritten, "a hole of which nothing tells");

    // Killed, and started again.
    let log = recorder.kill();
    kept("after a kill", &log);
    let mut recorder = Recorder::start_recording(&setup);
    turn(&mut recorder, &dir, 1);
    kept("after another run", &recorder.log());
    let info = ask_ok(&dir, &["info"]);
    let line = info.lines().find(|line| line.starts_with("pin ")).unwrap_or_default();
    assert!(line.contains("slow: ") && line.contains("; two users"), "{info}");
    let by_name = ask_ok(&dir, &["range", "--pin", "slow", "-t", "load", "-f", "csv"]);
    let at = |ns: i64| format!("@{}.{:09}", ns / 1_000_000_000, ns % 1_000_000_000);
    let (from, to) = (at(pin.from), at(pin.to));
    let span: [&str; 9] = ["range", "--from", &from, "--to", &to, "-t", "load", "-f", "csv"];
    assert!(by_name == ask_ok(&dir, &span), "--pin is not the span of the pin");
    assert!(by_name.lines().count() > before[2].len(), "{by_name}");
    let wrong = ask(&dir, &["range", "--pin", "nothing", "-t", "load"]);
    assert!(wrong.code == Some(3) && wrong.err.contains("called slow"), "{wrong:?}");

    // A copy is a recording, also where links have become files.
    let laptop = scratch.path().join("laptop");
    copy(&dir, &laptop);
    ask_ok(&laptop, &["verify"]);
    assert!(rows_in(&laptop, "cpu", &pin) == before[0], "a copy says something else");

    // Its room is the ring's again.
    assert!(!linked(&dir).is_empty());
    command_ok(&dir, &["unpin", "slow"]);
    recorder.wait_until("the links are gone", Duration::from_secs(20), |dir| {
        linked(dir).is_empty() && rows_in(dir, "cpu", &pin).is_empty()
    });
    let (status, _, log) = recorder.terminate();
    assert!(status.success(), "{status}:\n{log}");
}

#[test]
fn pins_outlive_a_recorder_that_is_killed_at_any_instant() {
    let scratch = tempfile::tempdir().unwrap();
    let setup = setup(scratch.path());
    let dir = setup.dir.clone();
    let mut random = seeded("pins");
    let mut kept: Option<(PinSummary, Rows)> = None;
    for round in 0..5 {
        let mut recorder = Recorder::start_recording(&setup);
        if kept.is_none() {
            recorder.wait_for(Duration::from_secs(3));
            command_ok(&dir, &["pin", "first", "--from", "-1s"]);
            let pin = pins(&dir).remove(0);
            recorder.wait_until("the span is durable", Duration::from_secs(20), |dir| {
                nodemon_tests::span(dir).is_some_and(|(_, last)| last > pin.to + 1_500_000_000)
            });
            let rows = rows_in(&dir, "softirq", &pin);
            assert!(!rows.is_empty());
            kept = Some((pin, rows));
        }
        let begun = newest(&dir);
        recorder.wait_until("a segment was closed", PATIENCE, |dir| newest(dir) > begun + 1);
        // About when the segment that was closed is linked, or not yet.
        command_ok(&dir, &["pin", &format!("round-{round}"), "--from", "-1s", "--to", "+1s"]);
        std::thread::sleep(Duration::from_millis(random.u64(0..1500)));
        recorder.kill();
        let (du, _) = usage_bytes(&dir);
        assert!(du <= RING_BYTES, "round {round}: du is {du}, the ring is {RING_BYTES}");
        let (pin, rows) = kept.as_ref().unwrap();
        let now = rows_in(&dir, "softirq", pin);
        assert!(now == *rows, "round {round}: {} of {} rows", now.len(), rows.len());
        command_ok(&dir, &["unpin", &format!("round-{round}")]);
    }
    let all = pins(&dir);
    assert!(all.len() == 1 && all[0].segments > 0, "{all:?}");
}

#[test]
fn what_cannot_be_pinned_is_refused_with_the_reason() {
    let scratch = tempfile::tempdir().unwrap();
    let dir = scratch.path().join("recording");
    let told = |arguments: &[&str]| {
        let output = command(&dir, arguments);
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (code, why) = told(&["pin", "x"]);
    assert!(code == Some(1) && why.contains("there is no recording at"), "{code:?} {why}");
    std::fs::create_dir(&dir).unwrap();
    for (arguments, code, why) in [
        (&["pin", "a/b"][..], 2, "cannot be the name of a pin"),
        (&["pin", "x", "--from", "5m"], 2, "five minutes ago"),
        (&["pin", "x", "--from", "now", "--to", "-1m"], 2, "ends before it starts"),
        (&["pin", "x", "--list"], 2, "cannot be used with"),
        (&["pin", "x"], 1, "holds no segment of a recording"),
        (&["unpin", "x"], 1, "nothing is pinned"),
    ] {
        let (got, told) = told(arguments);
        assert!(got == Some(code) && told.contains(why), "{arguments:?}: {got:?} {told}");
    }
    std::fs::set_permissions(&dir, std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
    let (code, why) = told(&["pin", "x"]);
    assert!(code == Some(1) && why.contains("pin with --trust-directory"), "{code:?} {why}");
    assert!(!dir.join(DIRECTORY).exists());
}

#[test]
fn where_the_pins_are_on_another_file_system_that_is_told_and_nothing_is_copied() {
    if let Some(why) = why_no_mounts() {
        skip!("{why}");
        return;
    }
    let scratch = tempfile::tempdir().unwrap();
    let setup = setup(scratch.path());
    let dir = setup.dir.clone();
    std::fs::create_dir_all(&dir).unwrap();
    let _mount = Mount::tmpfs(&dir.join(DIRECTORY), 16 << 20);
    let mut recorder = Recorder::start_recording(&setup);
    command_ok(&dir, &["pin", "x", "--from", "-10s", "--to", "+60s"]);
    command_ok(&dir, &["pin", "two", "--from", "-10s"]);
    command_ok(&dir, &["pin", "two", "--from", "-20s"]);
    let unpinned = command_ok(&dir, &["unpin", "two"]);
    assert_eq!(unpinned, "unpinned two: 2 pins had that name\n");
    recorder.wait_until("a segment was closed", PATIENCE, |dir| newest(dir) >= 3);
    let told = |log: &str| log.matches("makes no hard link").count();
    let log = std::cell::RefCell::new(String::new());
    for _ in 0..200 {
        *log.borrow_mut() = recorder.log();
        if told(&log.borrow()) > 0 {
            break;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(told(&log.borrow()) > 0, "nothing is told: {}", log.borrow());
    assert_eq!(linked(&dir), Vec::<PathBuf>::new(), "it was copied");
    let (status, _, log) = recorder.terminate();
    assert!(status.success(), "{status}:\n{log}");
}

#[test]
fn a_span_of_which_nothing_is_recorded_is_pinned_with_a_warning() {
    let scratch = tempfile::tempdir().unwrap();
    let dir = scratch.path().join("recording");
    let mut recorder = Recorder::start_recording(&Setup::new(&dir).with(&["--only", "loadavg"]));
    recorder.wait_until("there are rows", Duration::from_secs(20), |dir| {
        nodemon_tests::span(dir).is_some()
    });
    let warning = |arguments: &[&str]| {
        let output = command(&dir, arguments);
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    assert_eq!(warning(&["pin", "now", "--from", "-1s", "--to", "+1s"]), "");
    let before =
        warning(&["pin", "before", "--from", "2024-02-01 10:00", "--to", "2024-02-01 11:00"]);
    assert!(before.contains("that is before all that is recorded"), "{before}");
    assert!(recorder.terminate().0.success());
    let after = warning(&["pin", "after", "--from", "+1h", "--to", "+2h"]);
    assert!(after.contains("nobody records now"), "{after}");
    let names: Vec<_> = pins(&dir).into_iter().map(|pin| pin.name).collect();
    assert_eq!(names, ["now", "before", "after"]);
}
