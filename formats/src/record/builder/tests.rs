//! Tests of the builder.

#![allow(clippy::unwrap_used)]

use super::RecordBuilder;
use crate::record::RecordView;
use crate::schema::{ColumnType, Schema, unit};
use rkyv::util::AlignedVec;

#[test]
fn the_second_row_of_an_instance_is_left_out_and_no_other() {
    let schema = Schema::sample("disk", "test", "Disks")
        .key("device", ColumnType::U64, "which")
        .counter("reads", unit::COUNT, "how many")
        .counter("writes", unit::COUNT, "how many");
    let mut record = RecordBuilder::new(&schema);
    let samples: [&[u64]; 6] =
        [&[1, 2, 3], &[1, 1, 2, 2, 3], &[3, 2, 3, 1, 1], &[9, 1, 9, 9], &[2, 1, 2, 4], &[4, 4]];
    for (time, devices) in samples.into_iter().enumerate() {
        if time == 4 {
            record.begin_sample(0);
            record.instance(|key| key.u64(2));
            record.absent();
            record.abandon_sample();
        }
        record.begin_sample(time as u64 + 1);
        for (place, device) in devices.iter().enumerate() {
            record.instance(|key| key.u64(*device));
            record.u64(place as u64);
            record.absent();
        }
        record.end_sample();
    }
    assert_eq!(record.repeated_rows(), 2 + 2 + 2 + 1 + 1);
    let mut bytes = AlignedVec::new();
    record.finish(0, &mut bytes).unwrap();
    let view = RecordView::access(&bytes, schema.row_width(), schema.key_width()).unwrap();
    let (rows, ends) = view.row_instances().unwrap();
    let ends: Vec<u32> = ends.iter().map(|end| end.to_native()).collect();
    assert_eq!(ends, [3, 6, 9, 11, 14, 15]);
    let devices: Vec<u64> =
        rows.iter().map(|row| view.keys()[row.to_native() as usize].to_native()).collect();
    assert_eq!(devices, [1, 2, 3, 1, 2, 3, 3, 2, 1, 9, 1, 2, 1, 4, 4]);
    let places: Vec<u64> = view.cells().iter().step_by(2).map(|cell| cell.to_native()).collect();
    assert_eq!(places, [0, 1, 2, 0, 2, 4, 0, 1, 3, 0, 1, 0, 1, 3, 0]);
    assert!((0..15).all(|row| view.is_absent(row, 1) && !view.is_absent(row, 0)));
    assert_eq!(record.rows(), 0, "restarted");
}

#[test]
fn an_event_that_fails_half_way_takes_no_other_event_with_it() {
    let schema = Schema::event("exit", "test", "Processes that ended")
        .key("pid", ColumnType::U64, "which")
        .state("code", ColumnType::U64, "how");
    let mut record = RecordBuilder::new(&schema);
    for pid in 1..=3 {
        record.begin_event(pid * 10);
        record.u64(pid);
        record.u64(0);
        record.end_event();
    }
    assert!(!record.is_open());
    record.begin_event(40);
    record.u64(4);
    assert!(record.is_open(), "begun and not ended");
    record.abandon_sample();
    assert!(!record.is_open());
    assert_eq!((record.samples(), record.rows(), record.span_ns()), (3, 3, Some((10, 30))));

    let mut bytes = AlignedVec::new();
    record.finish(0, &mut bytes).unwrap();
    let view = RecordView::access(&bytes, schema.row_width(), schema.key_width()).unwrap();
    let cells: Vec<u64> = view.cells().iter().map(|cell| cell.to_native()).collect();
    assert_eq!(cells, [1, 0, 2, 0, 3, 0]);
}

#[test]
fn a_sample_that_fails_half_way_takes_no_other_sample_with_it() {
    let schema = Schema::sample("disk", "test", "Disks")
        .key("device", ColumnType::String, "which")
        .counter("reads", unit::COUNT, "how many");
    let mut record = RecordBuilder::new(&schema);
    for time in [10, 20] {
        record.begin_sample(time);
        for device in ["sda", "sdb"] {
            record.instance(|key| key.str(device));
            record.u64(time);
        }
        record.end_sample();
    }
    record.begin_sample(30);
    record.instance(|key| key.str("sda"));
    record.u64(30);
    record.instance(|key| key.str("new"));
    record.abandon_sample();

    let mut bytes = AlignedVec::new();
    record.finish(0, &mut bytes).unwrap();
    let view = RecordView::access(&bytes, schema.row_width(), schema.key_width()).unwrap();
    assert_eq!(view.times().len(), 2);
    assert_eq!(view.rows(), 4);
    let cells: Vec<u64> = view.cells().iter().map(|cell| cell.to_native()).collect();
    assert_eq!(cells, [10, 10, 20, 20]);
}
