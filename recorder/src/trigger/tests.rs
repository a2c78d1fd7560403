//! Rules that change while it is recorded.

#![allow(clippy::unwrap_used)]

use super::{Rule, Triggers};
use nodemon_formats::record::RecordBuilder;
use nodemon_formats::{ColumnType, Schema, schema::unit};
use std::time::Duration;

fn table() -> (Schema, RecordBuilder) {
    let schema = Schema::sample("load", "test", "");
    let mut schema = schema.gauge("runnable", ColumnType::U64, unit::COUNT, "");
    schema.interval_ns = 1_000_000_000;
    let builder = RecordBuilder::new(&schema);
    (schema, builder)
}

fn put(builder: &mut RecordBuilder, second: u64, runnable: u64) {
    builder.begin_sample(second * 1_000_000_000);
    builder.u64(runnable);
    builder.end_sample();
}

#[test]
fn rules_that_change_while_it_runs_count_at_once_and_those_that_stay_keep_their_cooldown() {
    let triggers = Triggers::default();
    let (schema, mut builder) = table();
    let looked = triggers.table(&schema);
    let rule =
        |name: &str, threshold| Rule { threshold, ..Rule::new(name, "load", Some("runnable")) };
    put(&mut builder, 1, 50);
    triggers.look(&looked, &builder);
    assert!(triggers.take_waiting().is_empty(), "there is no rule yet");

    triggers.set_rules(vec![rule("stays", 10.0)]);
    put(&mut builder, 2, 50);
    triggers.look(&looked, &builder);
    let names = || -> Vec<String> {
        triggers.take_waiting().iter().map(|firing| firing.rule.name.clone()).collect()
    };
    assert_eq!(names(), ["stays"]);
    triggers.set_rules(vec![rule("stays", 10.0), rule("new", 20.0)]);
    put(&mut builder, 3, 50);
    triggers.look(&looked, &builder);
    assert_eq!(names(), ["new"], "the other has just fired");
    // A source that is opened anew has its table bound anew.
    triggers.table(&schema);
    put(&mut builder, 4, 50);
    triggers.look(&looked, &builder);
    assert_eq!(names(), Vec::<String>::new());
    let why = |rule: &Rule| triggers.why_idle(rule);
    assert_eq!(why(&rule("stays", 10.0)), None);
    let other = Rule::new("other", "disk", None);
    assert_eq!(why(&other).as_deref(), Some("table disk is not recorded"));
    let misspelt = Rule::new("misspelt", "load", Some("runable"));
    assert!(why(&misspelt).is_some_and(|why| why.contains("did you mean `runnable`?")));
    triggers.set_rules(Vec::new());
    assert!(!looked.is_asked_for.load(std::sync::atomic::Ordering::Relaxed));
}
#[test]
fn a_rule_that_stays_goes_on_to_hold_when_another_one_changes() {
    let triggers = Triggers::default();
    let (schema, mut builder) = table();
    let looked = triggers.table(&schema);
    let holds = Rule {
        threshold: 10.0,
        holds: Duration::from_secs(5),
        ..Rule::new("holds", "load", Some("runnable"))
    };
    let other = |name: &str| Rule { threshold: 1e9, ..Rule::new(name, "load", Some("runnable")) };
    triggers.set_rules(vec![other("first"), holds.clone()]);
    let mut fired = Vec::new();
    for second in 1..=8 {
        if second == 4 {
            triggers.set_rules(vec![holds.clone(), other("second"), other("third")]);
        }
        if second == 5 {
            triggers.table(&schema);
        }
        put(&mut builder, second, 50);
        triggers.look(&looked, &builder);
        builder.clear();
        fired.extend(
            triggers
                .take_waiting()
                .into_iter()
                .map(|firing| (second, firing.rule.name.clone(), firing.since_ns / 1_000_000_000)),
        );
    }
    assert_eq!(fired, [(6, "holds".to_owned(), 1)]);
}

#[test]
fn a_counter_that_a_new_rule_looks_at_has_not_begun_then() {
    let triggers = Triggers::default();
    let schema = Schema::sample("net", "test", "").key("interface", ColumnType::String, "");
    let mut schema = schema.counter("rx_bytes", unit::BYTES, "");
    schema.interval_ns = 1_000_000_000;
    let mut builder = RecordBuilder::new(&schema);
    let looked = triggers.table(&schema);
    let rule = |name: &str| Rule { threshold: 1e9, ..Rule::new(name, "net", Some("rx_bytes")) };
    triggers.set_rules(vec![rule("first")]);
    let mut fired = Vec::new();
    for second in 1..=9 {
        if second == 4 {
            triggers.set_rules(vec![rule("first"), rule("second")]);
        }
        builder.begin_sample(second * 1_000_000_000);
        for (interface, bytes) in [("eth0", 5_000_000_000_000 + second), ("eth1", 2_000_000_000)] {
            // The other one comes, and has had traffic since.
            if interface == "eth0" || second >= 7 {
                builder.instance(|key| key.bytes(interface.as_bytes()));
                builder.u64(bytes);
            }
        }
        builder.end_sample();
        triggers.look(&looked, &builder);
        builder.clear();
        fired.extend(
            triggers
                .take_waiting()
                .into_iter()
                .map(|firing| (second, firing.rule.name.clone(), firing.instance)),
        );
    }
    let of = |name: &str| (7, name.to_owned(), "interface=eth1".to_owned());
    assert_eq!(fired, [of("first"), of("second")]);
}
