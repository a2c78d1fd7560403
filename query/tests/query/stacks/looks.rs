//! What a sample of threads stands for, where a trigger had it taken more often.

use super::recorded::cell;
use crate::support::{SECOND_NS, ask, first_boot_time};
use nodemon_formats::record::RecordBuilder;
use nodemon_formats::writer::{RecordingWriter, WriterOptions};
use nodemon_formats::{ColumnType, Schema};

#[test]
fn samples_that_come_more_often_for_a_while_stand_for_less() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("recording");
    let mut schema = Schema::sample("thread_active", "threads", "What threads were doing")
        .key("tid", ColumnType::U64, "of the thread")
        .state("stack", ColumnType::Stack, "where it was");
    schema.interval_ns = SECOND_NS;
    let mut writer = RecordingWriter::open(&dir, WriterOptions::new(16 << 20)).unwrap();
    let number = writer.add_table(schema.clone());
    let mut record = RecordBuilder::new(&schema);
    let start_ns = first_boot_time();
    // Ten seconds, ten more with ten samples in each, and ten.
    let tenths = (0..300u64).filter(|tenth| tenth % 10 == 0 || (100..200).contains(tenth));
    for tenth in tenths {
        record.begin_sample(start_ns + tenth * SECOND_NS / 10);
        for tid in 1..=2 {
            // One is there all the time, the other in every other sample of the ten in a second.
            if tid == 1 || tenth % 2 == 1 {
                record.instance(|key| key.u64(tid));
                record.stack(&cell(if tid == 1 { "always" } else { "often" }));
            }
        }
        record.end_sample();
    }
    let mut archive = rkyv::util::AlignedVec::new();
    record.finish(number, &mut archive).unwrap();
    writer.push(&archive).unwrap();
    writer.close().unwrap();
    let said = ask(&dir, &["stacks", "-t", "thread_active", "--from", "start", "-f", "folded"]);
    let weight = |name: &str| {
        let line = said.out.lines().find(|line| line.starts_with(name));
        line.and_then(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).unwrap_or(0)
    };
    let tenths = |name: &str| weight(name) / (SECOND_NS / 10);
    // 10 s, 10 s in tenths, of which the first is a whole second after the one before, and 10 s more
    // of which the first comes 100 ms after the last of the tenths.
    let all = tenths("always");
    assert!((290..=310).contains(&all), "{all} tenths of 300: {}{}", said.out, said.err);
    assert_eq!(tenths("often"), 50, "{}", said.out);
}
