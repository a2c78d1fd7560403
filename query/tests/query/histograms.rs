//! Latencies, recorded as histograms.

use super::support::*;
use nodemon_formats::record::RecordBuilder;
use nodemon_formats::schema::unit;
use nodemon_formats::writer::{RecordingWriter, WriterOptions};
use nodemon_formats::{ColumnType, Histogram, Schema};
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::{Field, RowAccessor};
use std::fs::File;
use std::path::{Path, PathBuf};

fn schema() -> Schema {
    let mut schema = Schema::sample("block_latency", "a test", "How long requests took")
        .key("device", ColumnType::String, "its name")
        .histogram("latency_ns", unit::NS, "from issue to completion");
    schema.interval_ns = SECOND_NS;
    schema
}

/// Sixty seconds of two disks: `sda` has 100 requests of 5 us a second and every fifth second one
/// of 40 ms, `sdb` is idle. `put` may put something else.
fn record_with(put: impl Fn(&mut RecordBuilder, u64) -> bool) -> (tempfile::TempDir, PathBuf) {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("recording");
    let mut writer = RecordingWriter::open(&dir, WriterOptions::new(16 << 20)).unwrap();
    let table = writer.add_table(schema());
    let mut record = RecordBuilder::new(&schema());
    let start_ns = first_boot_time();
    for second in 0..60 {
        record.begin_sample(start_ns + second * SECOND_NS);
        record.instance(|key| key.str("sda"));
        if !put(&mut record, second) {
            let mut histogram = Histogram::new();
            (0..100).for_each(|_| histogram.add(5_000));
            if second % 5 == 2 {
                histogram.add(40_000_000);
            }
            record.histogram(&histogram);
        }
        record.instance(|key| key.str("sdb"));
        record.histogram(&Histogram::new());
        record.end_sample();
    }
    let mut archive = rkyv::util::AlignedVec::new();
    record.finish(table, &mut archive).unwrap();
    writer.push(&archive).unwrap();
    writer.close().unwrap();
    (home, dir)
}

fn recorded() -> (tempfile::TempDir, PathBuf) {
    record_with(|_, _| false)
}

fn answer(dir: &Path, args: &[&str]) -> String {
    let said = ask(dir, args);
    assert_eq!(said.code, Some(0), "{args:?} said: {}{}", said.out, said.err);
    said.out
}

fn rows(dir: &Path, args: &[&str]) -> Vec<serde_json::Value> {
    let mut all = vec!["range", "-t", "block_latency", "-f", "jsonl"];
    all.extend(args);
    answer(dir, &all).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn percentiles_are_asked_of_histograms_as_of_values() {
    let (_home, dir) = recorded();
    let asked = ["--step", "10s", "-w", "device=sda", "--agg", "p50,p99,p999,max,min,count,avg"];
    let steps = rows(&dir, &asked);
    assert_eq!(steps.len(), 6);
    for row in &steps {
        let close = |name: &str, truth: f64| {
            let told = row[name].as_f64().unwrap();
            assert!((told - truth).abs() <= truth / 8.0, "{name} is {truth}, told {told}");
        };
        close("latency_ns_p50", 5_000.0);
        close("latency_ns_p99", 5_000.0);
        close("latency_ns_p999", 40e6);
        close("latency_ns_max", 40e6);
        close("latency_ns_min", 5_000.0);
        close("latency_ns_avg", (1000.0 * 5_000.0 + 2.0 * 40e6) / 1002.0);
        assert_eq!(row["latency_ns_count"], 1002, "events are counted, not rows");
    }
}

#[test]
fn a_step_tells_of_a_histogram_what_a_person_would_ask() {
    let (_home, dir) = recorded();
    let steps = rows(&dir, &["--step", "1m"]);
    let names: Vec<&String> = steps[0].as_object().unwrap().keys().collect();
    for name in ["latency_ns_p50", "latency_ns_p99", "latency_ns_max"] {
        assert!(names.iter().any(|found| *found == name), "{name} among {names:?}");
    }
    let idle = steps.iter().find(|row| row["device"] == "sdb").unwrap();
    assert!(idle["latency_ns_p99"].is_null(), "nothing happened: {idle}");
    let counted = rows(&dir, &["--step", "1m", "--agg", "count", "-w", "device=sdb"]);
    assert_eq!(counted[0]["latency_ns_count"], 0);
    let table = answer(&dir, &["range", "-t", "block_latency", "--step", "1m"]);
    for label in ["latency p50", "latency p99", "latency max"] {
        assert!(table.contains(label), "{table}");
    }
}

#[test]
fn rows_as_they_are_are_short_for_people_and_whole_for_programs() {
    let (home, dir) = recorded();
    let table = answer(&dir, &["range", "-t", "block_latency"]);
    let short = "n=101 p50=4.86us p99=4.86us max=41.9ms";
    assert!(table.contains(short) && table.contains("n=100 ") && table.contains("n=0"), "{table}");
    let whole = "4608:100 37748736:1";
    assert_eq!(rows(&dir, &["-w", "device=sda"])[7]["latency_ns"], whole);
    let raw = answer(&dir, &["range", "-t", "block_latency", "--raw"]);
    assert!(raw.contains(whole), "{raw}");
    let csv = answer(&dir, &["range", "-t", "block_latency", "-f", "csv"]);
    assert!(csv.contains(&format!(",sda,{whole},")) && csv.contains(",sdb,\"\","), "{csv}");
    let path = home.path().join("latency.parquet");
    answer(&dir, &["range", "-t", "block_latency", "-o", path.to_str().unwrap()]);
    let reader = SerializedFileReader::new(File::open(path).unwrap()).unwrap();
    let row = reader.get_row_iter(None).unwrap().nth(14).unwrap().unwrap();
    let buckets = row.get_list(2).unwrap().elements().iter().map(|bucket| match bucket {
        Field::Group(bucket) => (bucket.get_ulong(0).unwrap(), bucket.get_ulong(1).unwrap()),
        other => panic!("{other} is no bucket"),
    });
    assert_eq!(row.get_string(1).unwrap(), "sda");
    assert_eq!(buckets.collect::<Vec<_>>(), [(4608, 100), (37_748_736, 1)]);
}

#[test]
fn fast_and_slow_ones_are_both_readable_in_one_table() {
    let (_home, dir) = record_with(|record, second| {
        let mut histogram = Histogram::new();
        histogram.add(if second == 0 { 3_000_000_000 } else { 5_000 });
        record.histogram(&histogram);
        true
    });
    let asked = ["range", "-t", "block_latency", "--step", "10s", "-w", "device=sda"];
    let table = answer(&dir, &[&asked[..], &["--agg", "count,max"]].concat());
    let found: Vec<&str> = table.lines().filter(|line| line.contains("sda")).collect();
    let all = |end: &str| found[1..].iter().all(|line| line.ends_with(end));
    assert!(found[0].ends_with("  3.22s") && all(" 5.12us"), "each has its own unit:\n{table}");
    let width = found[0].len();
    assert!(found.iter().all(|line| line.len() == width), "columns line up:\n{table}");
    let csv = answer(&dir, &[&asked[..], &["--agg", "max", "-f", "csv"]].concat());
    for line in csv.lines().filter(|line| line.contains("sda")) {
        let told = line.split(',').nth(2).unwrap();
        assert!(told.parse::<u64>().is_ok(), "programs have numbers: {line}");
    }
}

#[test]
fn the_columns_of_a_table_say_that_they_are_histograms() {
    let (_home, dir) = recorded();
    let told = answer(&dir, &["tables", "block_latency"]);
    let line = told.lines().find(|line| line.starts_with("latency_ns")).unwrap();
    assert!(line.contains("histogram  ns"), "{line}");
}

#[test]
fn what_makes_no_sense_for_a_histogram_is_refused_with_a_sentence() {
    let (_home, dir) = recorded();
    let said = ask(&dir, &["range", "-t", "block_latency", "--step", "1s", "--agg", "last"]);
    assert_eq!(said.code, Some(2), "{}", said.err);
    assert!(said.err.contains("--agg last: latency_ns is a histogram"), "{}", said.err);
    let said = ask(&dir, &["range", "-t", "block_latency", "-w", "latency>5ms"]);
    assert_eq!(said.code, Some(2), "{}", said.err);
    assert!(said.err.contains("-w latency: a histogram is many values"), "{}", said.err);
    let steps = rows(&dir, &["--step", "1m", "--agg", "last,p99", "-w", "device=sda"]);
    assert!(steps[0]["latency_ns_p99"].is_number(), "what fits is answered: {}", steps[0]);
}

#[test]
fn a_malformed_histogram_is_told_as_damage_and_the_rest_is_answered() {
    let (_home, dir) = record_with(|record, second| {
        if second == 30 {
            record.bytes(&[1, 0, 0xff]);
        }
        second == 30
    });
    let asked = ["range", "-t", "block_latency", "-f", "jsonl"];
    for more in [&[][..], &["--step", "1m"], &["--step", "1s", "--agg", "count"]] {
        let said = ask(&dir, &[&asked[..], more].concat());
        assert_eq!(said.code, Some(4), "{}", said.err);
        let told = "malformed histograms in the column latency_ns: 1";
        assert!(said.err.contains("warning:") && said.err.contains(told), "{}", said.err);
        assert!(!said.out.is_empty());
    }
    let rows = ask(&dir, &[&asked[..], &["-w", "device=sda"]].concat());
    let row: serde_json::Value = serde_json::from_str(rows.out.lines().nth(30).unwrap()).unwrap();
    assert!(row["latency_ns"].is_null(), "{row}");
    let verify = ask(&dir, &["verify"]);
    assert_eq!(verify.code, Some(4));
    assert!(verify.out.contains("malformed histograms") && verify.out.contains("1 problem"));
}

#[test]
fn replay_shows_how_long_things_took_in_each_tick() {
    let (_home, dir) = recorded();
    let ticks = answer(&dir, &["replay", "-f", "jsonl"]);
    let tick = |second: usize| -> serde_json::Value {
        serde_json::from_str(ticks.lines().nth(second).unwrap()).unwrap()
    };
    let told = &tick(7)["histogram"];
    assert_eq!(told.as_array().unwrap().len(), 1, "sdb is idle: {told}");
    assert_eq!(told[0]["keys"]["device"], "sda");
    assert_eq!((told[0]["count"].as_u64(), told[0]["max"].as_u64()), (Some(101), Some(41_943_039)));
    assert_eq!(tick(8)["histogram"][0]["count"], 100);
    let screens = answer(&dir, &["replay"]);
    let line = screens.lines().filter(|line| line.starts_with("block_latency sda")).nth(7).unwrap();
    assert!(line.contains("101") && line.contains("4.86us") && line.contains("41.9ms"), "{line}");
}
