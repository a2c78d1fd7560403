//! Incidents that are made here, and the triggers that they fire.

use nodemon_formats::Value;
use nodemon_formats::reader::Recording;
use nodemon_skip::skip;
use nodemon_tests::{Loops, Recorder, Setup, Table, find_table, read_table, rows_in, wall_now_ns};
use rustix::process::{Signal, geteuid};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

const SECOND_NS: i64 = 1_000_000_000;
/// More tasks than those of other tests that run beside this one.
const MANY: usize = 80;

/// Goes before the recorder's command: whatever else is built or tested here does not delay it.
fn first() -> Vec<String> {
    ["nice", "-n", "-20"].map(str::to_owned).to_vec()
}

/// A recorder with these triggers beside none that is built in.
fn recorder(dir: &Path, only: &str, triggers: &str) -> Recorder {
    let file = dir.with_extension("toml");
    std::fs::write(&file, format!("{}{triggers}", without_built_in())).unwrap();
    let config = file.to_str().unwrap();
    let only = format!("{only},trigger");
    let setup = Setup::new(dir).with(&["-v", "--config", config, "--only", &only]);
    Recorder::start_recording(&setup.within(first()))
}

/// Sections that switch off what is built in.
fn without_built_in() -> String {
    let names = [
        "load",
        "run_queue",
        "psi_cpu",
        "psi_memory",
        "psi_io",
        "threads_blocked",
        "softirq",
        "major_faults",
        "retransmits",
    ];
    names.map(|name| format!("[trigger.{name}]\nenabled = false\n")).concat()
}

/// What fired: when, and the cell of a column.
fn fired(dir: &Path, column: &str) -> Vec<(i64, String)> {
    let Some(table) = find_table(dir, "trigger") else { return Vec::new() };
    let at = table.column(column);
    table.rows.iter().map(|((time, _), row)| (*time, row[at].to_string())).collect()
}

fn number(table: &Table, row: &[Value], column: &str) -> f64 {
    row[table.column(column)].as_f64().expect("it is a number")
}

fn within(times: &[i64], from: i64, to: i64) -> usize {
    times.iter().filter(|time| (from..to).contains(*time)).count()
}

#[test]
fn a_long_run_queue_fires_and_threads_are_looked_at_ten_times_a_second_and_then_once_again() {
    if !geteuid().is_root() {
        return skip!("programs in the kernel take root");
    }
    let _alone = Loops::alone();
    let scratch = tempfile::tempdir().unwrap();
    let dir = scratch.path().join("recording");
    let rule = format!(
        "[trigger.queue]\ntable = \"kernel\"\ncolumn = \"running\"\nabove = {}\ncooldown = \"1h\"\n\
         raises = [\"thread_active\"]\nlasts = \"6s\"\n",
        MANY - 30
    );
    let mut recorder = recorder(&dir, "stat,thread_active", &rule);
    let has_threads = |dir: &Path| rows_in(dir, "thread_active") > 0;
    recorder.wait_until("threads are looked at", Duration::from_secs(40), has_threads);
    recorder.wait_for(Duration::from_secs(4));
    assert_eq!(fired(&dir, "rule"), [], "nothing has happened yet");

    let began = wall_now_ns();
    let loops = Loops::start(MANY);
    let is_there = |dir: &Path| !fired(dir, "rule").is_empty();
    recorder.wait_until("it has fired", Duration::from_secs(20), is_there);
    let visible_ns = wall_now_ns();
    let newest = |dir: &Path| read_table(dir, "kernel").times().last().copied().unwrap_or(0);
    recorder.wait_until("it goes on for some seconds", Duration::from_secs(40), |dir| {
        newest(dir) > fired(dir, "rule")[0].0 + 8 * SECOND_NS
    });
    let pins = Recording::open(&dir).unwrap().pins().unwrap();
    let [pin] = &pins[..] else { panic!("it is pinned once: {pins:?}") };
    assert_eq!(pin.name, "trigger-queue");
    let at = fired(&dir, "rule")[0].0;
    for (what, span, from, to) in
        [("before", at - pin.from, 55, 65), ("after", pin.to - at, 55, 65)]
    {
        let held = (from * SECOND_NS..to * SECOND_NS).contains(&span);
        assert!(held, "{span} ns {what} it fired are pinned");
    }
    drop(loops);
    // It held on, so the last row says when rates are as before.
    let over_ns = |dir: &Path| {
        let until = |(at, ns): &(i64, String)| at + ns.parse::<i64>().expect("a number");
        fired(dir, "raised_ns").iter().map(until).max().expect("it has fired")
    };
    recorder.wait_until("it is over for some seconds", Duration::from_secs(60), |dir| {
        newest(dir) > over_ns(dir) + 7 * SECOND_NS
    });
    let over_ns = over_ns(&dir);
    let (status, _, log) = recorder.terminate();
    assert!(status.success(), "{log}");

    let table = read_table(&dir, "trigger");
    let rows: Vec<_> = table.rows.iter().collect();
    let (fired_ns, row) = (rows[0].0.0, rows[0].1);
    let text = |column: &str| row[table.column(column)].to_string();
    assert_eq!(text("rule"), "queue");
    assert_eq!(
        (text("table"), text("column"), text("instance")),
        ("kernel".into(), "running".into(), String::new())
    );
    assert_eq!((text("raises"), text("unit")), ("thread_active".into(), "count".into()));
    assert!(number(&table, row, "value") > number(&table, row, "threshold"));
    assert_eq!(number(&table, row, "raised_ns"), 6e9);
    assert!(fired_ns > began && visible_ns - fired_ns < 5 * SECOND_NS, "its row was there late");
    let kernel = read_table(&dir, "kernel");
    let decided =
        kernel.rows.iter().find(|(_, row)| number(&kernel, row, "running") > (MANY - 30) as f64);
    let passed_ns = decided.expect("the load was recorded").0.0;
    assert_eq!(passed_ns, fired_ns, "the first sample that shows it decides");
    assert!(
        log.lines().any(|line| line.contains("trigger queue fired: kernel.running is")),
        "{log}"
    );
    // Of 60 s a firing it makes use as long as the load is there.
    let extended: Vec<_> = rows.iter().skip(1).collect();
    assert!(!extended.is_empty() && over_ns <= fired_ns + 60 * SECOND_NS, "{extended:?}");
    assert!(extended.iter().all(|(_, row)| row[table.column("is_extended")] == Value::Bool(true)));

    let threads = read_table(&dir, "thread_active");
    let times = threads.times();
    let first = times.iter().find(|time| **time > fired_ns + SECOND_NS / 50).unwrap() - fired_ns;
    println!(
        "the first sample of the higher rate came {} ms after the one that decided",
        first / 1_000_000
    );
    assert!(
        first < 5 * SECOND_NS / 4,
        "the higher rate came {first} ns after the threshold was passed"
    );
    let fast = within(&times, fired_ns + 5 * SECOND_NS / 4, fired_ns + 21 * SECOND_NS / 4);
    let before = within(&times, fired_ns - 3 * SECOND_NS, fired_ns);
    let after = within(&times, over_ns + SECOND_NS, over_ns + 6 * SECOND_NS);
    assert!((4..=6).contains(&after), "{after} samples in 5 s when it was over");
    assert!((30..=41).contains(&fast), "{fast} samples in 4 s, {before} in 3 s before");
    assert!((1..=4).contains(&before), "{before} samples in the 3 s before");
    assert_eq!(threads.interval_ns, SECOND_NS, "the table is that which it was");
}

#[test]
fn a_rate_is_as_before_once_it_is_over_and_a_source_that_is_off_is_open_for_that_time_alone() {
    if !geteuid().is_root() {
        return skip!("programs in the kernel take root");
    }
    let scratch = tempfile::tempdir().unwrap();
    let dir = scratch.path().join("recording");
    // It fires when somebody marks something: no load has to be made.
    let rule = "[trigger.marked]\ntable = \"mark\"\nraises = [\"stat\", \"timer\"]\nlasts = \"3s\"\n\
                every = \"200ms\"\ncooldown = \"1h\"\n";
    let file = scratch.path().join("nodemon.toml");
    std::fs::write(&file, format!("{}{rule}", without_built_in())).unwrap();
    // Not with `only`, which switches the others off for triggers, too.
    let without = "cpus,process,cgroup,filesystem,vmstat,meminfo,netstat,interrupts,diskstats";
    let setup = Setup::new(&dir).with(&["-v", "--config", file.to_str().unwrap()]);
    let mut recorder = Recorder::start(&setup.with(&["--without", without]).within(first()));
    recorder.wait_until("it records", Duration::from_secs(40), |dir| rows_in(dir, "kernel") >= 3);
    let mark = Command::new(&nodemon_tests::programs().recorder)
        .args(["mark", "--dir"])
        .arg(&dir)
        .arg("now")
        .status();
    assert!(mark.unwrap().success());
    recorder
        .wait_until("it has fired", Duration::from_secs(20), |dir| !fired(dir, "rule").is_empty());
    let (fired_ns, _) = fired(&dir, "rule")[0];
    recorder.wait_until("it is over for some seconds", Duration::from_secs(40), |dir| {
        read_table(dir, "kernel")
            .times()
            .last()
            .is_some_and(|last| *last > fired_ns + 9 * SECOND_NS)
    });
    let (status, _, log) = recorder.terminate();
    assert!(status.success(), "{log}");
    let times = read_table(&dir, "kernel").times();
    let during = within(&times, fired_ns + SECOND_NS, fired_ns + 3 * SECOND_NS);
    // The row is of when it was marked, which is seen up to a second later.
    let after = within(&times, fired_ns + 5 * SECOND_NS, fired_ns + 9 * SECOND_NS);
    assert!((6..=11).contains(&during), "{during} samples in 2 s, {after} in 4 s after");
    assert!((3..=5).contains(&after), "{after} samples in the 4 s after");
    let gaps = nodemon_tests::gaps(&dir, "kernel", fired_ns, fired_ns + 9 * SECOND_NS);
    assert!(gaps.is_empty(), "{gaps:?}");
    let timer = find_table(&dir, "timer").expect("a source that is off was opened").times();
    let open = within(&timer, fired_ns, fired_ns + 5 * SECOND_NS);
    assert!(open >= 5 && open == timer.len(), "{open} samples of {} in its time", timer.len());
}

#[test]
fn a_rule_that_must_hold_does_not_fire_on_a_spike_and_a_cooldown_is_kept() {
    let _alone = Loops::alone();
    let scratch = tempfile::tempdir().unwrap();
    let dir = scratch.path().join("recording");
    let many = MANY - 30;
    let rule = |name: &str, more: &str| {
        format!(
            "[trigger.{name}]\ntable = \"kernel\"\ncolumn = \"running\"\nabove = {many}\n\
             raises = []\nlasts = \"1s\"\n{more}\n"
        )
    };
    let rules = [
        rule("spike", "for = \"0s\"\ncooldown = \"3s\""),
        // A busy machine takes seconds to end the loops of a spike.
        rule("holds", "for = \"12s\"\ncooldown = \"1h\""),
    ];
    let mut recorder = recorder(&dir, "stat", &rules.concat());
    recorder.wait_for(Duration::from_secs(1));
    let names = |dir: &Path| -> Vec<String> {
        fired(dir, "rule").into_iter().map(|(_, name)| name).collect()
    };
    let loops = Loops::start(MANY);
    recorder.wait_until("a spike fires", Duration::from_secs(20), |dir| !names(dir).is_empty());
    drop(loops);
    recorder.wait_for(Duration::from_secs(8));
    assert!(!names(&dir).contains(&"holds".to_owned()), "{:?}", names(&dir));

    let _loops = Loops::start(MANY);
    recorder.wait_until("what holds fires", Duration::from_secs(40), |dir| {
        names(dir).contains(&"holds".to_owned())
    });
    recorder.wait_until("the other has fired again", Duration::from_secs(30), |dir| {
        names(dir).iter().filter(|name| *name == "spike").count() >= 4
    });
    let (status, _, log) = recorder.terminate();
    assert!(status.success(), "{log}");
    let all = fired(&dir, "rule");
    let spikes: Vec<i64> =
        all.iter().filter(|(_, name)| name == "spike").map(|(at, _)| *at).collect();
    let close = spikes.windows(2).find(|pair| pair[1] - pair[0] < 3 * SECOND_NS);
    assert_eq!(close, None, "3 s of cooldown");
    assert_eq!(all.iter().filter(|(_, name)| name == "holds").count(), 1, "{all:?}");
    let held: Vec<_> = fired(&dir, "held_ns");
    let longest = held.iter().map(|(_, ns)| ns.parse::<i64>().unwrap()).max().unwrap();
    assert!((12 * SECOND_NS..16 * SECOND_NS).contains(&longest), "it held for {longest} ns");
}

#[test]
fn rules_change_with_sighup_and_one_that_is_wrong_changes_nothing() {
    let scratch = tempfile::tempdir().unwrap();
    let dir = scratch.path().join("recording");
    let always = |name: &str| {
        format!(
            "[trigger.{name}]\ntable = \"load\"\ncolumn = \"tasks\"\nabove = 1\nraises = []\n\
             cooldown = \"1s\"\nlasts = \"1s\"\n"
        )
    };
    let mut recorder = recorder(&dir, "loadavg", &always("first"));
    let count = |dir: &Path, wanted: &str| {
        fired(dir, "rule").iter().filter(|(_, name)| name == wanted).count()
    };
    let patience = Duration::from_secs(30);
    recorder.wait_until("the first fires", patience, |dir| count(dir, "first") >= 2);
    let file = dir.with_extension("toml");
    let change = |text: &str| {
        std::fs::write(&file, format!("{}{text}", without_built_in())).unwrap();
    };
    change("[trigger.second]\ntable = \"lod\"\nabove = 1\n");
    recorder.signal(Signal::HUP);
    let before = count(&dir, "first");
    recorder.wait_until("the first goes on", patience, |dir| count(dir, "first") >= before + 3);
    assert!(recorder.log().contains("there is no table `lod`; did you mean `load`?"));
    let vain = "[trigger.vain]\ntable = \"memory\"\ncolumn = \"mem_available_bytes\"\nabove = 1\n";
    change(&(always("second") + vain));
    recorder.signal(Signal::HUP);
    recorder.wait_until("the second fires", patience, |dir| count(dir, "second") >= 3);
    let (status, _, log) = recorder.terminate();
    assert!(status.success(), "{log}");
    let why = "trigger vain has no effect: table memory is not recorded";
    assert!(log.contains(why), "{log}");
    let all = fired(&dir, "rule");
    let last = all.iter().rposition(|(_, name)| name == "first").unwrap();
    let next = all.iter().position(|(_, name)| name == "second").unwrap();
    assert!(last < next, "one ends before the other begins: {all:?}");
}
