//! Rules over records.

#![allow(clippy::unwrap_used)]

use super::{Firing, Watched};
use crate::allocations;
use crate::trigger::rule::{Rule, Side};
use nodemon_formats::record::RecordBuilder;
use nodemon_formats::{ColumnType, Schema, schema::unit};
use std::sync::Arc;
use std::time::{Duration, Instant};

const SECOND: u64 = 1_000_000_000;

struct Trial {
    watched: Watched,
    builder: RecordBuilder,
    fired: Vec<Firing>,
}

impl Trial {
    fn new(schema: Schema, rules: Vec<Rule>, cpus: f64) -> Trial {
        let schema = Schema { interval_ns: SECOND, ..schema };
        let rules: Vec<_> = rules.into_iter().map(Arc::new).collect();
        let watched = Watched::new(&schema, &rules, cpus, None);
        assert_eq!(watched.rules.len(), rules.len(), "every rule fits");
        Trial { watched, builder: RecordBuilder::new(&schema), fired: Vec::new() }
    }

    /// Sends what was put in. Returns what fired: which rule, of which instance.
    fn send(&mut self) -> Vec<(String, String)> {
        let fired = &mut self.fired;
        self.watched.look(&self.builder.held(), &mut |firing| fired.push(firing));
        self.builder.clear();
        let told = |firing: Firing| (firing.rule.name.clone(), firing.instance);
        std::mem::take(fired).into_iter().map(told).collect()
    }

    /// A sample of busy times of CPUs, ms, by their numbers.
    fn cpus(&mut self, second: u64, busy_ms: &[(u64, u64)]) -> Vec<(String, String)> {
        self.builder.begin_sample(second * SECOND);
        for (cpu, busy) in busy_ms {
            self.builder.instance(|key| key.u64(*cpu));
            self.builder.u64(*busy * 1_000_000);
        }
        self.builder.end_sample();
        self.send()
    }
}

fn cpu() -> Schema {
    let schema = Schema::sample("cpu", "test", "").key("cpu", ColumnType::U64, "");
    schema.counter("busy_ns", unit::NS, "")
}

fn busy(name: &str, threshold: f64) -> Rule {
    Rule { threshold, ..Rule::new(name, "cpu", Some("busy_ns")) }
}

fn told(rule: &str, instance: &str) -> Vec<(String, String)> {
    vec![(rule.to_owned(), instance.to_owned())]
}

#[test]
fn a_counter_of_nanoseconds_is_percent_of_the_time_and_the_worst_instance_decides() {
    let mut trial = Trial::new(cpu(), vec![busy("half", 50.0)], 2.0);
    assert_eq!(trial.cpus(1, &[(0, 0), (1, 0), (2, 0)]), []);
    assert_eq!(trial.cpus(2, &[(0, 400), (1, 499), (2, 300)]), []);
    assert_eq!(trial.cpus(3, &[(0, 1000), (1, 1399), (2, 400)]), told("half", "cpu=1"));
}

#[test]
fn a_rule_that_holds_on_fires_again_after_its_cooldown_and_two_do_not_disturb_each_other() {
    let hour = Rule { cooldown: Duration::from_secs(3600), ..busy("hour", 50.0) };
    let minute = Rule {
        cooldown: Duration::from_secs(60),
        lasts: Duration::from_secs(5),
        raises: Vec::new(),
        ..busy("minute", 80.0)
    };
    let mut trial = Trial::new(cpu(), vec![hour, minute], 2.0);
    let mut fired = Vec::new();
    for second in 1..=200 {
        let names = trial.cpus(second, &[(0, second * 900)]).into_iter().map(|(name, _)| name);
        fired.extend(names.map(|name| (second, name)));
    }
    let minute = |second| (second, "minute".to_owned());
    assert_eq!(fired, [(2, "hour".to_owned()), minute(2), minute(62), minute(122), minute(182)]);
}

#[test]
fn what_holds_on_is_raised_for_longer_and_never_beyond_a_minute_a_firing() {
    let rule = Rule { lasts: Duration::from_secs(20), ..busy("r", 50.0) };
    let mut trial = Trial::new(cpu(), vec![rule], 2.0);
    let (mut firings, mut until) = (Vec::new(), Vec::new());
    for second in 1..=280 {
        let fired = &mut firings;
        trial.builder.begin_sample(second * SECOND);
        trial.builder.instance(|key| key.u64(0));
        trial.builder.u64(second * SECOND);
        trial.builder.end_sample();
        trial.watched.look(&trial.builder.held(), &mut |firing| fired.push(firing));
        trial.builder.clear();
    }
    for firing in &firings {
        until.push((firing.is_extended, firing.time_ns / SECOND, firing.until_ns / SECOND));
    }
    assert_eq!(
        until,
        [(false, 2, 22), (true, 12, 32), (true, 22, 42), (true, 32, 52), (true, 42, 62)]
    );
    assert_eq!(firings[4].since_ns, SECOND, "since the sample from which the rate counts");
}

#[test]
fn rows_are_counted_that_are_as_the_rule_names_them() {
    let schema = Schema::sample("thread", "test", "").key("tid", ColumnType::U64, "").state(
        "state",
        ColumnType::String,
        "",
    );
    let rule = Rule {
        filters: vec![("state".to_owned(), "blocked".to_owned())],
        threshold: 1.0,
        holds: Duration::from_secs(1),
        ..Rule::new("blocked", "thread", None)
    };
    let mut trial = Trial::new(schema, vec![rule], 2.0);
    let mut sample = |second: u64, states: &[&str]| {
        trial.builder.begin_sample(second * SECOND);
        for (tid, state) in states.iter().enumerate() {
            // Other threads each time.
            trial.builder.instance(|key| key.u64(second * 10 + tid as u64));
            trial.builder.str(state);
        }
        trial.builder.end_sample();
        trial.send()
    };
    assert_eq!(sample(1, &["blocked", "running", "blocked"]), []);
    assert_eq!(sample(2, &["running", "blocked"]), []);
    assert_eq!(sample(3, &["blocked", "blocked"]), []);
    assert_eq!(sample(4, &["blocked", "blocked", "blocked"]), told("blocked", ""));
}

#[test]
fn an_instance_that_leaves_for_a_sample_holds_nothing_on_and_what_has_gone_is_forgotten() {
    let rule = Rule { holds: Duration::from_secs(1), ..busy("r", 50.0) };
    let mut trial = Trial::new(cpu(), vec![rule], 2.0);
    trial.cpus(1, &[(7, 0)]);
    assert_eq!(trial.cpus(2, &[(7, 900), (8, 0)]), told("r", "cpu=7"), "over the second before");
    let mut trial =
        Trial::new(cpu(), vec![Rule { holds: Duration::from_secs(2), ..busy("r", 50.0) }], 2.0);
    trial.cpus(1, &[(7, 0)]);
    trial.cpus(2, &[(7, 900)]);
    trial.cpus(3, &[(8, 900)]);
    assert_eq!(trial.cpus(4, &[(7, 2700)]), [], "it was away");
    assert_eq!(trial.cpus(5, &[(7, 3600)]), []);
    assert_eq!(trial.cpus(6, &[(7, 4500)]), told("r", "cpu=7"));
    for second in 7..3000 {
        trial.cpus(second, &[(second * 2, 0), (second * 2 + 1, 0)]);
    }
    assert!(trial.watched.tracks.len() < 300, "{} are known", trial.watched.tracks.len());
}

#[test]
fn an_event_fires_by_itself_and_a_level_of_it_where_one_is_asked_for() {
    let schema = Schema::event("slow_io", "test", "").key("device", ColumnType::String, "").gauge(
        "duration_ns",
        ColumnType::U64,
        unit::NS,
        "",
    );
    let any = Rule {
        filters: vec![("device".to_owned(), "sdb".to_owned())],
        ..Rule::new("any", "slow_io", None)
    };
    let slow = Rule { threshold: 5e9, ..Rule::new("slow", "slow_io", Some("duration_ns")) };
    let mut trial = Trial::new(schema, vec![any, slow], 2.0);
    for (second, device, seconds) in [(1, "sda", 1), (2, "sdb", 4), (3, "sda", 6)] {
        trial.builder.begin_event(second * SECOND);
        trial.builder.str(device);
        trial.builder.u64(seconds * SECOND);
        trial.builder.end_event();
    }
    assert_eq!(trial.send(), [told("any", "device=sdb"), told("slow", "device=sda")].concat());
}

#[test]
fn a_threshold_per_cpu_grows_with_the_node_and_below_is_the_other_side() {
    let schema =
        || Schema::sample("load", "test", "").gauge("load1", ColumnType::F64, unit::COUNT, "");
    let high = Rule { threshold: 4.0, per_cpu: true, ..Rule::new("high", "load", Some("load1")) };
    let low = Rule { threshold: 0.5, side: Side::Below, ..Rule::new("low", "load", Some("load1")) };
    let mut trial = Trial::new(schema(), vec![high, low], 16.0);
    let mut names = Vec::new();
    for (second, load) in [(1, 60.0), (2, 64.5), (3, 0.25)] {
        trial.builder.begin_sample(second * SECOND);
        trial.builder.f64(load);
        trial.builder.end_sample();
        names.push(trial.send());
    }
    assert_eq!(names, [vec![], told("high", ""), told("low", "")]);
}

/// Processes with a counter each, as one record; the instances are always the same.
fn processes(builder: &mut RecordBuilder, second: u64) {
    builder.begin_sample(second * SECOND);
    for pid in 0..1000u64 {
        builder.instance(|key| {
            key.u64(pid);
            key.u64(pid * 7);
        });
        for _ in 0..20 {
            builder.u64(second * pid);
        }
    }
    builder.end_sample();
}

fn process() -> Schema {
    let mut schema = Schema::sample("process", "test", "").key("pid", ColumnType::U64, "").key(
        "start_ns",
        ColumnType::U64,
        "",
    );
    for column in 0..20 {
        schema = schema.counter(&format!("c{column}"), unit::COUNT, "");
    }
    schema
}

#[test]
fn a_sample_of_a_thousand_processes_allocates_nothing_for_twenty_rules() {
    let rule = |at: u64| Rule {
        threshold: 1e12,
        ..Rule::new(&format!("r{at}"), "process", Some(&format!("c{at}")))
    };
    let mut trial = Trial::new(process(), (0..20).map(rule).collect(), 2.0);
    let mut times = Vec::with_capacity(20);
    for second in 1..=20 {
        processes(&mut trial.builder, second);
        let held = trial.builder.held();
        let before = allocations::count();
        let start = Instant::now();
        trial.watched.look(&held, &mut |_| panic!("nothing fires"));
        times.push(start.elapsed());
        let allocated = allocations::count() - before;
        assert!(second < 3 || allocated == 0, "{allocated} allocations in sample {second}");
        trial.builder.clear();
    }
    times.sort();
    println!("20 rules over 1,000 rows: {:?} a sample", times[times.len() / 2]);
    assert!(times[0] < Duration::from_millis(20), "{times:?}");
}

#[test]
fn a_cooldown_that_is_shorter_than_what_is_raised_lasts_is_kept() {
    let rule = Rule {
        cooldown: Duration::from_secs(2),
        lasts: Duration::from_secs(60),
        raises: Vec::new(),
        ..Rule::new("any", "mark", None)
    };
    let mut trial = Trial::new(Schema::event("mark", "test", ""), vec![rule], 2.0);
    let mut fired = Vec::new();
    for second in [1, 2, 3, 10, 47] {
        trial.builder.begin_event(second * SECOND);
        trial.builder.end_event();
        fired.extend(trial.send().into_iter().map(|_| second));
    }
    assert_eq!(fired, [1, 3, 10, 47]);
}

#[test]
fn counters_of_an_instance_that_began_count_from_zero() {
    let table = |name: &str| {
        let schema = Schema::sample(name, "test", "").key("cpu", ColumnType::U64, "");
        schema.counter("busy_ns", unit::NS, "")
    };
    for (name, expected) in [("disk", told("r", "cpu=1")), ("cpu", Vec::new())] {
        let rule = Rule { table: name.to_owned(), ..busy("r", 50.0) };
        let mut trial = Trial::new(table(name), vec![rule], 2.0);
        assert_eq!(trial.cpus(1, &[(0, 9000)]), [], "what was there before the first sample");
        assert_eq!(trial.cpus(2, &[(0, 9000), (1, 700)]), expected, "{name}");
        assert_eq!(trial.cpus(3, &[(0, 9000)]), []);
        assert_eq!(trial.cpus(4, &[(0, 9000), (1, 7000)]), [], "one that returns is not known");
    }
}
