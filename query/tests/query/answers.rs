//! Answers of the real binary, held against what was recorded.

use super::support::*;
use nodemon_formats::record::RecordBuilder;
use nodemon_formats::schema::unit;
use nodemon_formats::writer::{RecordingWriter, WriterOptions};
use nodemon_formats::{ColumnType, Schema};
use serde_json::Value;

fn numbers(rows: &[Value], column: &str) -> Vec<f64> {
    rows.iter().filter_map(|row| row[column].as_f64()).collect()
}

fn is_gap(row: &Value) -> bool {
    row.get("gap").is_some()
}

#[test]
fn a_rate_over_less_than_a_tick_is_blank_and_matches_no_filter() {
    let home = tempfile::tempdir().unwrap();
    let mut writer = RecordingWriter::open(home.path(), WriterOptions::new(16 << 20)).unwrap();
    let mut schema = Schema::sample("cpu", "/proc/stat", "CPUs")
        .key("cpu", ColumnType::U64, "")
        .counter("user_ns", unit::NS, "")
        .counted_in(4_000_000)
        .counter("busy_ns", unit::NS, "");
    schema.interval_ns = 1_000_000;
    let number = writer.add_table(schema.clone());
    let mut record = RecordBuilder::new(&schema);
    for ms in 0..100 {
        record.begin_sample(first_boot_time() + ms * 1_000_000);
        record.instance(|key| key.u64(0));
        record.u64(ms / 4 * 4_000_000);
        record.u64(ms * 500_000);
        record.end_sample();
    }
    let mut archive = rkyv::util::AlignedVec::new();
    record.finish(number, &mut archive).unwrap();
    writer.push(&archive).unwrap();
    writer.commit().unwrap();
    writer.close().unwrap();
    let table = ask(home.path(), &["range", "-t", "cpu"]);
    assert!(table.out.contains("50.0") && !table.out.contains("400.0"), "{}", table.out);
    assert!(table.err.contains("in steps of 4.0 ms: blank"), "{}", table.err);
    assert!(table.err.contains("--step 4ms shows them"), "{}", table.err);
    for format in ["csv", "jsonl"] {
        let said = ask(home.path(), &["range", "-t", "cpu", "--rate", "-f", format]);
        assert!(!said.out.contains("4000000000") && !said.out.contains("4e9"), "{}", said.out);
    }
    let said = ask(home.path(), &["range", "-t", "cpu", "-w", "user>50%"]);
    assert_eq!(said.code, Some(3), "a tick is taken for a busy millisecond: {}", said.out);
    let said = ask(home.path(), &["range", "-t", "cpu", "-f", "csv"]);
    assert!(said.out.contains(",96000000,"), "raw counters stay as they are: {}", said.out);
    assert!(said.err.is_empty(), "{}", said.err);
    for args in [
        &["--step", "1ms"][..],
        &["--step", "2ms", "--agg", "avg"],
        &["--step", "20ms", "--agg", "min,max,p99,last"],
    ] {
        let args = [&["range", "-t", "cpu", "-c", "user"], args].concat();
        let table = ask(home.path(), &args);
        let cells = table.out.lines().skip(3).flat_map(|line| line.split_whitespace().skip(2));
        assert!(cells.clone().count() > 0, "{}", table.out);
        assert!(cells.clone().all(|cell| cell == "-"), "{args:?}: {}", table.out);
        assert_eq!(table.err.matches("note: the kernel counts").count(), 1, "{}", table.err);
        assert!(table.err.contains("4ms shows them"), "{}", table.err);
        let csv = ask(home.path(), &[&args[..], &["--rate", "-f", "csv"]].concat());
        let mut cells = csv.out.lines().skip(1).flat_map(|line| line.split(',').skip(2));
        assert!(cells.all(str::is_empty), "{args:?}: {}", csv.out);
    }
    let sum =
        ask(home.path(), &["range", "-t", "cpu", "-c", "user", "--step", "1ms", "--agg", "sum"]);
    assert!(sum.out.contains(" 4000"), "by how much it grew is known: {}", sum.out);
    for more in [&[][..], &["--step", "20ms"]] {
        let args = [&["range", "-t", "cpu", "-c", "busy", "-w", "user>50%"], more].concat();
        let said = ask(home.path(), &args);
        assert_eq!(said.code, Some(3), "{more:?}: a tick passes by accident: {}", said.out);
        assert!(said.err.contains("no row can pass -w user"), "{}", said.err);
    }
    let steps = ask(home.path(), &["range", "-t", "cpu", "--step", "20ms"]);
    assert!(steps.out.contains("100.0"), "joined samples have a rate: {}", steps.out);
}

#[test]
fn every_sample_comes_back_as_it_was_recorded_and_the_gap_between_them() {
    let recorded = record();
    let rows = recorded.rows(&["-t", "cpu"]);
    let mut rows = rows.iter();
    for n in (0..SAMPLES).filter(|n| !MISSING.contains(n)) {
        if n == MISSING.end {
            let gap = &rows.next().unwrap()["gap"];
            assert_eq!(gap["cause"], "sampling deadlines missed");
            assert_eq!(gap["lost"], 10);
        }
        for cpu in 0..2 {
            let row = rows.next().unwrap();
            assert_eq!(row["cpu"], cpu, "sample {n}");
            assert_eq!(row["user_ns"], user_ns(cpu, n), "sample {n}");
            assert_eq!(row["system_ns"], 7);
            let time: jiff::Timestamp = row["time"].as_str().unwrap().parse().unwrap();
            let expected = recorded.start + (n * INTERVAL_NS).cast_signed();
            let off = time.as_nanosecond() - i128::from(expected);
            assert!(off.abs() < 2_000_000, "sample {n} is {off} ns off");
        }
    }
    assert_eq!(rows.next(), None);
}

#[test]
fn a_span_has_its_start_and_not_its_end() {
    let recorded = record();
    let second = |n: i64| format!("@{}", recorded.start / 1_000_000_000 + n);
    let rows = recorded.rows(&["-t", "cpu", "--from", &second(2), "--to", &second(4)]);
    assert_eq!(rows.len(), 2 * 20);
    let also = recorded.rows(&["-t", "cpu", "--from", &second(2), "--to", "+2s"]);
    assert_eq!(rows, also);
    let last = recorded.rows(&["-t", "cpu", "--from", "end-1s"]);
    assert_eq!(last.len(), 2 * 10, "the last row belongs to what lies before the end");
    assert_eq!(recorded.rows(&["-t", "cpu", "--from", "-1s"]), last);
}

#[test]
fn the_first_rate_of_a_span_is_told_from_the_sample_before_it() {
    let recorded = record();
    let rows = recorded.rows(&["-t", "cpu", "--rate", "--from", "start+5s", "--to", "+1s"]);
    assert_eq!(rows.len(), 20);
    for row in &rows {
        let share = if row["cpu"] == 0 { 5e8 } else { 2.5e8 };
        let rate = row["user_ns_per_s"].as_f64().unwrap();
        assert!((rate - share).abs() < 1.0, "{row}");
    }
}

#[test]
fn a_counter_that_began_anew_grew_by_its_new_value_and_a_gap_is_bridged() {
    let recorded = record();
    let rows = recorded.rows(&["-t", "cpu", "--rate", "-w", "cpu=1"]);
    let absent: Vec<usize> = rows
        .iter()
        .filter(|row| !is_gap(row))
        .enumerate()
        .filter(|(_, row)| row["user_ns_per_s"].is_null())
        .map(|(n, _)| n)
        .collect();
    let reset = (RESET - (MISSING.end - MISSING.start)) as usize;
    assert_eq!(absent, [0], "only the first sample of all has no rate");
    // The first sample has none, so they are one fewer.
    let mut rates = numbers(&rows, "user_ns_per_s");
    assert_eq!(rates.remove(reset - 1), 0.0, "the counter begins anew at 0");
    assert!(rates.iter().all(|rate| (rate - 2.5e8).abs() < 1.0), "no spike anywhere");
}

#[test]
fn a_step_is_the_same_from_rollups_from_rows_and_from_a_rate_of_each_sample() {
    let recorded = record();
    let asked = |aggregates: &str| {
        let args = ["-t", "cpu", "--rate", "--step", "5s", "--agg", aggregates];
        recorded.rows(&args).into_iter().filter(|row| !is_gap(row)).collect::<Vec<_>>()
    };
    let of_rollups = asked("avg,sum,count");
    // Percentiles need rows.
    let of_rows = asked("avg,sum,count,p50,min,max");
    assert_eq!(of_rollups.len(), 12);
    let mut with_reset = 0;
    for (rollup, row) in of_rollups.iter().zip(&of_rows) {
        for column in ["time", "cpu", "user_ns_per_s_avg", "user_ns_sum", "user_ns_count"] {
            assert_eq!(rollup[column], row[column], "{column} of {row}");
        }
        if row["user_ns_per_s_min"] == 0.0 {
            // The counter began anew at 0: what it grew by until then is not known.
            with_reset += 1;
            continue;
        }
        let share = if row["cpu"] == 0 { 5e8 } else { 2.5e8 };
        for column in
            ["user_ns_per_s_avg", "user_ns_per_s_p50", "user_ns_per_s_min", "user_ns_per_s_max"]
        {
            let rate = row[column].as_f64().unwrap();
            assert!((rate - share).abs() < 1.0, "{column} of {row}");
        }
    }
    assert_eq!(with_reset, 2, "both CPUs began anew once");
    assert_eq!(
        numbers(&of_rows, "user_ns_count"),
        [50.; 4].into_iter().chain([40.; 2]).chain([50.; 6]).collect::<Vec<_>>()
    );
}

#[test]
fn raw_counters_of_a_step_are_its_last_and_gauges_its_mean() {
    let recorded = record();
    let rows = recorded.rows(&["-t", "disk", "--step", "10s", "-w", "device=sda"]);
    assert_eq!(numbers(&rows, "read_bytes"), [9., 19., 29.].map(|n| n * 1_048_576.0));
    assert_eq!(numbers(&rows, "in_flight"), [1.3, 1.7, 1.3]);
    assert_eq!(rows[0]["scheduler"], "mq-deadline");
}

#[test]
fn events_are_rows_and_in_a_step_they_are_counted() {
    let recorded = record();
    let rows = recorded.rows(&["-t", "oom"]);
    assert_eq!(
        rows.iter().map(|row| row["pid"].as_u64()).collect::<Vec<_>>(),
        [Some(1050), Some(1150), Some(1250)]
    );
    assert_eq!(rows[0]["command"], "hog, the \"big\" one");
    let steps = recorded.rows(&["-t", "oom", "--step", "1m", "--agg", "count,max"]);
    let events: f64 = numbers(&steps, "events").iter().sum();
    let largest = numbers(&steps, "rss_bytes_max").into_iter().fold(0.0, f64::max);
    assert_eq!((events, largest), (3.0, 250.0 * 1_048_576.0));
}

#[test]
fn filters_take_keys_values_units_and_what_is_shown() {
    let recorded = record();
    for (args, count) in [
        (&["-t", "cpu", "-w", "cpu=1"][..], 290),
        (&["-t", "disk", "-w", "device=sd[b-z]"], 20),
        (&["-t", "disk", "-w", "device!=sda,sdc", "-w", "in_flight>=2"], 8),
        (&["-t", "oom", "-w", "rss>=150MiB"], 2),
        (&["-t", "oom", "-w", "pid=1000-1200"], 2),
        (&["-t", "cpu", "--rate", "-w", "user>30%"], 288),
        (&["-t", "disk", "-w", "scheduler=mq*", "-w", "device=sda"], 29),
    ] {
        let rows = recorded.rows(args).into_iter().filter(|row| !is_gap(row)).count();
        assert_eq!(rows, count, "{args:?}");
    }
}

#[test]
fn columns_are_those_asked_for_in_that_order_behind_time_and_keys() {
    let recorded = record();
    let csv = recorded.answer(&["range", "-t", "cpu", "-c", "system,user_ns", "-f", "csv"]);
    assert_eq!(csv.lines().next(), Some("time,cpu,system_ns,user_ns,gap"));
    let csv = recorded.answer(&["range", "-t", "oom", "-c", "rss*", "-f", "csv"]);
    assert_eq!(csv.lines().next(), Some("time,pid,rss_bytes,gap"));
}

#[test]
fn csv_quotes_what_it_has_to_and_tells_gaps_in_a_column_of_their_own() {
    let recorded = record();
    let csv = recorded.answer(&["range", "-t", "oom", "-f", "csv"]);
    let line = csv.lines().nth(1).unwrap();
    assert!(line.ends_with(",1050,\"hog, the \"\"big\"\" one\",52428800,"), "{line}");
    let csv = recorded.answer(&["range", "-t", "cpu", "-f", "csv"]);
    let gaps: Vec<&str> = csv.lines().filter(|line| line.contains("until ")).collect();
    assert_eq!(gaps.len(), 1);
    assert!(gaps[0].contains("Z,,,,until 20"), "{}", gaps[0]);
    assert!(gaps[0].ends_with("10 samples missed: the recorder woke late"), "{}", gaps[0]);
    let commas = |line: &str| line.split(',').count();
    assert!(csv.lines().filter(|line| !line.contains('"')).all(|line| commas(line) == 5));
}

#[test]
fn the_directory_may_stand_before_or_after_the_command_or_in_the_environment() {
    let recorded = record();
    let before = said(query().arg("--dir").arg(&recorded.dir).arg("tables"));
    let after = said(query().arg("tables").arg("--dir").arg(&recorded.dir));
    let environment = said(query().arg("tables").env("NODEMON_DIR", &recorded.dir));
    assert_eq!(before.code, Some(0), "{}", before.err);
    assert_eq!(before.out, after.out);
    assert_eq!(before.out, environment.out);
}

#[test]
fn a_file_is_written_in_the_format_of_its_name() {
    let recorded = record();
    let file = |name: &str| recorded.dir.with_file_name(name);
    for (name, begins) in
        [("a.csv", &b"time,cpu,"[..]), ("a.jsonl", b"{\"time\""), ("a.parquet", b"PAR1")]
    {
        let path = file(name);
        let said = said(
            query().args(["range", "-t", "cpu", "-o"]).arg(&path).arg("--dir").arg(&recorded.dir),
        );
        assert_eq!((said.code, said.out.as_str()), (Some(0), ""), "{}", said.err);
        assert!(std::fs::read(&path).unwrap().starts_with(begins), "{name}");
    }
}
