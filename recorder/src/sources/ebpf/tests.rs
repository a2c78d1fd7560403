#![allow(clippy::unwrap_used)]

use super::descriptors;
use crate::actor::{Opening, Supervisor};
use crate::source::{Asked, Context, Scope, Sink};
use crate::sources::SOURCES;
use std::process::Command;
use std::time::Duration;

/// Long enough for the kernel to have counted its CPU time, at the latest at a tick.
const BURN_AND_END_WITH_7: &str = "i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done; exit 7";

#[test]
fn every_feature_is_a_source_whose_tables_are_described() {
    let mut count = 0;
    for descriptor in descriptors() {
        count += 1;
        assert!(descriptor.kind.is_ebpf(), "{}", descriptor.name);
        assert!(SOURCES.iter().any(|source| source.name == descriptor.name));
        for table in (descriptor.tables)() {
            assert!(!table.doc.is_empty() && !table.values.is_empty(), "{}", table.name);
        }
    }
    assert!(count >= 4, "{count} features");
}

#[test]
fn a_filter_that_a_feature_does_not_heed_is_refused_and_not_ignored() {
    let scope = Scope { command: Some("sh".to_owned()), ..Scope::default() };
    for (name, is_heeded) in [("process_event", true), ("scheduler", false), ("tcp_rtt", false)] {
        let descriptor = descriptors().find(|source| source.name == name).unwrap();
        let asked = Asked { scope: scope.clone(), ..Asked::every(Duration::from_secs(1)) };
        let context = Context { asked, ..Context::default() };
        let mut sink = Sink::new(&(descriptor.tables)());
        match Supervisor::new(descriptor, context).open(&mut sink) {
            Opening::Unavailable(why) if !is_heeded => {
                assert!(why.to_string().contains("`command`"), "{why}");
            }
            Opening::Unavailable(why) => println!("skipped: {why}"),
            Opening::Ready(_) => assert!(is_heeded, "{name} took a filter that it does not heed"),
            Opening::Failed(failure) => panic!("{}", failure.error),
        }
    }
}

#[test]
fn a_program_that_runs_is_seen_and_its_exit_is_told_with_its_status() {
    let descriptor = descriptors().find(|source| source.name == "process_event").unwrap();
    let scope = Scope { command: Some("sh".to_owned()), ..Scope::default() };
    let asked = Asked { scope, ..Asked::every(Duration::from_secs(1)) };
    let context = Context { asked, ..Context::default() };
    let mut sink = Sink::new(&(descriptor.tables)());
    let mut supervisor = Supervisor::new(descriptor, context.clone());
    match supervisor.open(&mut sink) {
        Opening::Ready(_) => {}
        Opening::Unavailable(why) => return println!("skipped: {why}"),
        Opening::Failed(failure) => panic!("{}", failure.error),
    }
    let mut programs = 0;
    context.programs.each(|_, _, _, _| programs += 1);
    assert_eq!(programs, 4, "its programs are known");
    let status = Command::new("sh").args(["-c", BURN_AND_END_WITH_7]).status().unwrap();
    assert_eq!(status.code(), Some(7));
    supervisor.sample(&mut sink).unwrap();
    let tables = (descriptor.tables)();
    let seen = crate::source::trial::events_of(&tables[0], sink.table(0));
    let at = |name: &str| tables[0].values.iter().position(|column| column.name == name).unwrap();
    let exits: Vec<_> =
        seen.rows.iter().filter(|(keys, _)| keys[0].to_string() == "exit").collect();
    let exit = exits.iter().find(|(_, values)| values[at("status")].to_string() == "7");
    let (_, values) = exit.unwrap_or_else(|| panic!("no exit with 7: {:?}", seen.rows));
    assert_eq!(values[at("command")].to_string(), "sh");
    assert!(values[at("cpu_ns")].as_f64().unwrap() > 0.0);
    drop(supervisor);
    context.programs.each(|feature, _, _, _| panic!("{feature} is still known"));
}
