//! Every figure of a portrait, as JSON has them.

use super::recorded::{HOSTILE, MIB, known, object, portrait};
use crate::support::ask;
use serde_json::{Value, json};

const SECOND: u64 = 1_000_000_000;
const MS: u64 = 1_000_000;

#[test]
fn it_is_who_it_was() {
    let worker = object(&known(), &["worker"]);
    let who = &worker["who"];
    assert_eq!(who["pid"], 100);
    assert_eq!(who["command"], "worker");
    assert_eq!(who["arguments"], "/usr/bin/worker --fast");
    assert_eq!(who["parent"], json!({ "pid": 1, "command": "init" }));
    assert_eq!((&who["uid"], &who["cgroup"]), (&json!(1000), &json!("/jobs/a")));
    assert_eq!(who["samples"], 61);
    assert_eq!(who["lived_ns"], 60_900 * MS);
    let exit = &who["exit"];
    assert_eq!((&exit["status"], &exit["signal"]), (&json!(0), &json!("SIGKILL")));
    assert_eq!(exit["cpu_ns"], 31 * SECOND);
    assert_eq!(exit["max_rss_bytes"], 80 * MIB);
    let times = ["start", "first_sample", "last_sample", "end"]
        .map(|name| who[name].as_str().unwrap().to_owned());
    assert!(times.is_sorted(), "{times:?}");
    let children = &who["children"];
    assert_eq!(children["count"], 13, "a short one that was seen at its end too: {children}");
    let first = children["first"].as_array().unwrap();
    assert_eq!(first.len(), 10);
    assert_eq!(first[0], json!({ "pid": 1000, "command": HOSTILE }));
    assert_eq!(first[1], json!({ "pid": 1001, "command": "helper" }));
}

#[test]
fn it_used_what_it_used() {
    let worker = object(&known(), &["100"]);
    let cpu = &worker["cpu"];
    // 61 samples, from zero on, and 400 ms in one of them.
    let all = 61 * 500 * MS + 400 * MS;
    assert_eq!(cpu["cpu_ns"], all);
    assert_eq!(cpu["user_ns"], all / 4 * 3);
    assert_eq!(cpu["system_ns"], all / 4);
    assert_eq!(cpu["run_delay_ns"], 61 * MS);
    assert_eq!(
        (&cpu["voluntary_switches"], &cpu["involuntary_switches"]),
        (&json!(610), &json!(122))
    );
    assert_eq!(cpu["threads_max"], 8);
    // It lived for 60.4 s before its last sample.
    let share = cpu["percent_of_one_cpu"].as_f64().unwrap();
    assert!((share - all as f64 / 60.4e9 * 100.0).abs() < 0.01, "{share}");
    let busiest = cpu["busiest_second"]["percent_of_one_cpu"].as_f64().unwrap();
    assert!((busiest - 90.0).abs() < 0.01, "{busiest}");
    let memory = &worker["memory"];
    assert_eq!(memory["rss_first_bytes"], 10 * MIB);
    assert_eq!(memory["rss_max_bytes"], 70 * MIB);
    assert_eq!(memory["rss_last_bytes"], 70 * MIB);
    assert_eq!((&memory["minor_faults"], &memory["major_faults"]), (&json!(6100), &json!(183)));
    let growth = memory["growth_bytes_per_hour"].as_f64().unwrap() / (3600 * MIB) as f64;
    assert!((growth - 1.0).abs() < 0.05, "{growth}");
    let io = &worker["io"];
    assert_eq!((&io["read_bytes"], &io["write_bytes"]), (&json!(61 * 4096), &json!(61 * 8192)));
    assert_eq!(
        (&io["read_chars_bytes"], &io["write_chars_bytes"]),
        (&json!(610_000), &json!(1_220_000))
    );
    assert_eq!(io["block_delay_ns"], Value::Null, "the recording does not know it");
    let slow = &io["slow_io"];
    assert_eq!((&slow["count"], &slow["longest_ns"]), (&json!(2), &json!(250 * MS)));
    let top = json!([{ "device": "sda", "operation": "read", "count": 2, "took_ns": 310 * MS }]);
    assert_eq!(slow["top"], top);
}

#[test]
fn it_was_where_it_was_and_waited_for_what_it_waited_for() {
    let worker = object(&known(), &["worker"]);
    let work = &worker["stack_cpu"];
    assert_eq!((&work["samples"], &work["weight_ns"]), (&json!(4), &json!(10 * SECOND)));
    let own: Vec<_> = work["functions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|f| (f["function"].as_str().unwrap(), f["self_ns"].as_u64().unwrap() / SECOND))
        .collect();
    assert_eq!(own, [("hash", 7), ("vfs_write", 2), ("work", 1)]);
    let path = json!({ "frames": ["main", "parse", "hash"], "self_ns": 4 * SECOND });
    assert_eq!(work["paths"][0], path);
    assert_eq!(work["paths"].as_array().unwrap().len(), 4);
    let waits = &worker["stack_wait"];
    assert_eq!((&waits["samples"], &waits["weight_ns"]), (&json!(4), &json!(10 * SECOND)));
    let futex = json!({
        "state": "sleeping", "syscall": "futex", "user_function": "lock_table",
        "kernel_function": "futex_wait", "weight_ns": 6 * SECOND, "percent": 60.0,
    });
    assert_eq!(waits["reasons"][0], futex, "what has a name stands for what has none");
    assert_eq!(waits["reasons"][1]["kernel_function"], "io_schedule");
    assert_eq!(waits["reasons"][1]["percent"], 30.0);
    assert_eq!(waits["reasons"][2]["state"], "runnable");
    assert_eq!(waits["reasons"][2]["syscall"], Value::Null);
    assert_eq!(waits["reasons"][2]["user_function"], Value::Null);
    let active = &worker["thread_active"];
    assert_eq!(
        (&active["looks"], &active["blocked"], &active["running"]),
        (&json!(120), &json!(3), &json!(2))
    );
    let place = json!([{ "syscall": "read", "wait_channel": "io_schedule", "count": 3 }]);
    assert_eq!(active["blocked_in"], place);
}

#[test]
fn it_had_what_it_had_open_and_was_signalled() {
    let worker = object(&known(), &["worker"]);
    let descriptors = &worker["file_descriptor"];
    assert_eq!(descriptors["open"], json!({ "first": 8, "max": 93, "last": 10 }));
    assert_eq!(descriptors["files"], json!({ "first": 5, "max": 90, "last": 7 }));
    assert_eq!(descriptors["limit"], 1024);
    let tcp = &worker["tcp"];
    assert_eq!(
        (&tcp["count"], &tcp["ended"], &tcp["retransmits"]),
        (&json!(6), &json!(1), &json!(4))
    );
    let top = tcp["top"].as_array().unwrap();
    assert_eq!(top.len(), 5);
    assert_eq!(top[0]["remote"], "10.0.0.2:5");
    assert_eq!(
        (&top[0]["acked_bytes"], &top[0]["error"]),
        (&json!(9_000_000), &json!("ECONNRESET"))
    );
    assert_eq!((&top[1]["remote"], &top[1]["acked_bytes"]), (&json!("10.0.0.2:4"), &json!(4001)));
    let got = &worker["signal"]["got"];
    assert_eq!(
        (&got[0]["signal"], &got[0]["count"], &got[0]["pid"]),
        (&json!("SIGTERM"), &json!(2), &json!(1))
    );
    assert_eq!(worker["signal"]["sent"][0]["signal"], "SIGUSR1");
    assert!(worker["oom_kill"]["killed"].is_string(), "{}", worker["oom_kill"]);
    assert_eq!(worker["oom_kill"]["held_anonymous_bytes"], 70 * MIB);
    let gaps = worker["gaps"].as_array().unwrap();
    assert_eq!(gaps.len(), 1, "{gaps:?}");
    assert_eq!((&gaps[0]["tables"], &gaps[0]["lost"]), (&json!(["stack_cpu"]), &json!(12)));
}

#[test]
fn a_part_of_its_life_is_what_range_and_stacks_say_of_that() {
    let recorded = known();
    let span = ["--from", "start+15s", "--to", "start+50s"];
    let worker = object(&recorded, &[&["worker"], &span[..]].concat());
    let question = ["range", "-t", "process", "-w", "pid=100", "--rate", "-f", "jsonl"];
    let step = ["--step", "1s", "--agg", "sum", "-c", "cpu_ns,run_delay_ns,minor_faults"];
    let said = ask(
        &recorded.dir,
        &[&question[..], &step, &["--from", "start+15s", "--to", "start+49s"]].concat(),
    );
    // Steps are whole seconds, 50 ms before samples.
    let rows: Vec<Value> =
        said.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let sum = |name: &str| rows.iter().filter_map(|row| row[name].as_u64()).sum::<u64>();
    assert_eq!(sum("cpu_ns_sum"), 35 * 500 * MS + 400 * MS, "{}", said.out);
    assert_eq!(worker["cpu"]["cpu_ns"], sum("cpu_ns_sum"));
    assert_eq!(worker["cpu"]["run_delay_ns"], sum("run_delay_ns_sum"));
    assert_eq!(worker["memory"]["minor_faults"], sum("minor_faults_sum"));
    let share = worker["cpu"]["percent_of_one_cpu"].as_f64().unwrap();
    assert!((share - 17.9 / 35.0 * 100.0).abs() < 0.01, "{share}");
    for (table, key) in [("stack_cpu", "stack_cpu"), ("stack_wait", "stack_wait")] {
        let question = ["stacks", "-t", table, "-w", "pid=100", "-f", "json"];
        let said = ask(&recorded.dir, &[&question[..], &span].concat());
        let rows = said.out.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let sum: u64 = rows.map(|row| row["weight"].as_u64().unwrap()).sum();
        assert_eq!(worker[key]["weight_ns"], sum, "{table}");
    }
}

#[test]
fn what_began_before_the_recording_and_does_not_end_says_so() {
    let recorded = known();
    let init = object(&recorded, &["1"]);
    let who = &init["who"];
    assert_eq!((&who["end"], &who["exit"]), (&Value::Null, &Value::Null));
    assert!(who["start"].as_str().unwrap() < init["from"].as_str().unwrap(), "{who}");
    assert_eq!(who["parent"], Value::Null);
    // Of 400 the end of the first life is an event: the number counts once.
    let children = [100, 200, 201, 300, 301, 400, 500, 600];
    assert_eq!(who["children"]["count"], children.len(), "{who}");
    // Of what it had used before the first sample nothing counts.
    assert_eq!(init["cpu"]["cpu_ns"], 119 * 10 * MS);
    let text = portrait(&recorded, &["1"]).out;
    assert!(text.contains("ended           not seen; last sample "), "{text}");
    assert!(text.contains("lived so far"), "{text}");
}

#[test]
fn what_was_too_short_for_a_sample_has_what_its_end_says() {
    let brief = object(&known(), &["brief"]);
    assert_eq!((&brief["who"]["pid"], &brief["cpu"]), (&json!(700), &Value::Null));
    assert_eq!(brief["who"]["exit"]["cpu_ns"], 15 * MS);
    assert_eq!(brief["who"]["exit"]["status"], 3);
    assert_eq!(brief["who"]["parent"], json!({ "pid": 100, "command": "worker" }));
    assert_eq!(brief["silent_tables"], json!(["process", "file_descriptor"]));
}
