//! A damaged segment costs that segment's damaged blocks and no more, and the query says which.

use nodemon_formats::reader::{SegmentState, SegmentSummary};
use nodemon_formats::segment::{IndexEntry, SegmentReader};
use nodemon_tests::{
    Kind, Piece, Recorder, Setup, Table, ask, chunks_in, copy, find_table, killed_recording,
    read_table, seeded, segments,
};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Tables whose rows are in blocks as soon as they are durable, so that a block that is hit is a row
/// that is gone.
const TABLES: [&str; 4] = ["cpu", "interrupt", "softirq", "memory"];

/// Damages in one recording.
const ROUNDS: usize = 16;

#[test]
fn a_damaged_block_costs_its_rows_alone_and_every_query_names_it() {
    let scratch = tempfile::tempdir().unwrap();
    let dir = killed_recording(scratch.path());
    let whole = TABLES.map(|table| read_table(&dir, table));
    let mut random = seeded("damaged blocks");
    let all = segments(&dir);
    for round in 1..=ROUNDS {
        let damaged = scratch.path().join("damaged");
        copy(&dir, &damaged);
        // The one that was being written when its recorder was killed, and those closed before.
        let segment = if round % 4 == 0 { all.last() } else { random.choice(&all[..]) }.unwrap();
        let hit = random.usize(..TABLES.len());
        let entries = entries(segment, TABLES[hit]);
        let Some(entry) = random.choice(&entries) else { continue };
        let path = damaged.join(segment.path.strip_prefix(&dir).unwrap());
        let mut pieces = chunks_in(&path, Kind::Block);
        pieces.retain(|piece| piece.id == entry.id);
        let piece = random.u8(..entry.pieces);
        let copies: Vec<&Piece> = pieces.iter().filter(|found| found.piece == piece).collect();
        assert!(!copies.is_empty(), "round {round}: block {} is not in its file", entry.id);
        copies.iter().for_each(|copy| copy.damage(&path));

        let story = format!(
            "round {round}: block {} of {} ({} samples), piece {piece} of {}, in {} ({:?}) damaged",
            entry.id,
            TABLES[hit],
            entry.rows,
            entry.pieces,
            path.file_name().unwrap().display(),
            segment.state,
        );
        for (at, (name, whole)) in TABLES.iter().zip(&whole).enumerate() {
            let left = read_table(&damaged, name);
            assert_nothing_is_wrong(&left, whole, name, &story);
            let missing = missing_times(&left, whole);
            if at != hit {
                assert_eq!(missing, [] as [i64; 0], "{story}, and {name} lost these rows too");
                continue;
            }
            assert_eq!(missing.len(), entry.rows as usize, "{story}: it lost {missing:?}");
            assert_is_one_stretch(&missing, whole, &story);
            // A segment whose repair stumbled over the damage is searched for blocks. What is not
            // found there cannot be named, only that something may be missing from it.
            let state = segments(&damaged).iter().find(|found| found.path == path).unwrap().state;
            let block = (state != SegmentState::Salvaged).then_some(entry.id);
            assert_is_named(&damaged, name, &path, block, &story);
        }
        std::fs::remove_dir_all(&damaged).unwrap();
    }
}

#[test]
fn a_torn_tail_costs_the_blocks_in_it_alone() {
    let scratch = tempfile::tempdir().unwrap();
    let dir = killed_recording(scratch.path());
    let whole = TABLES.map(|table| read_table(&dir, table));
    let mut random = seeded("torn tail");
    let mut all = segments(&dir);
    // One that was begun when the recorder was killed may hold none yet.
    all.retain(|segment| !chunks_in(&segment.path, Kind::Block).is_empty());
    for round in 1..=6 {
        let torn = scratch.path().join("torn");
        copy(&dir, &torn);
        let segment = if round % 2 == 0 { all.last() } else { random.choice(&all[..]) }.unwrap();
        let path = torn.join(segment.path.strip_prefix(&dir).unwrap());
        let pieces = chunks_in(&path, Kind::Block);
        let schemas = chunks_in(&path, Kind::Schema);
        let descriptions = chunks_in(&path, Kind::Description);
        let clocks = chunks_in(&path, Kind::Clock);
        let copies = chunks_in(&path, Kind::Copies);
        // Through the middle of a block.
        let cut = random.choice(&pieces).unwrap();
        let size = cut.end() - cut.payload / 2;
        File::options().write(true).open(&path).unwrap().set_len(size).unwrap();
        let name = path.file_name().unwrap().to_str().unwrap();
        let story = format!("round {round}: {name} ({:?}) cut at byte {size}", segment.state);

        // A block is readable as long as its pieces, the schema of its table and the description
        // of the segment are, or the copies of those.
        let is_there = |found: &[Piece], id: u64, piece: u8| {
            found.iter().any(|found| (found.id, found.piece) == (id, piece) && found.end() <= size)
        };
        let is_whole = |found: &[Piece], id: u64| {
            let mut of_it = found.iter().filter(|found| found.id == id);
            of_it.all(|piece| is_there(found, id, piece.piece))
        };
        // The copies are in several lists, and which has which is not known here.
        let all_are_left = copies.iter().all(|list| is_whole(&copies, list.id));
        let some_are_left = copies.iter().any(|list| is_whole(&copies, list.id));
        let is_left = |entry: &IndexEntry, has_copies: bool| {
            is_whole(&pieces, entry.id)
                && (has_copies
                    || is_whole(&schemas, u64::from(entry.table)) && is_whole(&descriptions, 0))
        };
        // Without an offset of the clocks, rows are shown by the one before, up to some hundred
        // microseconds beside the time that they had: they are counted then, not compared.
        let has_clocks = clocks.iter().all(|clock| is_whole(&clocks, clock.id));
        let mut lost = 0;
        for (table, whole) in TABLES.iter().zip(&whole) {
            // A table that was begun last may have been in this segment alone.
            let left = find_table(&torn, table).unwrap_or_else(|| whole.without_rows());
            let cut_off = |has_copies: bool| -> usize {
                let entries = entries(segment, table);
                let gone = entries.iter().filter(|entry| !is_left(entry, has_copies));
                gone.map(|entry| entry.rows as usize).sum()
            };
            let (least, most) = (cut_off(some_are_left), cut_off(all_are_left));
            // A commit that the kill cut short is not there as a whole, but its blocks can be found.
            let beside = if has_clocks { 0 } else { 1_000_000 };
            let newest = *whole.times().last().unwrap() + beside;
            let found = left.times().iter().filter(|time| **time <= newest).count();
            let missing = whole.times().len().checked_sub(found);
            assert!(
                missing.is_some_and(|missing| (least..=most).contains(&missing)),
                "{story}: {table} had {} samples and has {found}, {least} to {most} were cut off, \
                 clocks: {has_clocks}; it says {:?}",
                whole.times().len(),
                left.problems
            );
            if has_clocks {
                assert_nothing_is_wrong(&left, whole, table, &story);
            }
            lost += most;
        }
        println!("{story}: {lost} samples of {TABLES:?} were in what was cut off");
        let verified = ask(&torn, &["verify"]);
        assert_eq!(verified.code, Some(4), "{story}: {}{}", verified.out, verified.err);
        let said = verified.out + &verified.err;
        assert!(said.contains(name), "{story}: verify does not name it:\n{said}");
        std::fs::remove_dir_all(&torn).unwrap();
    }
}

#[test]
fn a_segment_of_noise_is_set_aside_and_the_recorder_goes_on() {
    let scratch = tempfile::tempdir().unwrap();
    let dir = killed_recording(scratch.path());
    let mut random = seeded("noise");
    let all = segments(&dir);
    // The newest, which a recorder looks at when it starts, and one in between.
    let hit = [&all[all.len() - 1], &all[random.usize(..all.len() - 1)]];
    for segment in hit {
        let mut noise = vec![0; segment.path.metadata().unwrap().len() as usize];
        random.fill(&mut noise);
        std::fs::write(&segment.path, &noise).unwrap();
    }
    let before = read_table(&dir, "cpu");
    assert!(!before.rows.is_empty(), "the other segments are there");

    let last = *before.times().last().unwrap();
    // A ring in which nothing has to be deleted.
    let mut recorder = Recorder::start(&Setup::new(&dir).every("10ms"));
    recorder.wait_until("new rows can be read", Duration::from_secs(30), |dir| {
        read_table(dir, "cpu").times().last().is_some_and(|time| *time > last)
    });
    recorder.wait_for(Duration::from_secs(2));
    let (status, _, log) = recorder.terminate();
    assert!(status.success(), "the recorder ended with {status}:\n{log}");

    let after = read_table(&dir, "cpu");
    for (row, values) in &before.rows {
        assert_eq!(after.rows.get(row), Some(values), "{row:?} was there before the recorder ran");
    }
    assert!(after.times().last().unwrap() > &last, "nothing new was recorded");
    for arguments in [&["verify"][..], &["range", "-t", "cpu", "-f", "csv"], &["info"]] {
        let answer = ask(&dir, arguments);
        let said = format!("{}{}", answer.out, answer.err);
        if arguments != ["info"] {
            assert_eq!(answer.code, Some(4), "{arguments:?}: {}", answer.err);
        }
        for segment in hit {
            let name = segment.path.file_name().unwrap().to_str().unwrap();
            assert!(said.contains(name), "{arguments:?} does not name {name}:\n{said}");
        }
    }
}

/// The blocks of a table in a segment.
fn entries(segment: &SegmentSummary, table: &str) -> Vec<IndexEntry> {
    let reader = match segment.state {
        SegmentState::Salvaged => panic!("{} is damaged already", segment.path.display()),
        _ => SegmentReader::open(&segment.path).unwrap(),
    };
    let known = reader.schemas().iter().find(|(_, schema)| schema.name == table);
    let Some((number, _)) = known else { return Vec::new() };
    reader.view().unwrap().entries(*number, 0, u64::MAX).unwrap()
}

/// Every row that is left says what it said.
fn assert_nothing_is_wrong(left: &Table, whole: &Table, name: &str, story: &str) {
    let newest = *whole.times().last().unwrap();
    for (row, values) in left.rows.iter().filter(|((time, _), _)| *time <= newest) {
        assert_eq!(whole.rows.get(row), Some(values), "{story}: {name} is wrong at {row:?}");
    }
}

/// Times of samples that are gone, as a whole.
fn missing_times(left: &Table, whole: &Table) -> Vec<i64> {
    let (left, mut missing) = (left.times(), whole.times());
    missing.retain(|time| left.binary_search(time).is_err());
    missing
}

/// What is missing lies together.
fn assert_is_one_stretch(missing: &[i64], whole: &Table, story: &str) {
    let times = whole.times();
    let first = times.binary_search(&missing[0]).unwrap();
    assert_eq!(&times[first..first + missing.len()], missing, "{story}: more than it is missing");
}

/// Every query that needs the block says that it is gone and goes on; a query of something else has
/// nothing to say.
fn assert_is_named(dir: &Path, table: &str, segment: &Path, block: Option<u64>, story: &str) {
    let name = segment.file_name().unwrap().to_str().unwrap();
    let out = PathBuf::from(dir).with_extension("exported");
    let exported = out.to_str().unwrap();
    for arguments in [
        &["verify"][..],
        &["range", "-t", table, "-f", "csv"],
        &["range", "-t", table, "-f", "jsonl"],
        &["range", "-t", table],
        &["export", "-t", table, "-f", "csv", "-o", exported],
    ] {
        let answer = ask(dir, arguments);
        let said = format!("{}{}", answer.out, answer.err);
        assert_eq!(answer.code, Some(4), "{story}: {arguments:?} says {}", answer.err);
        assert!(
            said.contains(name) && block.is_none_or(|id| said.contains(&format!("block {id}:"))),
            "{story}: {arguments:?} does not name it ({block:?}):\n{}\n{}",
            answer.err,
            said.lines().filter(|line| line.contains(name)).collect::<Vec<_>>().join("\n")
        );
    }
    let _ = std::fs::remove_dir_all(&out);
    if block.is_none() {
        return;
    }
    for other in TABLES.iter().filter(|other| **other != table) {
        let answer = ask(dir, &["range", "-t", other, "-f", "csv"]);
        assert_eq!(answer.code, Some(0), "{story}: {other} is whole: {}", answer.err);
    }
}
