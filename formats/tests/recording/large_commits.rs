//! The ring under commits of which two or three fill a fifth of it: what redb makes of a large value
//! takes up to twice its bytes.

use super::noise::{noise, push_noise, word};
use super::support::du;
use nodemon_formats::record::RecordBuilder;
use nodemon_formats::schema::{ColumnType, Schema};
use nodemon_formats::writer::{LEAST_RING_BYTES, RecordingWriter, WriterOptions};
use nodemon_formats::{Gap, GapCause};
use rkyv::util::AlignedVec;

/// Each commit brings this many bytes at most, that no coder makes fewer.
const MOST_BYTES: usize = 760 << 10;

#[test]
fn du_stays_within_the_ring_however_large_the_commits_are() {
    for seed in [1, 2, 3, 4] {
        let dir = tempfile::tempdir().unwrap();
        let options = WriterOptions::new(LEAST_RING_BYTES);
        let mut writer = RecordingWriter::open(dir.path(), options).unwrap();
        let mut schema = Schema::sample("noise", "test", "Noise, once a second").state(
            "noise",
            ColumnType::Bytes,
            "random bytes",
        );
        schema.interval_ns = 1_000_000_000;
        let table = writer.add_table(schema.clone());
        let mut record = RecordBuilder::new(&schema);
        let mut archive = AlignedVec::new();
        // Small blocks of a fast table and gaps become neighbours of the large pieces.
        let small = noise();
        let small_table = writer.add_table(small.clone());
        let mut small_record = RecordBuilder::new(&small);
        let (mut sizes, mut failed) = (Vec::new(), 0);
        for second in 1..=240u64 {
            // Most commits are small, as those are in between which leave small neighbours.
            let most = if word(second, seed + 90).is_multiple_of(3) { MOST_BYTES } else { 4096 };
            let words = word(second, seed) % (most as u64 / 8);
            let bytes: Vec<u8> = (0..words)
                .flat_map(|at| word(seed << 40 | second << 20 | at, 7).to_le_bytes())
                .collect();
            sizes.push(bytes.len());
            record.begin_sample(second * 1_000_000_000);
            record.bytes(&bytes);
            record.end_sample();
            record.finish(table, &mut archive).unwrap();
            writer.push(&archive).unwrap();
            let rows = second * 1000..second * 1000 + word(second, 9) % 40;
            push_noise(&mut writer, &mut small_record, small_table, rows);
            let from_ns = second * 1_000_000_000;
            writer.gap(Gap {
                table: "noise".into(),
                cause: GapCause::Late,
                from_ns,
                to_ns: from_ns + 1,
                lost: 1,
                detail: String::new(),
            });
            let before = du(dir.path());
            // What redb cannot fit into the ring at all becomes a gap; it must stay a rare one.
            if let Err(why) = writer.commit() {
                assert!(why.to_string().contains("larger than what the ring can hold"), "{why}");
                failed += 1;
            }
            let after = du(dir.path());
            assert!(
                after <= LEAST_RING_BYTES,
                "seed {seed}, second {second}: du went from {before} to {after} of \
                 {LEAST_RING_BYTES} bytes; the last commits brought {:?} bytes",
                &sizes[sizes.len().saturating_sub(4)..]
            );
        }
        let stats = writer.stats();
        assert_eq!(stats.samples_in, stats.samples_stored + stats.samples_lost, "seed {seed}");
        assert!(failed <= 5, "seed {seed}: {failed} of 240 commits did not fit");
        assert!(writer.stats().evicted > 20, "seed {seed}: the ring did not turn");
    }
}
