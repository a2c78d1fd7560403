//! What people see.

use super::support::*;

fn lines(text: &str) -> Vec<&str> {
    text.lines().collect()
}

#[test]
fn a_table_lines_up_shows_rates_with_their_unit_and_gaps_in_their_place() {
    let recorded = record();
    let text = recorded.answer(&["range", "-t", "cpu", "--from", "start+9s", "--to", "+3s"]);
    let lines = lines(&text);
    assert!(lines[0].starts_with("-- 20") && lines[0].ends_with(" UTC"), "{}", lines[0]);
    assert_eq!(lines[1], "time          cpu   user  system");
    assert_eq!(lines[2], "                       %       %");
    assert!(lines[3].ends_with("    0   50.0     0.0"), "{}", lines[3]);
    assert!(lines[4].ends_with("    1   25.0     0.0"), "{}", lines[4]);
    let gap = lines.iter().position(|line| line.contains("gap")).unwrap();
    assert!(lines[gap].starts_with("-- gap "), "{}", lines[gap]);
    assert!(
        lines[gap].ends_with(" (1.1 s): 10 samples missed: the recorder woke late"),
        "{}",
        lines[gap]
    );
    assert_eq!(gap, 3 + 2 * 10, "the gap stands behind the samples before it");
    let width = lines[3].len();
    assert!(lines[3..].iter().filter(|line| !line.starts_with("--")).all(|l| l.len() == width));
}

#[test]
fn raw_tables_show_counters_digit_by_digit() {
    let recorded = record();
    let text = recorded.answer(&["range", "-t", "cpu", "--raw", "-w", "cpu=0", "--to", "+1s"]);
    assert!(text.contains("ns"), "{text}");
    assert!(lines(&text)[4].ends_with("50000000       7"), "{text}");
}

#[test]
fn sizes_are_shown_in_units_and_absent_values_as_a_dash() {
    let recorded = record();
    let text = recorded.answer(&["range", "-t", "disk", "--from", "start+3s", "--to", "+1s"]);
    assert_eq!(lines(&text)[2].trim(), "MiB/s");
    assert!(lines(&text)[3].ends_with("sda      1.00          3  -"), "{text}");
}

#[test]
fn times_are_local_unless_utc_is_asked_for() {
    let recorded = record();
    let at = |zone: &str, args: &[&str]| {
        let args = ["range", "-t", "oom", "-f", "table"].iter().chain(args);
        said(query().env("TZ", zone).arg("--dir").arg(&recorded.dir).args(args)).out
    };
    let hour = |text: &str| text.lines().nth(3).unwrap()[..2].parse::<i32>().unwrap();
    let (berlin, utc) = (at("CET-1", &[]), at("CET-1", &["--utc"]));
    assert!(berlin.lines().next().unwrap().ends_with("+01:00"), "{berlin}");
    assert_eq!((hour(&berlin) + 23) % 24, hour(&utc));
    assert_eq!(at("UTC", &[]), utc);
}

#[test]
fn colours_only_where_they_are_wanted() {
    let recorded = record();
    let asked = |args: &[&str]| {
        let mut command = query();
        command.env_remove("NO_COLOR");
        said(command.arg("--dir").arg(&recorded.dir).args(["range", "-t", "cpu"]).args(args)).out
    };
    assert!(!asked(&[]).contains('\x1b'), "a pipe got colours");
    assert!(asked(&["--color=always"]).contains("\x1b[33m-- gap"), "no colours though asked for");
}

#[test]
fn without_a_table_every_table_is_shown_and_jsonl_says_which() {
    let recorded = record();
    let text = recorded.answer(&["range", "--from", "end-6s"]);
    for title in ["== cpu: Time", "== disk: Block", "== oom: Processes"] {
        assert!(text.contains(title), "no {title:?}");
    }
    let recent = recorded.answer(&["range", "--from", "end-1s"]);
    assert!(!recent.contains("oom"), "a table without rows has a title: {recent}");
    let rows = recorded.rows(&["--from", "end-6s"]);
    let tables: std::collections::BTreeSet<_> =
        rows.iter().map(|row| row["table"].as_str().unwrap()).collect();
    assert_eq!(tables.into_iter().collect::<Vec<_>>(), ["cpu", "disk", "oom"]);
}

#[test]
fn what_minus_five_minutes_counted_from_is_told_where_it_is_not_now() {
    let recorded = record();
    let said = ask(&recorded.dir, &["range", "-t", "cpu", "--from", "-5m"]);
    assert_eq!(said.code, Some(0));
    assert!(
        said.err.contains("note: recording is not live; relative times count from its end at"),
        "{}",
        said.err
    );
    let by_end = ask(&recorded.dir, &["range", "-t", "disk", "--from", "end-5m"]);
    assert_eq!(by_end.err, "");
}

#[test]
fn rates_over_little_more_than_a_tick_come_with_a_word_about_it() {
    let recorded = record();
    let fine = ask(&recorded.dir, &["range", "-t", "cpu"]).err;
    assert!(fine.contains("note: the kernel counts user in steps of 10 ms"), "{fine}");
    assert!(!fine.contains("system"), "system_ns is exact: {fine}");
    assert_eq!(ask(&recorded.dir, &["range", "-t", "cpu", "--step", "1s"]).err, "");
    assert_eq!(ask(&recorded.dir, &["range", "-t", "cpu", "-f", "csv"]).err, "");
}

#[test]
fn info_tells_host_span_segments_sizes_gaps_and_problems() {
    let recorded = record();
    let text = recorded.answer(&["info", "--all"]);
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    for word in [
        &recorded.dir.display().to_string()[..],
        &host,
        "not live",
        "(29.9 s)",
        "1 sealed",
        "B a value",
        "1 x sampling deadlines missed, 1.1 s",
        "lost        10 samples: cpu 10",
        "problems    none",
        "segment-0000000001.redb",
        "recorder    nodemon-recorder",
        "boots       1",
    ] {
        assert!(text.contains(word), "no {word:?} in\n{text}");
    }
}

#[test]
fn tables_lists_tables_and_the_columns_of_one_with_unit_kind_and_exactness() {
    let recorded = record();
    let all = recorded.answer(&["tables"]);
    assert!(lines(&all)[1].starts_with("cpu    100 ms          2        2      290"), "{all}");
    assert!(lines(&all)[3].starts_with("oom     event"), "{all}");
    let cpu = recorded.answer(&["tables", "cpu"]);
    for line in [
        "sampled    every 100 ms, from /proc/stat",
        "user_ns    u64   ns    counter  10 ms       running user code",
        "cpu        u64         key                  number of the CPU",
    ] {
        assert!(cpu.contains(line), "no {line:?} in\n{cpu}");
    }
}

#[test]
fn verify_reads_everything_and_lists_gaps() {
    let recorded = record();
    let text = recorded.answer(&["verify"]);
    assert!(text.contains("323 samples: no damage found"), "{text}");
    assert!(text.contains("no damage found; 1 gap"), "{text}");
    assert_eq!(recorded.answer(&["verify", "--quiet"]), "");
}
