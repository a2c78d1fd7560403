//! What people see of a profile.

use super::recorded::{Recorded, known, record, sample};
use crate::support::{ask, query, said};

fn told(recorded: &Recorded, args: &[&str]) -> String {
    let said = ask(&recorded.dir, &[&["stacks"], args].concat());
    assert_eq!(said.code, Some(0), "{args:?}: {}{}", said.out, said.err);
    said.out
}

/// The words of the line of a function.
fn line<'a>(text: &'a str, function: &str) -> Vec<&'a str> {
    let is_it = |line: &&str| line.split_whitespace().any(|word| word == function);
    let line =
        text.lines().filter(|line| line.contains('%') && !line.starts_with("--")).find(is_it);
    line.unwrap_or_else(|| panic!("no {function} in\n{text}")).split_whitespace().collect()
}

#[test]
fn top_says_who_did_it_and_who_called_them() {
    let recorded = known();
    let text = told(&recorded, &[]);
    assert!(text.starts_with("-- stack_cpu, "), "{text}");
    assert!(text.contains("-- 5 samples, 0.100 s of CPU\n"), "{text}");
    assert!(text.contains("-- 1 gap in the span, 12 samples lost"), "{text}");
    let expected = ["40.0%", "40.0%", "0.040", "0.040", "mutex_lock", "[kernel]"];
    assert_eq!(line(&text, "mutex_lock"), expected, "{text}");
    assert_eq!(line(&text, "main"), ["5.0%", "90.0%", "0.005", "0.090", "main", "app"]);
    assert_eq!(line(&text, "read")[..2], ["0.0%", "70.0%"]);
    let recursive = line(&text, "parse");
    assert_eq!(recursive[..2], ["15.0%", "15.0%"], "who calls himself counts once:\n{text}");
    let no_stack = text.lines().find(|line| line.contains("[no stack]")).unwrap();
    assert!(no_stack.trim_start().starts_with("10.0%  10.0%"), "{text}");
    let order: Vec<&str> = text.lines().filter_map(|line| line.split_whitespace().nth(4)).collect();
    let at = |name: &str| order.iter().position(|function| *function == name);
    assert!(at("mutex_lock") < at("vfs_read") && at("vfs_read") < at("parse"), "{text}");
}

#[test]
fn top_shows_as_many_functions_as_asked_for_and_says_how_many_more_there_are() {
    let text = told(&known(), &["--limit", "2"]);
    let functions = text.lines().filter(|line| line.contains('%')).count();
    assert_eq!(functions, 2, "{text}");
    assert!(text.ends_with("-- 6 more functions; --limit N shows more\n"), "{text}");
}

#[test]
fn each_group_is_a_profile_of_its_own() {
    let recorded = known();
    let text = told(&recorded, &["--by", "command"]);
    let (head, rest) = text.split_once("\n-- cron: 50.0 %, 2 samples, 0.050 s of CPU\n").unwrap();
    let (cron, nginx) = rest.split_once("\n-- nginx: 50.0 %, 3 samples, 0.050 s of CPU\n").unwrap();
    assert!(head.contains("5 samples"), "{head}");
    assert_eq!(line(cron, "mutex_lock")[..2], ["80.0%", "80.0%"]);
    assert_eq!(line(nginx, "vfs_read")[..2], ["60.0%", "60.0%"]);
    let text = told(&recorded, &["--by", "command,pid", "--limit", "1"]);
    assert!(text.contains("-- cron, pid=12: 50.0 %"), "{text}");
    assert!(text.ends_with("-- 2 more groups; --limit N shows more\n"), "{text}");
}

#[test]
fn a_tree_is_told_from_the_outermost_call_with_most_first() {
    let samples = (0..200).map(|n| match n {
        0 => sample("a", 1, 1, "main;rare"),
        1..=150 => sample("a", 1, 1, "main;common;deep;deeper"),
        _ => sample("a", 1, 1, "main;other"),
    });
    let text = told(&record(&samples.collect::<Vec<_>>()), &["-f", "tree"]);
    let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with("--")).collect();
    assert_eq!(
        lines,
        [
            " total   self  call",
            "100.0%   0.0%  main",
            " 75.0%   0.0%    common",
            " 75.0%   0.0%    deep",
            " 75.0%  75.0%    deeper",
            " 24.5%  24.5%    other",
        ]
    );
    assert!(text.ends_with("-- 1 call of less than 1 % are left out\n"), "{text}");
}

#[test]
fn two_spans_are_compared_in_percent_of_each() {
    let mut samples: Vec<_> = (0..1000).map(|_| sample("a", 1, 1000, "main;before")).collect();
    samples.extend(
        (0..1000)
            .map(|n| sample("a", 1, 5000, if n % 4 == 0 { "main;before" } else { "main;after" })),
    );
    let recorded = record(&samples);
    let args = ["--from", "start+1s", "--to", "start+2s", "--base-from", "start"];
    let text = told(&recorded, &args);
    assert!(text.contains("-- compared with\n"), "{text}");
    assert!(text.contains("-- 1 000 samples, 0.005 s of CPU\n"), "{text}");
    assert!(text.contains("-- 1 000 samples, 0.001 s of CPU\n"), "{text}");
    let expected = ["75.0%", "0.0%", "+75.0", "75.0%", "0.0%", "+75.0", "after", "app"];
    assert_eq!(line(&text, "after"), expected);
    let expected = ["25.0%", "100.0%", "-75.0", "25.0%", "100.0%", "-75.0", "before", "app"];
    assert_eq!(line(&text, "before"), expected);
    let expected = ["0.0%", "0.0%", "+0.0", "100.0%", "100.0%", "+0.0", "main", "app"];
    assert_eq!(line(&text, "main"), expected);
    let said = ask(&recorded.dir, &[&["stacks", "-f", "folded"], &args[..]].concat());
    assert_eq!(said.code, Some(2), "{}", said.err);
    assert!(said.err.contains("compared by -f top only"), "{}", said.err);
}

#[test]
fn what_is_new_or_gone_is_compared_with_nothing() {
    let mut samples: Vec<_> = (0..100).map(|_| sample("old", 1, 1000, "main;before")).collect();
    samples.extend(
        (0..1000).map(|n| sample(if n < 900 { "old" } else { "new" }, 1, 1000, "main;after")),
    );
    let recorded = record(&samples);
    for (command, shown) in [("new", "after"), ("old", "before")] {
        let filter = format!("command={command}");
        let args =
            ["--from", "start+1s", "--to", "end", "--base-from", "start", "-w", filter.as_str()];
        let text = told(&recorded, &args);
        assert!(text.contains(shown), "{text}");
    }
    let said = ask(&recorded.dir, &["stacks", "-w", "command=nobody", "--base-from", "start"]);
    assert_eq!(said.code, Some(3), "{}{}", said.out, said.err);
}

#[test]
fn long_names_fit_eighty_columns_and_are_whole_in_a_file() {
    let long = format!("core::iter::{}::fold", "adapters::map::".repeat(20));
    let stack = |name: &str| (0..60).map(|n| format!("{name}{n}")).collect::<Vec<_>>().join(";");
    let recorded = record(&[
        sample("a", 1, 7, &stack(&long)),
        sample("b", 4_000_000, 1_000_000_000_000_000, &stack("other")),
    ]);
    for args in [&["-f", "top"][..], &["-f", "tree"], &["--by", "command,pid"]] {
        let text = told(&recorded, args);
        let longest = text.lines().map(|line| line.chars().count()).max();
        assert!(longest <= Some(80), "{args:?}: {longest:?}\n{text}");
    }
    let file = recorded.home.path().join("profile.txt");
    told(&recorded, &["--limit", "500", "-o", file.to_str().unwrap()]);
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(text.contains(&format!("{long}59")), "{text}");
}

#[test]
fn times_are_shown_in_the_zone_that_was_asked_for() {
    let recorded = known();
    let in_berlin = |args: &[&str]| {
        let mut command = query();
        let command = command.env("TZ", "Asia/Kolkata").arg("--dir").arg(&recorded.dir);
        said(command.args(["stacks"]).args(args)).out
    };
    assert!(in_berlin(&[]).lines().next().unwrap().ends_with(" +05:30"));
    assert!(in_berlin(&["--utc"]).lines().next().unwrap().ends_with(" UTC"));
}
