//! The configuration: read, refused, read again.

use super::support::{Running, output, said, times, wall_ns};
use nodemon_formats::GapCause;
use nodemon_formats::reader::{Recording, WallGap};
use nodemon_skip::skip;
use rustix::process::{Signal, geteuid};
use std::path::Path;
use std::process::Command;

fn refused(dir: &Path, text: &str) -> String {
    let file = dir.join("nodemon.toml");
    std::fs::write(&file, text).unwrap();
    let recording = dir.join("recording");
    let run = output(&[
        "run",
        "--config",
        file.to_str().unwrap(),
        "--dir",
        recording.to_str().unwrap(),
        "--for",
        "1s",
    ]);
    assert_eq!(run.status.code(), Some(2), "{text}: {}", said(&run));
    assert!(!recording.exists(), "nothing was created");
    said(&run)
}

#[test]
fn a_wrong_configuration_is_refused_with_the_place_and_what_would_be_right() {
    let scratch = tempfile::tempdir().unwrap();
    let file = scratch.path().join("nodemon.toml");
    for (text, told) in [
        ("ringsize = \"1GiB\"\n", "1:1: there is no key `ringsize`; did you mean `ring_size`?"),
        ("\n[source.diskstat]\n", "2:9: there is no source `diskstat`; did you mean `diskstats`?"),
        ("interval = \"fast\"\n", "1:12: `interval`: `fast` is not a duration"),
        ("ring_size = [\n", "1:"),
    ] {
        let said = refused(scratch.path(), text);
        assert!(said.contains(&format!("{}:{told}", file.display())), "{text}: {said}");
    }
    let missing = output(&["run", "--config", "/no/such/file", "--for", "1s"]);
    assert_eq!(missing.status.code(), Some(2));
    assert!(said(&missing).contains("/no/such/file"), "{}", said(&missing));
}

#[test]
fn a_flag_that_names_no_source_is_refused_with_the_nearest_one() {
    let run = output(&["run", "--source", "cgroups=1s", "--for", "1s"]);
    assert_eq!(run.status.code(), Some(2), "{}", said(&run));
    assert!(said(&run).contains("--source: there is no source `cgroups`"), "{}", said(&run));
    assert!(said(&run).contains("did you mean `cgroup`?"), "{}", said(&run));
}

#[test]
fn the_printed_configuration_is_read_back() {
    let scratch = tempfile::tempdir().unwrap();
    let file = scratch.path().join("nodemon.toml");
    let printed = output(&["config"]);
    assert!(printed.status.success());
    std::fs::write(&file, &printed.stdout).unwrap();
    let dir = scratch.path().join("recording");
    let mut running = Running::start_with(&dir, &["--config", file.to_str().unwrap()]);
    running.wait_until("a row of the kernel", || !times(&dir, "kernel").is_empty());
    let (status, _, said) = running.end(Signal::TERM);
    assert!(status.success(), "{said}");
}

#[test]
fn sighup_changes_cadences_sources_and_the_ring_and_an_error_changes_nothing() {
    let scratch = tempfile::tempdir().unwrap();
    let file = scratch.path().join("nodemon.toml");
    let dir = scratch.path().join("recording");
    let write = |text: &str| std::fs::write(&file, text).unwrap();
    write("only = [\"stat\", \"loadavg\", \"meminfo\"]\nring_size = \"64MiB\"\n");
    // Without a ring size among the flags, which would count more than the file.
    let mut running = Running::start_with(&dir, &["-v", "--config", file.to_str().unwrap()]);
    running.wait_until("two samples", || times(&dir, "load").len() >= 2);

    let changed = wall_ns();
    write(
        "only = [\"stat\", \"meminfo\", \"vmstat\"]\nring_size = \"32MiB\"\n\
         [source.stat]\ninterval = \"20ms\"\n",
    );
    running.signal(Signal::HUP);
    running.wait_until("the new source and the new cadence", || {
        !times(&dir, "vmstat").is_empty() && times(&dir, "kernel").len() > 50
    });

    write("only = [\"meminfo\"]\ncadence = 3\n");
    running.signal(Signal::HUP);
    let before = times(&dir, "kernel").len();
    running.wait_until("it goes on as before", || times(&dir, "kernel").len() > before + 50);
    let (status, _, said) = running.end(Signal::TERM);
    assert!(status.success(), "{said}");

    let told = format!("{}:2:1: there is no key `cadence`", file.display());
    assert!(said.contains(&told) && said.contains("goes on as before"), "{said}");
    assert!(said.contains("the ring takes at most 32.0 MiB now"), "{said}");
    assert!(said.contains("stopped: loadavg; restarted: stat, vmstat"), "{said}");
    let grace = changed + 1_500_000_000;
    assert!(times(&dir, "load").iter().all(|time| *time < grace), "loadavg was switched off");
    let memory = times(&dir, "memory");
    let longest = memory.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap();
    assert!(longest < 1_900_000_000, "meminfo went on all the time: {longest} ns without");
    let recording = Recording::open(&dir).unwrap();
    assert_eq!(recording.table("kernel").unwrap().unwrap().schema.interval_ns, 20_000_000);
    let kernel = times(&dir, "kernel");
    assert!(kernel.iter().filter(|time| **time < changed).count() >= 2, "what was before is kept");
}

/// A network interface, one end of a pair; both go when this is dropped.
struct Interface(String);

impl Interface {
    fn add(name: &str) -> Option<Interface> {
        let ip = |arguments: &[&str]| Command::new("ip").args(arguments).status();
        let added = ip(&["link", "add", name, "type", "veth"]).is_ok_and(|ran| ran.success());
        added.then(|| Interface(name.to_owned()))
    }
}

impl Drop for Interface {
    fn drop(&mut self) {
        let _ = Command::new("ip").args(["link", "del", &self.0]).status();
    }
}

#[test]
fn an_interface_that_comes_later_is_waited_for_and_the_time_until_then_is_a_gap_with_the_reason() {
    let name = format!("nm{}", std::process::id());
    let source = format!("net_traffic=200ms,interface={name}");
    let Some(probe) = Interface::add(&name) else { return skip!("no interfaces") };
    drop(probe);
    let scratch = tempfile::tempdir().unwrap();
    let dir = scratch.path().join("recording");
    let check = output(&["check", "--dir", dir.to_str().unwrap(), "--source", &source]);
    let told = String::from_utf8(check.stdout).unwrap();
    let reason =
        format!("network interface `{name}` does not exist yet; its key `interface` names it");
    assert!(told.contains(&reason), "check does not say it: {told}");

    let mut running =
        Running::start(&dir, &["-q", "--only", "net_traffic,stat", "--source", &source]);
    let _interface = Interface::add(&name).unwrap();
    running.wait_until("the interface is recorded", || !times(&dir, "net_traffic").is_empty());
    let (_, _, said) = running.end(Signal::TERM);
    assert!(said.contains(&format!("WARN source net_traffic failed: {reason}")), "{said}");
    let recording = Recording::open(&dir).unwrap();
    let gaps = recording.gaps(Some("net_traffic"), i64::MIN, i64::MAX).unwrap();
    let told =
        |gap: &WallGap| gap.gap.cause == GapCause::SourceFailed && gap.gap.detail.contains(&reason);
    assert!(gaps.iter().any(told), "no gap says why: {gaps:?}");
    let first = times(&dir, "net_traffic")[0];
    assert!(gaps.iter().any(|gap| gap.to <= first && first - gap.to < 500_000_000), "{gaps:?}");
}

#[test]
fn sighup_names_a_source_that_falls_off_by_the_new_configuration_and_it_is_a_gap() {
    if !geteuid().is_root() {
        return skip!("programs in the kernel take root");
    }
    let scratch = tempfile::tempdir().unwrap();
    let file = scratch.path().join("nodemon.toml");
    let dir = scratch.path().join("recording");
    let only = "only = [\"stat\", \"process_event\"]\n";
    std::fs::write(&file, only).unwrap();
    let mut running = Running::start(&dir, &["--config", file.to_str().unwrap()]);
    let wanted = "[source.process_event]\ncgroup = \"/no/such\"\n";
    std::fs::write(&file, format!("{only}{wanted}")).unwrap();
    running.signal(Signal::HUP);
    let failed = || {
        let gaps = Recording::open(&dir).unwrap().gaps(Some("process_event"), i64::MIN, i64::MAX);
        let gaps = gaps.unwrap_or_default();
        gaps.iter().any(|gap| gap.gap.detail.contains("control group /no/such of version 2"))
    };
    running.wait_until("the gap with its reason", failed);
    let (_, _, said) = running.end(Signal::TERM);
    let told = "restarted: none; enabled but unavailable: process_event";
    assert!(said.contains(told) && said.contains("control group /no/such of version 2"), "{said}");
}
