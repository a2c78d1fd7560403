//! A damaged segment costs that segment's damaged blocks and no more, and the query says which.

use nodemon_formats::reader::{SegmentState, SegmentSummary};
use nodemon_tests::{Table, ask, copy, killed_recording, read_table, seeded, segments};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

const ROUNDS: usize = 12;

/// Tables that are compared row by row.
const TABLES: [&str; 4] = ["cpu", "memory", "disk", "interrupt"];

#[test]
fn noise_inside_a_segment_costs_its_damaged_blocks_and_the_query_names_it() {
    let scratch = tempfile::tempdir().unwrap();
    let dir = killed_recording(scratch.path());
    let whole = TABLES.map(|table| read_table(&dir, table));
    let mut random = seeded("damage");
    let mut hits = 0;
    for round in 1..=ROUNDS {
        let damaged = scratch.path().join(format!("damaged-{round}"));
        copy(&dir, &damaged);
        let segment = sealed_segment(&damaged);
        let name = segment.path.file_name().unwrap().to_str().unwrap();
        let size = segment.path.metadata().unwrap().len();
        let mut noise = vec![0; 16 << 10];
        random.fill(&mut noise);
        // Past the head of the file, so that it is blocks that are hit.
        let at = random.u64(size / 4..size / 4 * 3);
        File::options().write(true).open(&segment.path).unwrap().write_all_at(&noise, at).unwrap();

        let is_hit = is_found(&damaged, name, round);
        hits += usize::from(is_hit);
        let mut missing = 0;
        for (table, whole) in TABLES.iter().zip(&whole) {
            missing += whole.rows.len() - rows_left(&damaged, table, whole, name);
        }
        assert!(
            is_hit || missing == 0,
            "round {round}: rows are gone, and verify says all is well"
        );
        let in_segment: usize =
            whole.iter().map(|table| rows_within(table, segment.span.unwrap())).sum();
        println!("round {round}: {missing} of {in_segment} rows of {name} are gone");
        assert!(
            missing < in_segment,
            "round {round}: 16 KiB of noise at {at} of {size} cost the whole segment {name}"
        );
        std::fs::remove_dir_all(&damaged).unwrap();
    }
    assert!(hits >= 3, "only {hits} of {ROUNDS} times the noise hit anything");
}

/// A segment that was closed in good order and holds many blocks.
fn sealed_segment(dir: &Path) -> SegmentSummary {
    segments(dir)
        .into_iter()
        .find(|segment| segment.state == SegmentState::Sealed && segment.blocks > 20)
        .expect("there is a sealed segment")
}

/// Whether `verify` finds the damage, and then names the segment. A segment has pages that are
/// free, and noise in those costs nothing.
fn is_found(dir: &Path, name: &str, round: usize) -> bool {
    let verified = ask(dir, &["verify"]);
    if verified.code == Some(0) {
        return false;
    }
    let said = format!("{}{}", verified.out, verified.err);
    assert_eq!(verified.code, Some(4), "round {round}: {said}");
    assert!(said.contains(name), "round {round}: verify does not name {name}:\n{said}");
    true
}

/// How many rows of a table are left. None of them has a wrong value, and where one is gone the
/// query says so and names the segment.
fn rows_left(damaged: &Path, name: &str, whole: &Table, segment: &str) -> usize {
    let left = read_table(damaged, name);
    for (row, values) in &left.rows {
        assert_eq!(whole.rows.get(row), Some(values), "a wrong value in {name} at {row:?}");
    }
    if left.rows.len() < whole.rows.len() {
        let range = ask(damaged, &["range", "-t", name, "-f", "csv"]);
        assert_eq!(range.code, Some(4), "rows of {name} are gone: {}", range.err);
        assert!(range.err.contains(segment), "range does not name {segment}:\n{}", range.err);
    }
    left.rows.len()
}

/// How many rows of a table lie in a span.
fn rows_within(table: &Table, span: (i64, i64)) -> usize {
    table.rows.keys().filter(|(time, _)| (span.0..=span.1).contains(time)).count()
}
