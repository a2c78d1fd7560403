//! The recorder on this host: fed by the eBPF timer, and where it may not be, by `/proc`.

use crate::machine::skip;
use crate::stat::{assert_steps, read_at_second};
use crate::table::{Cpus, MS};
use crate::turns::Turn;
use nodemon_tests::{Recorder, Setup, ask_ok, programs, wall_now_ns};
use rustix::fs::{Mode, chmod, chown};
use rustix::process::{Gid, Uid, geteuid};
use std::path::Path;
use std::process::Command;

/// Seconds that are compared with `/proc/stat`.
const SECONDS: usize = 6;
/// The longest tick of a kernel: CONFIG_HZ is 100 at least.
const TICK_NS: i64 = 10 * MS;
/// A user that owns nothing.
const NOBODY: u32 = 65534;

/// What `nodemon-recorder check` says of the source of `cpu`, in one line.
fn check(command: &mut Command, arguments: &[&str]) -> String {
    let output = command.arg("check").args(arguments).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let lines = text.lines().skip_while(|line| !line.starts_with("  cpus "));
    let of_cpus = lines.enumerate().take_while(|(at, line)| *at == 0 || line.starts_with("    "));
    let line: Vec<&str> = of_cpus.map(|(_, line)| line.trim()).collect();
    assert!(!line.is_empty(), "check says nothing of cpus: {text}");
    line.join("; ")
}

#[test]
fn the_ebpf_timer_feeds_a_recording_on_this_host() {
    let _turn = Turn::of_host();
    const TEST: &str = "the eBPF timer on this host";
    if !geteuid().is_root() {
        return skip(TEST, "only root may load eBPF programs");
    }
    let scratch = tempfile::tempdir().unwrap();
    let dir = scratch.path().join("recording");
    let source = ["--source", "cpus=1ms,feed=ebpf"];
    let dir_of = ["--dir", dir.to_str().unwrap(), "--ring-size", "64MiB"];
    let line = check(&mut Command::new(&programs().recorder), &[&source[..], &dir_of].concat());
    println!("{line}");
    if line.contains("cpus           no") {
        return skip(TEST, &line);
    }
    assert!(line.contains("every 1ms an eBPF timer -> cpu, softirq"), "{line}");

    let mut recorder = Recorder::start_recording(&Setup::new(&dir).with(&source));
    let begun = wall_now_ns();
    let stats: Vec<_> = (0..=SECONDS).map(|_| read_at_second()).collect();
    // The last second must be over in the recording too.
    recorder.wait_until("the last second is recorded", std::time::Duration::from_secs(20), |dir| {
        nodemon_tests::span(dir).is_some_and(|(_, last)| last > stats[SECONDS].after + 100 * MS)
    });
    let (status, _, log) = recorder.terminate();
    assert!(status.success(), "the recorder ended with {status}:\n{log}");

    let tables = ask_ok(&dir, &["tables", "cpu"]);
    assert!(tables.contains("an eBPF timer"), "tables cpu does not say who feeds it:\n{tables}");
    let cpus = Cpus::read(&dir);
    println!("half of the intervals are up to {:.3} ms", cpus.assert_median(begun, i64::MAX));
    println!("{}", cpus.assert_balanced(begun, i64::MAX));
    cpus.assert_sums(begun, i64::MAX, TICK_NS);
    println!("{}", assert_steps(&dir, &cpus, &stats, 2, 0));
}

#[test]
fn a_table_that_was_asked_for_from_proc_has_the_cadence_that_was_asked_for() {
    let _turn = Turn::of_host();
    let scratch = tempfile::tempdir().unwrap();
    let dir = scratch.path().join("recording");
    let source = ["--source", "cpus=20ms,feed=proc"];
    let dir_of = ["--dir", dir.to_str().unwrap(), "--ring-size", "64MiB"];
    let line = check(&mut Command::new(&programs().recorder), &[&source[..], &dir_of].concat());
    assert!(line.contains("every 20ms /proc/stat and /proc/softirqs -> cpu, softirq"), "{line}");
    assert!(!line.contains("not from"), "nothing better was asked for: {line}");

    let mut recorder = Recorder::start_recording(&Setup::new(&dir).with(&source));
    recorder.wait_for(std::time::Duration::from_secs(2));
    recorder.terminate();
    let tables = ask_ok(&dir, &["tables", "cpu"]);
    assert!(
        tables.contains("/proc/stat") && tables.contains("every 20 ms, from /proc/stat"),
        "{tables}"
    );
}

#[test]
fn who_gets_neither_module_nor_ebpf_records_from_proc_and_hears_why() {
    let _turn = Turn::of_host();
    let scratch = tempfile::tempdir().unwrap();
    let home = scratch.path();
    let line = check(&mut ordinary(home), &["--ring-size", "64MiB"]);
    println!("{line}");
    if Path::new("/dev/nodemon").exists() {
        return skip("the fallback to /proc", "the module is loaded here, and may be readable");
    }
    assert!(line.contains("/proc/stat and /proc/softirqs -> cpu, softirq"), "{line}");
    let whys = ["not from the kernel module: ", "not from an eBPF timer: ", "/proc is read every "];
    for why in whys {
        assert!(line.contains(why), "check does not say '{why}': {line}");
    }

    let arguments = ["run", "--only", "cpus", "--for", "4s", "--ring-size", "64MiB"];
    let ran = ordinary(home).args(arguments).output().unwrap();
    let log = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "{log}");
    let dir = home.join(".local/state/nodemon");
    let tables = ask_ok(&dir, &["tables", "cpu"]).split_whitespace().collect::<Vec<_>>().join(" ");
    for why in whys {
        assert!(tables.contains(why), "tables cpu does not say '{why}': {tables}");
    }
    let interval_ns = nodemon_tests::read_table(&dir, "cpu").interval_ns;
    assert!(interval_ns >= 10 * MS, "/proc is read every {interval_ns} ns: {tables}");
}

/// The recorder as a user who owns nothing but `home`.
fn ordinary(home: &Path) -> Command {
    let mut command = Command::new(&programs().recorder);
    if geteuid().is_root() {
        let nobody = NOBODY.to_string();
        // A copy in a place that others may reach. Another process makes it: what this one writes is
        // still open in whatever other tests are just starting, and cannot be run so long.
        let program = home.join("nodemon-recorder");
        if !program.exists() {
            let copied =
                Command::new("cp").arg(&programs().recorder).arg(&program).status().unwrap();
            assert!(copied.success(), "{} cannot be copied", program.display());
        }
        chown(home, Some(Uid::from_raw(NOBODY)), Some(Gid::from_raw(NOBODY))).unwrap();
        chmod(home, Mode::RWXU).unwrap();
        command = Command::new("setpriv");
        command.args(["--reuid", &nobody, "--regid", &nobody, "--clear-groups"]).arg(program);
    }
    for variable in ["NODEMON_DIR", "XDG_STATE_HOME", "XDG_CONFIG_HOME"] {
        command.env_remove(variable);
    }
    command.env("HOME", home);
    command
}
