//! Every feature on this kernel: it runs, or says what is missing.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod network;
mod network_latency;
mod network_namespace;
mod network_rows;
mod network_tcp;
mod system;
mod system_cost;
mod system_counters;
mod system_descriptors;
mod system_histograms;
mod system_lives;
mod system_locks;
mod system_rig;
mod system_sampled;
mod system_scheduler;
mod system_stacks;
mod system_threads;

use nodemon_recorder_ebpf::FeatureError;
use nodemon_recorder_ebpf::drain::Reader;
use nodemon_recorder_ebpf::feature::{FEATURES, Feature, Origin};
use nodemon_recorder_ebpf::load::{KernelTypes, Running, Settings};
use nodemon_skip::skip;
use std::collections::BTreeSet;
use std::process::Command;

/// Something for every one of them to see.
fn make_things_happen() {
    for _ in 0..20 {
        assert!(Command::new("true").status().unwrap().success());
    }
}

fn rows_of(reader: &mut Reader, is_of_histograms: bool) -> u64 {
    let mut rows = 0;
    if is_of_histograms {
        reader.buckets(|_, _, _| rows += 1).unwrap();
    } else {
        reader.rows(|_| rows += 1).unwrap();
    }
    rows
}

fn run(feature: &'static Feature, settings: &Settings) -> Result<(), FeatureError> {
    let mut running = Running::start(feature, settings)?;
    for missing in running.missing() {
        println!("{}: without {missing}", feature.name);
    }
    for table in feature.tables.iter().zip(running.readers()) {
        rows_of(table.1, table.0.is_of_histograms());
    }
    make_things_happen();
    for (table, reader) in feature.tables.iter().zip(running.readers()) {
        println!("{}: {} rows", table.name, rows_of(reader, table.is_of_histograms()));
    }
    println!("{}: {:?}", feature.name, running.take_losses());
    Ok(())
}

#[test]
fn every_feature_runs_here_or_says_what_is_missing() {
    let settings = Settings::here().unwrap();
    let _types = match KernelTypes::get() {
        Ok(types) => types,
        Err(why) => return skip!("{why}"),
    };
    let mut broken = Vec::new();
    for feature in FEATURES {
        let begun = std::time::Instant::now();
        let done = run(feature, &settings);
        println!("{} took {:?}", feature.name, begun.elapsed());
        match done {
            Ok(()) => {}
            Err(why @ FeatureError::NotPermitted(_)) => return skip!("{why}"),
            // What a kernel lacks it may lack. What it refuses is a mistake of ours.
            Err(why @ (FeatureError::NoPlace(_) | FeatureError::Unasked(_))) => {
                println!("{}: {why}", feature.name)
            }
            Err(why) => broken.push(format!("{}: {why}", feature.name)),
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

/// The loader keeps a size by the name of the map, for all features.
#[test]
fn no_map_gets_the_size_of_another_features_map_of_the_same_name() {
    let sized = FEATURES.iter().flat_map(|feature| feature.per_cpu).map(|(map, _)| *map);
    let sized: BTreeSet<&str> = sized.collect();
    for feature in FEATURES {
        for table in feature.tables {
            let (Origin::Counters(map) | Origin::Histogram(map) | Origin::Events(map)) =
                table.origin
            else {
                continue;
            };
            let is_its_own = feature.per_cpu.iter().any(|(own, _)| *own == map);
            assert!(
                is_its_own || !sized.contains(map),
                "{}: '{map}' would get another size",
                feature.name
            );
        }
    }
}

#[test]
fn names_of_features_tables_and_columns_are_their_own() {
    let mut tables = BTreeSet::new();
    for feature in FEATURES {
        assert!(!feature.tables.is_empty(), "{} has no table", feature.name);
        for table in feature.tables {
            assert!(tables.insert(table.name), "two tables are called {}", table.name);
            let columns = table.keys.iter().chain(table.values);
            let mut names = BTreeSet::new();
            for column in columns.clone() {
                assert!(names.insert(column.name), "{} has two {}", table.name, column.name);
                assert!(!column.doc.is_empty(), "{}.{} says nothing", table.name, column.name);
            }
            assert!(columns.count() > 0, "{} has no columns", table.name);
            let is_histogram =
                matches!(table.origin, Origin::Histogram(_) | Origin::DenseHistogram(..));
            assert!(!is_histogram || table.values.len() == 1, "{}: one histogram", table.name);
        }
    }
}
