//! Who is meant.

use super::recorded::{known, object, portrait};
use crate::support::{ask, record};

#[test]
fn several_of_one_name_are_listed_and_one_is_asked_for() {
    let recorded = known();
    let said = portrait(&recorded, &["twin"]);
    assert_eq!((said.code, said.out.as_str()), (Some(2), ""), "{}", said.err);
    assert!(said.err.contains("there are 2 processes of name \"twin\""), "{}", said.err);
    assert!(said.err.contains("PID@TIME"), "{}", said.err);
    for pid in ["200", "201"] {
        let line = said.err.lines().find(|line| line.starts_with(pid)).expect(pid);
        assert!(line.contains("11.9") && line.ends_with("  twin --fast"), "{line}");
        assert_eq!(object(&recorded, &[pid])["who"]["command"], "twin");
    }
}

#[test]
fn one_that_has_nearly_all_is_taken_and_told() {
    let recorded = known();
    let said = portrait(&recorded, &["big"]);
    assert_eq!(said.code, Some(0), "{}", said.err);
    assert!(said.out.starts_with("big, pid 300, on "), "{}", said.out);
    assert!(said.err.contains("of 2 processes of name \"big\", 300 has 99.0 %"), "{}", said.err);
}

#[test]
fn a_number_that_was_given_out_twice_is_told_apart_by_time() {
    let recorded = known();
    let said = portrait(&recorded, &["400"]);
    assert_eq!(said.code, Some(2), "{}", said.err);
    assert!(said.err.contains("there are 2 processes of number 400"), "{}", said.err);
    assert_eq!(object(&recorded, &["400@start+5s"])["who"]["command"], "first");
    let second = object(&recorded, &["400@start+60s"]);
    assert_eq!(second["who"]["command"], "second");
    assert_eq!(second["cpu"]["cpu_ns"], 70 * 100_000_000u64);
    assert_eq!(second["who"]["exit"], serde_json::Value::Null, "the exit is of the other one");
    assert_eq!(object(&recorded, &["400", "--from", "start+60s"])["who"]["command"], "second");
    assert_eq!(object(&recorded, &["first"])["who"]["exit"]["status"], 0);
    let said = portrait(&recorded, &["400@start+30s"]);
    assert_eq!(said.code, Some(3), "{}", said.err);
    assert!(said.err.contains("no process of number 400 lived at "), "{}", said.err);
}

#[test]
fn a_long_name_is_found_as_the_kernel_has_it() {
    assert_eq!(object(&known(), &["nodemon-recorder"])["who"]["pid"], 600);
}

#[test]
fn who_is_not_there_is_told_with_names_that_are() {
    let recorded = known();
    let said = portrait(&recorded, &["wroker"]);
    assert_eq!((said.code, said.out.as_str()), (Some(3), ""), "{}", said.err);
    assert!(said.err.contains("no process of name \"wroker\" lived in "), "{}", said.err);
    assert!(said.err.contains("did you mean \"worker\""), "{}", said.err);
    let said = portrait(&recorded, &["xyzzy*"]);
    assert_eq!(said.code, Some(3), "a star is a star: {}", said.err);
    assert_eq!(portrait(&recorded, &["w*"]).code, Some(3));
    let said = portrait(&recorded, &["4711"]);
    assert_eq!(said.code, Some(3), "{}", said.err);
    assert!(said.err.contains("no process of number 4711"), "{}", said.err);
    assert_eq!(portrait(&recorded, &[""]).code, Some(2));
    let said = portrait(&recorded, &["worker", "--from", "start+80s"]);
    assert_eq!(said.code, Some(3), "it had ended: {}", said.err);
}

#[test]
fn a_recording_without_processes_has_no_data() {
    let other = record();
    let said = ask(&other.dir, &["portrait", "1"]);
    assert_eq!(said.code, Some(3), "{}{}", said.out, said.err);
    assert!(said.err.contains("no process was recorded then"), "{}", said.err);
}

#[test]
fn a_refusal_leaves_no_file_behind() {
    let recorded = known();
    let file = recorded.home.path().join("portrait.json");
    let said = portrait(&recorded, &["twin", "-o", file.to_str().unwrap()]);
    assert_eq!(said.code, Some(2));
    assert_eq!(recorded.home.path().read_dir().unwrap().count(), 1, "only the recording");
}
