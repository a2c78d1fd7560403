//! What programs read of a profile.

use super::recorded::{Recorded, Sample, known, many, record, sample};
use crate::support::ask;
use nodemon_formats::text::is_unprintable;
use std::collections::BTreeMap;

fn told(recorded: &Recorded, args: &[&str]) -> String {
    let said = ask(&recorded.dir, &[&["stacks"], args].concat());
    assert_eq!(said.code, Some(0), "{args:?}: {}{}", said.out, said.err);
    said.out
}

#[test]
fn folded_has_a_line_for_each_stack_with_its_weight() {
    let recorded = known();
    let all = "[no stack] 10000000\n\
               _start;main 5000000\n\
               _start;main;parse;parse;parse 15000000\n\
               _start;main;read;do_syscall;mutex_lock 40000000\n\
               _start;main;read;do_syscall;vfs_read 30000000\n";
    assert_eq!(told(&recorded, &["-f", "folded"]), all);
    let by = told(&recorded, &["-f", "folded", "--by", "command,pid", "-w", "pid=10,12"]);
    let expected = "cron;pid=12;[no stack] 10000000\n\
                    cron;pid=12;_start;main;read;do_syscall;mutex_lock 40000000\n\
                    nginx;pid=10;_start;main;read;do_syscall;vfs_read 30000000\n";
    assert_eq!(by, expected);
    let filtered = told(&recorded, &["-f", "folded", "-w", "stack~mutex,vfs", "-w", "pid=12"]);
    assert_eq!(filtered, "_start;main;read;do_syscall;mutex_lock 40000000\n");
    let exact = told(&recorded, &["-f", "folded", "-w", "stack=_start;main;parse*"]);
    assert_eq!(exact, "_start;main;parse;parse;parse 15000000\n");
    let said = ask(&recorded.dir, &["stacks", "-f", "folded"]);
    assert!(said.err.contains("1 gap in the span, 12 samples lost"), "{}", said.err);
}

#[test]
fn a_sample_of_a_thread_stands_for_the_time_to_the_next() {
    let recorded = known();
    let text = told(&recorded, &["-t", "thread_active", "-f", "folded", "--by", "tid"]);
    let expected = "tid=1;a 500000000\ntid=1;a;b 500000000\ntid=2;[no stack] 1000000000\n";
    assert_eq!(text, expected);
    let part = ["-t", "thread_active", "-f", "folded", "-w", "tid=1", "--to", "start+100ms"];
    assert_eq!(told(&recorded, &part), "a 50000000\na;b 50000000\n");
}

#[test]
fn json_has_all_that_is_known_of_every_frame() {
    let text = told(&known(), &["-f", "json", "--by", "command", "-w", "pid=10,12"]);
    let lines: Vec<serde_json::Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 3);
    let nginx = lines.iter().find(|line| line["group"]["command"] == "nginx").unwrap();
    assert_eq!((&nginx["weight"], &nginx["samples"]), (&30_000_000.into(), &1.into()));
    assert_eq!(nginx["unit"], "ns");
    let frames = nginx["frames"].as_array().unwrap();
    assert_eq!(frames.len(), 5);
    let outermost = serde_json::json!({
        "name": "_start", "function": "_start", "module": "/usr/bin/app", "build_id": "c0ffee",
        "offset": 0x1000,
    });
    assert_eq!(frames[0], outermost);
    let innermost = serde_json::json!({
        "name": "vfs_read", "function": "vfs_read", "module": "[kernel]", "build_id": null,
        "offset": 0x1004,
    });
    assert_eq!(frames[4], innermost);
    let nowhere = lines.iter().find(|line| line["frames"][0]["name"] == "[no stack]").unwrap();
    assert_eq!(nowhere["frames"][0]["offset"], serde_json::Value::Null);
}

#[test]
fn every_format_adds_up_to_what_a_model_says() {
    let samples = many();
    let mut model: BTreeMap<String, u64> = BTreeMap::new();
    for sample in &samples {
        let stack = sample.stack.as_deref().unwrap_or("[no stack]");
        *model.entry(format!("{};{stack}", sample.command)).or_default() += sample.weight_ns;
    }
    let all: u64 = model.values().sum();
    let recorded = record(&samples);
    let folded = told(&recorded, &["-f", "folded", "--by", "command"]);
    let folded = folded.lines().map(|line| {
        let (stack, weight) = line.rsplit_once(' ').unwrap();
        (stack.to_owned(), weight.parse().unwrap())
    });
    assert_eq!(folded.collect::<BTreeMap<String, u64>>(), model);
    let json = told(&recorded, &["-f", "json", "--by", "command"]);
    let mut found: BTreeMap<String, u64> = BTreeMap::new();
    for line in json.lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        let frames = line["frames"].as_array().unwrap();
        let names: Vec<&str> = frames.iter().map(|f| f["name"].as_str().unwrap()).collect();
        let path = format!("{};{}", line["group"]["command"].as_str().unwrap(), names.join(";"));
        *found.entry(path).or_default() += line["weight"].as_u64().unwrap();
    }
    assert_eq!(found, model, "frames at several addresses are several stacks of one name");
    let rows = ask(&recorded.dir, &["range", "-t", "stack_cpu", "-f", "jsonl"]).out;
    let mut of_range = 0;
    for line in rows.lines().filter(|line| line.starts_with("{\"time\"")) {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        of_range += line["weight_ns"].as_u64().unwrap();
    }
    assert_eq!(of_range, all);
}

#[test]
fn a_page_needs_nothing_beside_itself_and_is_the_same_every_time() {
    let recorded = known();
    let file = recorded.home.path().join("cpu.html");
    told(&recorded, &["--by", "command", "-o", file.to_str().unwrap()]);
    let page = std::fs::read_to_string(&file).unwrap();
    assert!(page.starts_with("<!doctype html>") && page.ends_with("</html>\n"));
    for outside in ["http:", "https:", "src=", "href=", "url(", "@import"] {
        assert!(!page.contains(outside), "the page refers to {outside}");
    }
    let graph = page.split("<div id=\"graph\"").nth(1).unwrap();
    let read = graph.lines().filter(|line| line.contains(">read</div>")).collect::<Vec<_>>();
    assert_eq!(read.len(), 2, "{graph}");
    assert!(read[0].contains("width:40.0000%;top:68px"), "{}", read[0]);
    assert!(read[0].contains("title=\"read: 40.0 %, 0.040 s of CPU, 1 sample\""), "{}", read[0]);
    let class = |name: &str| {
        let line = graph.lines().find(|line| line.contains(&format!(">{name}</div>"))).unwrap();
        line.split('"').nth(1).unwrap().chars().next().unwrap()
    };
    assert_eq!([class("read"), class("vfs_read"), class("nginx")], ['u', 'k', 'g']);
    assert_eq!(told(&recorded, &["--by", "command", "-f", "flamegraph"]), page);
}

#[test]
fn names_that_others_chose_are_nothing_but_names() {
    let names = ["<script>alert(1)</script>", "\x1b[31mred", "\"><b>'&", "a\u{202e}b", "\r\nx"];
    let samples: Vec<Sample> =
        names.iter().map(|name| sample(name, 1, 1000, &format!("main;{name}"))).collect();
    let recorded = record(&samples);
    for format in ["top", "tree", "folded", "json", "flamegraph"] {
        let text = told(&recorded, &["-f", format, "--by", "command"]);
        let acts = |letter: char| letter != '\n' && is_unprintable(letter);
        assert!(!text.contains(acts), "-f {format} acts on a terminal: {text:?}");
    }
    let page = told(&recorded, &["-f", "flamegraph", "--by", "command"]);
    assert_eq!(page.matches("<script>").count(), 1, "a name became a script");
    assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;"));
    assert!(!page.contains("<b>"), "a name became a tag");
}

#[test]
fn what_is_narrower_than_a_pixel_is_left_out_and_told() {
    let mut samples = vec![sample("a", 1, 1_000_000, "main;wide")];
    samples.push(sample("a", 1, 500, "main;narrow;below"));
    let page = told(&record(&samples), &["-f", "flamegraph"]);
    assert!(page.contains("2 calls of less than 0.1 % are left out"), "{page}");
    assert!(!page.contains("narrow"));
}
