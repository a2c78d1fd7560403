//! The rules that are there unless somebody says otherwise. Why each is as it is stands in
//! `docs/triggers.md`.

use super::rule::Rule;
use std::time::Duration;

/// They are looked at in this order.
pub fn built_in() -> Vec<Rule> {
    let seconds = Duration::from_secs;
    let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
    let new = Rule::new;
    let filtered = |rule: Rule, column: &str, text: &str| Rule {
        filters: vec![(column.to_owned(), text.to_owned())],
        ..rule
    };
    let raising = |sources: &[&str]| sources.iter().map(ToString::to_string).collect();
    vec![
        Rule {
            threshold: 6.0,
            per_cpu: true,
            holds: seconds(30),
            cooldown: minutes(30),
            ..new("load", "load", Some("load1"))
        },
        Rule {
            threshold: 8.0,
            per_cpu: true,
            holds: seconds(5),
            cooldown: minutes(10),
            ..new("run_queue", "kernel", Some("running"))
        },
        Rule {
            threshold: 90.0,
            rise: Some(60.0),
            holds: seconds(30),
            cooldown: minutes(30),
            ..filtered(new("psi_cpu", "pressure", Some("some_total_ns")), "resource", "cpu")
        },
        Rule {
            threshold: 20.0,
            rise: Some(10.0),
            holds: seconds(3),
            cooldown: minutes(10),
            raises: raising(&["thread_active", "vmstat"]),
            ..filtered(new("psi_memory", "pressure", Some("some_total_ns")), "resource", "memory")
        },
        Rule {
            threshold: 60.0,
            rise: Some(30.0),
            holds: seconds(5),
            cooldown: minutes(10),
            raises: raising(&["thread_active", "diskstats"]),
            ..filtered(new("psi_io", "pressure", Some("some_total_ns")), "resource", "io")
        },
        Rule {
            threshold: 8.0,
            holds: seconds(5),
            cooldown: minutes(10),
            raises: raising(&["thread_active", "diskstats"]),
            ..filtered(new("threads_blocked", "thread_active", None), "state", "blocked")
        },
        Rule {
            threshold: 50.0,
            holds: seconds(5),
            cooldown: minutes(10),
            ..new("softirq", "cpu", Some("softirq_ns"))
        },
        Rule {
            threshold: 500.0,
            holds: seconds(3),
            cooldown: minutes(10),
            raises: raising(&["thread_active", "vmstat"]),
            ..new("major_faults", "vmstat", Some("pgmajfault"))
        },
        Rule {
            threshold: 100.0,
            rise: Some(50.0),
            holds: seconds(5),
            cooldown: minutes(10),
            ..new("retransmits", "netstat", Some("tcp_retrans_segs"))
        },
    ]
}
