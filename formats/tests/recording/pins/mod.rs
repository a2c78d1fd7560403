//! What is pinned stays when the ring has turned past it, within the bound.

mod bound;
mod others;

use crate::fine_rows::{ROWS, SECOND_NS, World, fine_dir, options};
use crate::noise::{LANES, word};
use crate::support::{copy_of, du, everything_of, rows_at, segments_of};
use nodemon_formats::Value;
use nodemon_formats::gap::GapCause;
use nodemon_formats::pin::{self, DIRECTORY, Pin};
use nodemon_formats::reader::{Recording, ScanItem, Verdict};
use nodemon_formats::writer::WriterOptions;
use std::collections::BTreeMap;
use std::fs;
use std::ops::Range;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// So many seconds fill all rings several times.
const TURNS: u64 = 120;

/// Rings of 4 MiB each for fine rows, the others and a tier, of which pins may keep 3.
fn with_pins() -> WriterOptions {
    WriterOptions { pin_size_bytes: 3 << 20, ..options() }
}

/// Pins these seconds of a world.
fn pin(dir: &Path, name: &str, seconds: Range<u64>) -> Pin {
    let ns = |second: u64| i64::try_from((second) * SECOND_NS).unwrap();
    let pin = Pin::new(name, "a test", (ns(seconds.start), ns(seconds.end))).unwrap();
    pin::write(dir, &pin).unwrap();
    pin
}

/// Records seconds, and looks with each at what the directory takes.
fn record(world: &mut World, dir: &Path, seconds: Range<u64>) {
    for second in seconds {
        world.second(second);
        let (du, bound) = (du(dir), options().ring_size_bytes);
        assert!(du <= bound, "du is {du} after second {second}, the ring is {bound}");
    }
}

/// How many rows of noise there are of each second; each that is there is right, and there once.
fn noise(dir: &Path) -> BTreeMap<u64, u64> {
    let recording = Recording::open(dir).unwrap();
    assert!(recording.problems().is_empty(), "{:?}", recording.problems());
    let (mut seconds, mut before) = (BTreeMap::new(), (0, 0));
    for item in recording.scan(everything_of("noise", 2)).unwrap() {
        match item.unwrap() {
            ScanItem::Chunk(chunk) => {
                for (time_ns, keys, values) in (0..chunk.rows()).flat_map(|at| rows_at(&chunk, at))
                {
                    let Value::U64(lane) = keys[0] else { panic!("{keys:?}") };
                    let row = time_ns / 1_000_000 - 1;
                    assert_eq!(values[0], Value::U64(word(row, lane)), "row {row} of lane {lane}");
                    assert!((row + 1, lane) > before, "row {row} of lane {lane} is there twice");
                    before = (row + 1, lane);
                    *seconds.entry(row / ROWS).or_insert(0) += 1;
                }
            }
            // Of what is overwritten.
            ScanItem::Summary(_) => {}
            ScanItem::Problem(problem) => panic!("{problem}"),
        }
    }
    seconds
}

/// The seconds of the slow table, each once.
fn slow(dir: &Path) -> Vec<u64> {
    let recording = Recording::open(dir).unwrap();
    let mut seconds = Vec::new();
    for item in recording.scan(everything_of("slow", 1)).unwrap() {
        if let ScanItem::Chunk(chunk) = item.unwrap() {
            seconds.extend(chunk.boot_times.iter().map(|time_ns| time_ns / SECOND_NS - 1));
        }
    }
    assert!(seconds.is_sorted_by(|a, b| a < b), "a second is there twice: {seconds:?}");
    seconds
}

/// Fails unless all rows of these seconds are there.
fn assert_kept(dir: &Path, seconds: Range<u64>, when: &str) {
    let (noise, slow) = (noise(dir), slow(dir));
    for second in seconds {
        assert_eq!(noise.get(&second), Some(&(ROWS * LANES)), "{when}: noise of second {second}");
        assert!(slow.contains(&second), "{when}: second {second} of the slow table");
    }
}

/// The files below the directory of pins.
fn pinned(dir: &Path) -> Vec<PathBuf> {
    let top = dir.join(DIRECTORY);
    let dirs = ["", "subsecond", "tier-1s"].map(|name| top.join(name));
    dirs.iter().filter(|dir| dir.is_dir()).flat_map(|dir| segments_of(dir)).collect()
}

/// A recording with seconds 10 to 13 pinned, past which its rings have turned.
fn turned(dir: &Path) -> World {
    let mut world = World::open(dir, with_pins());
    record(&mut world, dir, 0..16);
    pin(dir, "early", 10..13);
    record(&mut world, dir, 16..TURNS);
    world
}

#[test]
fn what_is_pinned_is_there_to_the_row_after_the_rings_turned_past_it_and_the_rest_is_gone() {
    let dir = tempfile::tempdir().unwrap();
    let mut world = turned(dir.path());
    let all = noise(dir.path());
    assert_kept(dir.path(), 10..13, "live");
    assert!(!all.contains_key(&0), "the first second: {all:?}");
    assert!((30..50).all(|second| !all.contains_key(&second)), "between pin and ring: {all:?}");
    assert!(all.contains_key(&(TURNS - 1)), "the newest: {all:?}");
    let kept = pinned(dir.path());
    let fine = segments_of(&fine_dir(dir.path()));
    let of_fine = |file: &&PathBuf| file.parent().unwrap().ends_with("subsecond");
    assert!(kept.iter().filter(of_fine).count() > 0, "{kept:?}");
    let is_in_ring = |file: &PathBuf| fine.iter().any(|ring| ring.file_name() == file.file_name());
    assert!(!kept.iter().filter(of_fine).any(is_in_ring), "the ring has not turned: {kept:?}");

    let recording = Recording::open(dir.path()).unwrap();
    let summaries = recording.pins().unwrap();
    assert_eq!((summaries.len(), summaries[0].name.as_str()), (1, "early"));
    assert_eq!(summaries[0].segments as usize, kept.len());
    let damaged = recording.verify().any(|verdict| match verdict {
        Verdict::Segment(verified) => !verified.problems.is_empty(),
        Verdict::Unreadable(_) => true,
    });
    assert!(!damaged, "verify finds damage");
    drop(recording);

    // A copy has other files, and the same in them.
    let copy = copy_of(dir.path());
    assert_kept(copy.path(), 10..13, "a copy");
    assert_eq!(noise(copy.path()), all);
    for file in segments_of(copy.path()).into_iter().chain(segments_of(&fine_dir(copy.path()))) {
        fs::remove_file(file).unwrap();
    }
    assert_kept(copy.path(), 10..13, "with nothing but pins");

    // Pins outlive a run, and the next one keeps within the bound as well.
    world.writer.seal().unwrap();
    drop(world);
    let mut world = World::open(dir.path(), with_pins());
    record(&mut world, dir.path(), TURNS..2 * TURNS);
    assert_kept(dir.path(), 10..13, "after another run");
    assert_eq!(pinned(dir.path()), kept);

    // Unpinned it is gone with the next commit.
    assert_eq!(pin::remove(dir.path(), "early").unwrap(), 1);
    record(&mut world, dir.path(), 2 * TURNS..2 * TURNS + 2);
    assert_eq!(pinned(dir.path()), Vec::<PathBuf>::new());
    assert!(noise(dir.path()).keys().all(|second| *second > 13), "what is not pinned stays");
}

#[test]
fn between_what_is_pinned_and_what_the_ring_has_left_is_a_gap() {
    let dir = tempfile::tempdir().unwrap();
    let ring = WriterOptions { pin_size_bytes: 2 << 20, ..WriterOptions::new(4 << 20) };
    let mut world = World::open(dir.path(), ring.clone());
    (0..10).for_each(|second| world.second(second));
    pin(dir.path(), "early", 5..8);
    for second in 10..100 {
        world.second(second);
        let du = du(dir.path());
        assert!(du <= ring.ring_size_bytes, "du is {du} after second {second}");
    }
    assert_kept(dir.path(), 5..8, "in a single ring");
    let (all, of_slow) = (noise(dir.path()), slow(dir.path()));
    assert!((20..50).all(|second| !all.contains_key(&second)), "{all:?}");
    assert!((20..50).all(|second| !of_slow.contains(&second)), "{of_slow:?}");
    let recording = Recording::open(dir.path()).unwrap();
    let from = recording.pins().unwrap()[0].from;
    let wall = |second: i64| from + (second - 5) * 1_000_000_000;
    for table in [None, Some("noise"), Some("slow")] {
        let gaps = recording.gaps(table, i64::MIN, i64::MAX).unwrap();
        let told: Vec<_> =
            gaps.iter().filter(|gap| gap.gap.cause == GapCause::Overwritten).collect();
        assert_eq!(told.len(), 1, "{gaps:?}");
        let span = (told[0].from, told[0].to);
        assert!(span.0 >= wall(8) && span.0 < wall(20) && span.1 > wall(50), "{span:?} {from}");
        assert_eq!(recording.gaps(table, wall(5), wall(8)).unwrap().len(), 0, "in what is pinned");
    }
}

#[test]
fn segments_that_their_ring_has_are_linked_and_read_once_and_copies_of_both_as_well() {
    let dir = tempfile::tempdir().unwrap();
    let mut world = World::open(dir.path(), with_pins());
    record(&mut world, dir.path(), 0..10);
    pin(dir.path(), "now", 4..25);
    // The future is linked as its segments close.
    record(&mut world, dir.path(), 10..30);
    let linked = pinned(dir.path());
    assert!(linked.len() >= 4, "{linked:?}");
    let links = |path: &PathBuf| path.metadata().unwrap().nlink();
    assert!(linked.iter().all(|path| links(path) == 2), "not links but copies");
    assert!(linked.iter().any(|path| path.parent().unwrap().ends_with("subsecond")), "{linked:?}");
    assert_kept(dir.path(), 4..25, "in both");
    // As where links are not copied as links.
    let copy = tempfile::tempdir().unwrap();
    let copied = std::process::Command::new("cp")
        .args(["-r", "--no-preserve=links"])
        .args([&dir.path().join("."), copy.path()])
        .status();
    assert!(copied.unwrap().success());
    let separate: Vec<PathBuf> = pinned(copy.path());
    assert!(separate.iter().all(|path| links(path) == 1) && separate.len() == linked.len());
    assert_kept(copy.path(), 4..25, "in a copy without links");
    assert_eq!(noise(copy.path()), noise(dir.path()));
}

#[test]
fn a_run_that_was_killed_between_links_is_made_good_by_the_next() {
    let dir = tempfile::tempdir().unwrap();
    let mut world = World::open(dir.path(), with_pins());
    record(&mut world, dir.path(), 0..30);
    pin(dir.path(), "early", 4..12);
    record(&mut world, dir.path(), 30..32);
    let linked = pinned(dir.path());
    assert!(linked.len() >= 4, "{linked:?}");
    // Killed before any of them, behind each, and after the pin was dropped but not its links.
    for count in 0..linked.len() {
        let killed = copy_of(dir.path());
        for gone in &linked[count..] {
            fs::remove_file(killed.path().join(gone.strip_prefix(dir.path()).unwrap())).unwrap();
        }
        let world = World::open(killed.path(), with_pins());
        drop(world);
        assert_eq!(pinned(killed.path()).len(), linked.len(), "{count} links were there");
        assert_kept(killed.path(), 4..12, "after a kill");
    }
    let killed = copy_of(dir.path());
    let file = pin::list(killed.path()).unwrap().remove(0).path;
    pin::drop_pin(&file).unwrap();
    drop(World::open(killed.path(), with_pins()));
    assert_eq!(pinned(killed.path()), Vec::<PathBuf>::new(), "links that nobody wants");
}

#[test]
fn what_is_pinned_while_nobody_records_is_kept_from_the_start_of_the_next_run() {
    let dir = tempfile::tempdir().unwrap();
    let mut world = World::open(dir.path(), with_pins());
    record(&mut world, dir.path(), 0..30);
    world.writer.seal().unwrap();
    drop(world);
    pin(dir.path(), "meanwhile", 20..28);
    let mut world = World::open(dir.path(), with_pins());
    record(&mut world, dir.path(), 30..TURNS);
    assert_kept(dir.path(), 20..28, "pinned between two runs");
    // Numbers of what is pinned are not given to others, though no ring has them.
    world.writer.seal().unwrap();
    drop(world);
    for file in segments_of(dir.path()).into_iter().chain(segments_of(&fine_dir(dir.path()))) {
        fs::remove_file(file).unwrap();
    }
    let mut world = World::open(dir.path(), with_pins());
    record(&mut world, dir.path(), TURNS..TURNS + 20);
    assert_kept(dir.path(), 20..28, "with a ring that begins anew");
    assert!(noise(dir.path()).contains_key(&(TURNS + 19)));
}
