//! Recordings that are damaged at random, or forged: whatever bytes they have, both programs end in
//! time and in bounded memory, tell in sentences what is damaged, and give no row that was never
//! recorded.
//!
//! `NODEMON_MUTANTS` says how many recordings are damaged, `NODEMON_SEED` how (without it each
//! run is the same), and
//! `NODEMON_MUTANT` looks at one of a run only.

mod commands;
mod judge;
mod mutate;
mod seeds;
mod tree;

use mutate::{Mutation, mutate};
use nodemon_formats::writer::{LEAST_RING_BYTES, RecordingWriter, WriterOptions};
use nodemon_tests::{copy, programs};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Where the child finds its directory.
const SCRATCH: &str = "NODEMON_TEST_DIR";

/// What a process may ask for, KiB.
const ADDRESS_SPACE_KIB: u64 = 1 << 20;

/// What reading may take beside the test itself.
const MOST_BYTES: u64 = 256 << 20;

/// Every so many mutants the programs themselves are asked, and the recorder is started.
const ASKED_EVERY: u64 = 10;
const STARTED_EVERY: u64 = 30;

/// A mutant that takes longer than this hangs.
const PATIENCE: Duration = Duration::from_secs(30);

fn number_of(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().expect("it is a number"))
}

/// The chance of one mutant: the same whichever others are looked at.
fn random_of(seed: u64, number: u64) -> fastrand::Rng {
    fastrand::Rng::with_seed(seed ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15))
}

#[test]
fn whatever_bytes_a_recording_has_nothing_wrong_is_read_and_nothing_breaks() {
    let scratch = tempfile::tempdir().unwrap();
    let seed = number_of("NODEMON_SEED").unwrap_or(1);
    programs();
    let script = format!(
        "ulimit -c 0; ulimit -v {ADDRESS_SPACE_KIB}; exec \"$0\" --exact mutants::child_reads --nocapture"
    );
    let child = Command::new("sh")
        .args(["-c", &script])
        .arg(std::env::current_exe().unwrap())
        .env(SCRATCH, scratch.path())
        .env("NODEMON_SEED", seed.to_string())
        .env("RUST_BACKTRACE", "1")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&child.stdout);
    assert!(
        child.status.success() && said.contains("1 passed"),
        "NODEMON_SEED={seed} NODEMON_MUTANT=<the last one below> repeats it: {}\n{said}\n{}",
        child.status,
        String::from_utf8_lossy(&child.stderr)
    );
    println!("{said}");
}

/// A segment of a seed, as it was.
struct Segment {
    /// Which seed it is of.
    seed: usize,
    /// Its path below the seed.
    path: PathBuf,
    bytes: Vec<u8>,
}

fn segments_below(dir: &Path, seed: usize) -> Vec<Segment> {
    let mut found = Vec::new();
    let mut left = vec![dir.to_owned()];
    while let Some(at) = left.pop() {
        for entry in std::fs::read_dir(at).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                left.push(path);
            } else if path.extension().is_some_and(|extension| extension == "redb") {
                let bytes = std::fs::read(&path).unwrap();
                let path = path.strip_prefix(dir).unwrap().to_owned();
                found.push(Segment { seed, path, bytes });
            }
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

/// Ends the process when a mutant takes too long: what hangs cannot be interrupted.
fn watch() -> &'static AtomicU64 {
    static AT: AtomicU64 = AtomicU64::new(0);
    std::thread::spawn(|| {
        let mut since = (0, Instant::now());
        loop {
            std::thread::sleep(Duration::from_millis(200));
            let at = AT.load(Ordering::Relaxed);
            if at != since.0 || at == u64::MAX {
                since = (at, Instant::now());
            } else if since.1.elapsed() > PATIENCE {
                println!("mutant {} hangs", at / 2);
                std::process::abort();
            }
        }
    });
    &AT
}

/// The most memory that this process ever had, bytes.
fn peak_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() << 10
}

#[test]
fn child_reads() {
    let Some(scratch) = std::env::var_os(SCRATCH).map(PathBuf::from) else { return };
    let seed = number_of("NODEMON_SEED").unwrap();
    let many = number_of("NODEMON_MUTANTS").unwrap_or(300);
    let only = number_of("NODEMON_MUTANT");
    let dirs = seeds::make(&scratch);
    let wholes: Vec<judge::Held> = dirs.iter().map(|dir| judge::whole(dir)).collect();
    let segments: Vec<Segment> =
        dirs.iter().enumerate().flat_map(|(seed, dir)| segments_below(dir, seed)).collect();
    let before = peak_bytes();
    // Whoever builds meanwhile keeps cargo waiting, which is nobody's hanging.
    programs();
    let watched = watch();
    let mut slowest = (Duration::ZERO, 0);
    let mut slowest_start = (Duration::ZERO, 0);
    let mut asked = 0;
    for number in only.map_or(0..many, |only| only..only + 1) {
        watched.store(2 * number, Ordering::Relaxed);
        let mut random = random_of(seed, number);
        let segment = random.choice(&segments).unwrap();
        let other = random.choice(&segments).unwrap();
        let dir = scratch.join("mutant");
        copy(&dirs[segment.seed], &dir);
        let mut bytes = segment.bytes.clone();
        let mutation = mutate(&mut bytes, &other.bytes, &mut random);
        let path = dir.join(&segment.path);
        std::fs::write(&path, &bytes).unwrap();
        let story = format!(
            "NODEMON_MUTANT={number}: {} of {}: {}",
            segment.path.display(),
            dirs[segment.seed].file_name().unwrap().display(),
            mutation.what
        );
        if only.is_some() {
            println!("{story}");
        }
        let start = Instant::now();
        let mut held = judge::Held::default();
        let read = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            judge::read(&dir, &mut held);
            judge::read(&path, &mut held);
        }));
        slowest = slowest.max((start.elapsed(), number));
        assert!(read.is_ok(), "{story}: reading panicked");
        // Of what was put in from elsewhere whole blocks may be found, and their rows are true.
        let of = [&wholes[segment.seed], &wholes[other.seed]];
        assert_honest(&held, of, &mutation, &story);
        assert_eq!(std::fs::read(&path).unwrap(), bytes, "{story}: it was written to");
        // Commands are many, and each has a limit of its own.
        watched.store(u64::MAX, Ordering::Relaxed);
        if number % ASKED_EVERY == 0 {
            asked += commands::ask_everything(&dir, &scratch, &story);
        }
        watched.store(2 * number + 1, Ordering::Relaxed);
        let started = Instant::now();
        let options = WriterOptions::new(4 * LEAST_RING_BYTES);
        drop(RecordingWriter::open(&dir, options));
        slowest_start = slowest_start.max((started.elapsed(), number));
        watched.store(u64::MAX, Ordering::Relaxed);
        if number % STARTED_EVERY == 0 {
            commands::start_recorder(&dir, &story);
        }
        std::fs::remove_dir_all(&dir).unwrap();
    }
    let grown = peak_bytes().saturating_sub(before);
    println!(
        "{many} mutants, {asked} commands; slowest read {:?} (mutant {}), slowest start {:?} (mutant {}); {} MiB more at most",
        slowest.0,
        slowest.1,
        slowest_start.0,
        slowest_start.1,
        grown >> 20
    );
    assert!(grown < MOST_BYTES, "reading took {} MiB", grown >> 20);
    assert!(slowest_start.0 < Duration::from_secs(5), "a writer opened in {slowest_start:?}");
}

/// Nothing is read that was never recorded, what is missing is told, and that in a few sentences.
fn assert_honest(held: &judge::Held, whole: [&judge::Held; 2], mutation: &Mutation, story: &str) {
    if !mutation.is_forged {
        for row in &held.rows {
            assert!(
                whole.iter().any(|whole| whole.rows.contains(row)),
                "{story}: never recorded: {row}"
            );
        }
        for gap in &held.gaps {
            assert!(
                whole.iter().any(|whole| whole.gaps.contains(gap)),
                "{story}: never recorded: {gap}"
            );
        }
    }
    let missing =
        whole[0].rows.iter().filter(|row| !row.contains(" step ") && !held.rows.contains(*row));
    let missing = missing.count();
    assert!(
        missing == 0 || !held.told.is_empty() || mutation.may_be_silent,
        "{story}: {missing} rows are missing, nothing tells"
    );
    for (by, what) in &held.told {
        assert!(!what.chars().any(char::is_control), "{story}: {by} says {what:?}");
    }
}
