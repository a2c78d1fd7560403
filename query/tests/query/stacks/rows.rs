//! Stacks in the answers of `range`, `export` and `replay`: text.

use super::recorded::{known, record, sample};
use crate::support::ask;

const MUTEX: &str = "_start;main;read;do_syscall;mutex_lock";

#[test]
fn a_stack_is_its_folded_text_in_every_format() {
    let recorded = known();
    let range = |args: &[&str]| {
        let said = ask(&recorded.dir, &[&["range", "-t", "stack_cpu"], args].concat());
        assert_eq!(said.code, Some(0), "{args:?}: {}", said.err);
        said.out
    };
    let csv = range(&["-f", "csv", "-w", "pid=12"]);
    let lines: Vec<&str> = csv.lines().filter(|line| !line.contains("ring overrun")).collect();
    assert_eq!(lines[0], "time,cgroup_id,pid,command,weight_ns,stack,gap");
    assert!(lines[1].ends_with(&format!(",7,12,cron,40000000,{MUTEX},")), "{csv}");
    assert!(lines[2].ends_with(",7,12,cron,10000000,,"), "{csv}");
    let jsonl = range(&["-f", "jsonl", "-w", "stack~mutex"]);
    assert!(jsonl.contains(&format!("\"stack\":\"{MUTEX}\"}}\n")), "{jsonl}");
    let jsonl = range(&["-f", "jsonl", "-w", "stack=_start;main;p*"]);
    assert_eq!(jsonl.lines().filter(|line| line.starts_with("{\"time\"")).count(), 1, "{jsonl}");
    let file = recorded.home.path().join("rows.parquet");
    range(&["-o", file.to_str().unwrap()]);
    let parquet = std::fs::read(&file).unwrap();
    assert!(parquet.starts_with(b"PAR1"));
    let said = ask(&recorded.dir, &["replay", "-f", "jsonl", "--step", "1s"]);
    assert!(said.out.contains(MUTEX), "{}{}", said.out, said.err);
}

#[test]
fn a_step_of_samples_has_the_last_stack() {
    let recorded = known();
    let args = ["range", "-t", "thread_active", "-f", "jsonl", "-w", "tid=1", "--step", "100ms"];
    let said = ask(&recorded.dir, &args);
    let stacks: Vec<serde_json::Value> =
        said.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(stacks.len() >= 10, "{}", said.out);
    for row in stacks {
        assert!(row["stack"] == "a" || row["stack"] == "a;b", "{row}");
    }
    let said = ask(&recorded.dir, &[&args[..], &["--agg", "count"]].concat());
    assert!(said.out.contains("\"stack_count\":2"), "{}", said.out);
}

#[test]
fn a_table_shows_the_innermost_calls_and_all_of_them_where_asked() {
    let deep: Vec<String> = (0..40).map(|n| format!("call_{n}")).collect();
    let recorded = record(&[sample("a", 1, 5, &deep.join(";"))]);
    let table = ask(&recorded.dir, &["range", "-t", "stack_cpu"]).out;
    assert!(table.contains("  …;call_"), "{table}");
    assert!(table.contains(";call_38;call_39\n"), "{table}");
    assert!(!table.contains("call_20"), "{table}");
    let raw = ask(&recorded.dir, &["range", "-t", "stack_cpu", "--raw"]).out;
    assert!(raw.contains(&deep.join(";")), "{raw}");
}
