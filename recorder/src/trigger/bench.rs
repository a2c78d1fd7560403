//! What rules cost: `cargo test --release -- --ignored --nocapture trigger::bench`.

#![allow(clippy::unwrap_used)]

use super::{Rule, Triggers};
use nodemon_formats::record::RecordBuilder;
use nodemon_formats::{ColumnType, Schema, schema::unit};
use rkyv::util::AlignedVec;
use rustix::time::{ClockId, clock_gettime};

const ROUNDS: u64 = 400;
const SECOND_NS: u64 = 1_000_000_000;

fn cpu_ns() -> u64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    (time.tv_sec * 1_000_000_000 + time.tv_nsec).cast_unsigned()
}

/// A table with a key and so many counters.
fn table(columns: usize) -> Schema {
    let schema = Schema::sample("table", "test", "").key("id", ColumnType::U64, "");
    let mut schema = (0..columns)
        .fold(schema, |schema, column| schema.counter(&format!("c{column}"), unit::COUNT, ""));
    schema.interval_ns = SECOND_NS;
    schema
}

/// CPU time of a look at a record, and of archiving it, ns.
fn costs(rules: usize, instances: u64, samples: u64, columns: usize) -> (u64, u64) {
    let triggers = Triggers::default();
    let schema = table(columns);
    let rule = |at: usize| Rule {
        threshold: 1e15,
        rise: Some(1.0),
        ..Rule::new(&format!("r{at}"), "table", Some(&format!("c{}", at % columns)))
    };
    triggers.set_rules((0..rules).map(rule).collect());
    let looked = triggers.table(&schema);
    let mut builder = RecordBuilder::new(&schema);
    let mut archive = AlignedVec::new();
    let (mut looking, mut archiving) = (0, 0);
    for round in 0..ROUNDS {
        for sample in 0..samples {
            builder.begin_sample((round * samples + sample + 1) * SECOND_NS);
            for id in 0..instances {
                builder.instance(|key| key.u64(id));
                (0..columns).for_each(|_| builder.u64(round * id));
            }
            builder.end_sample();
        }
        let begun = cpu_ns();
        triggers.look(&looked, std::hint::black_box(&builder));
        let looked = cpu_ns();
        builder.finish(0, &mut archive).unwrap();
        looking += looked - begun;
        archiving += cpu_ns() - looked;
    }
    (looking / ROUNDS, archiving / ROUNDS)
}

#[test]
#[ignore = "says nothing but figures"]
fn what_looking_at_a_record_costs() {
    let mut clock = 0;
    (0..1000).for_each(|_| {
        let begun = cpu_ns();
        clock += cpu_ns() - begun;
    });
    println!("reading the clock: {} ns, which is in every figure", clock / 1000);
    for (what, instances, samples, columns) in [
        ("load, 1 row", 1, 1, 5),
        ("cpu, 250 samples of 2", 2, 250, 14),
        ("process, 1000 rows", 1000, 1, 40),
    ] {
        for rules in [0, 1, 20] {
            let (looking, archiving) = costs(rules, instances, samples, columns);
            println!("{what}, {rules} rules: {looking} ns; archiving it {archiving} ns");
        }
    }
}
