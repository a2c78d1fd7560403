#![allow(clippy::unwrap_used)]

use super::descriptors;
use crate::actor::{Opening, Supervisor};
use crate::source::{Asked, Context, Filters, Sink};
use crate::sources::SOURCES;
use nodemon_formats::schema::unit;
use nodemon_recorder_ebpf::feature::FEATURES;
use nodemon_skip::skip;
use std::collections::BTreeSet;
use std::process::Command;
use std::time::Duration;

/// Long enough for the kernel to have counted its CPU time, at the latest at a tick.
const BURN_AND_END_WITH_7: &str = "i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done; exit 7";

#[test]
fn every_feature_is_a_source_whose_tables_are_described() {
    for descriptor in descriptors() {
        assert!(descriptor.kind.is_ebpf(), "{}", descriptor.name);
        assert!(SOURCES.iter().any(|source| source.name == descriptor.name));
        for table in (descriptor.tables)() {
            assert!(!table.doc.is_empty() && !table.values.is_empty(), "{}", table.name);
        }
    }
    let folders = concat!(env!("CARGO_MANIFEST_DIR"), "/../recorder-ebpf/features");
    let folders = std::fs::read_dir(folders).unwrap().map(|entry| entry.unwrap().file_name());
    let folders: BTreeSet<_> = folders.map(|name| name.into_string().unwrap()).collect();
    let names: BTreeSet<_> = descriptors().map(|source| source.name.to_owned()).collect();
    assert_eq!(names, folders, "each folder of features is a source");
}

#[test]
fn both_ends_of_a_connection_have_the_unit_by_which_an_export_takes_them_apart() {
    let mut ends = 0;
    for table in descriptors().flat_map(|descriptor| (descriptor.tables)()) {
        for column in table.keys.iter().chain(&table.values) {
            let is_end = ["local", "remote"].contains(&&*column.name);
            assert_eq!(is_end, column.unit == unit::ENDPOINT, "{} of {}", column.name, table.name);
            ends += usize::from(is_end);
        }
    }
    assert!(ends >= 7, "{ends}");
}

#[test]
fn a_filter_that_a_feature_does_not_support_is_refused_and_not_ignored() {
    let filters = Filters { command: Some("sh".to_owned()), ..Filters::default() };
    let without = FEATURES.iter().filter(|feature| !feature.filters.task);
    let names: Vec<_> = without.map(|feature| feature.name).collect();
    assert!(names.contains(&"scheduler") && names.contains(&"tcp_rtt"), "{names:?}");
    for name in names {
        let descriptor = descriptors().find(|source| source.name == name).unwrap();
        let asked = Asked { filters: filters.clone(), ..Asked::every(Duration::from_secs(1)) };
        let context = Context { asked, ..Context::default() };
        let mut sink = Sink::new(&(descriptor.tables)());
        match Supervisor::new(descriptor, context).open(&mut sink) {
            Opening::Unavailable(why) => assert!(why.to_string().contains("`command`"), "{why}"),
            Opening::Ready(_) => panic!("{name} took a filter that it does not support"),
            Opening::Failed(failure) => panic!("{name}: {}", failure.error),
        }
    }
}

#[test]
fn a_program_that_a_filter_names_is_seen_with_its_exit_status_and_no_other_program_is() {
    let descriptor = descriptors().find(|source| source.name == "process_event").unwrap();
    let filters = Filters { command: Some("sh".to_owned()), ..Filters::default() };
    let asked = Asked { filters, ..Asked::every(Duration::from_secs(1)) };
    let context = Context { asked, ..Context::default() };
    let mut sink = Sink::new(&(descriptor.tables)());
    let mut supervisor = Supervisor::new(descriptor, context.clone());
    match supervisor.open(&mut sink) {
        Opening::Ready(_) => {}
        Opening::Unavailable(why) => return skip!("{why}"),
        Opening::Failed(failure) => panic!("{}", failure.error),
    }
    let mut programs = 0;
    context.programs.each(|_, _, _, _| programs += 1);
    assert_eq!(programs, 4, "its programs are known");
    assert!(Command::new("true").status().unwrap().success());
    let status = Command::new("sh").args(["-c", BURN_AND_END_WITH_7]).status().unwrap();
    assert_eq!(status.code(), Some(7));
    supervisor.sample(&mut sink).unwrap();
    let tables = (descriptor.tables)();
    let seen = crate::source::test_support::events_of(&tables[0], sink.table(0));
    let at = |name: &str| tables[0].values.iter().position(|column| column.name == name).unwrap();
    let exits: Vec<_> =
        seen.rows.iter().filter(|(keys, _)| keys[0].to_string() == "exit").collect();
    let exit = exits.iter().find(|(_, values)| values[at("status")].to_string() == "7");
    let (_, values) = exit.unwrap_or_else(|| panic!("no exit with 7: {:?}", seen.rows));
    assert_eq!(values[at("command")].to_string(), "sh");
    let of_others =
        seen.rows.iter().filter(|(_, values)| values[at("command")].to_string() != "sh");
    assert_eq!(of_others.count(), 0, "the filter names sh: {:?}", seen.rows);
    assert!(values[at("cpu_ns")].as_f64().unwrap() > 0.0);
    drop(supervisor);
    context.programs.each(|feature, _, _, _| panic!("{feature} is still known"));
}
