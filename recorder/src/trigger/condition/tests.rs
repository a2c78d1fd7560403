//! Properties of what a rule wants of a value.

#![allow(clippy::unwrap_used)]

use super::{Breach, Condition, Track};
use crate::trigger::rule::{Rule, Side};
use nodemon_formats::ColumnType;
use proptest::prelude::*;
use std::time::Duration;

const SECOND: u64 = 1_000_000_000;

fn condition(rise: Option<f64>, holds_s: u64) -> Condition {
    let rule = Rule {
        threshold: 10.0,
        rise,
        holds: Duration::from_secs(holds_s),
        ..Rule::new("r", "t", Some("c"))
    };
    Condition::new(&rule, SECOND, 1.0)
}

/// Which samples breach, of values a second apart.
fn breaches(condition: &Condition, values: &[Option<f64>]) -> Vec<Option<Breach>> {
    let mut track = Track::default();
    let mut before = None;
    let observe = |(at, value): (usize, &Option<f64>)| {
        let now = (at as u64 + 1) * SECOND;
        let observed = track.observe(condition, *value, before, (now, now));
        before = Some(now);
        observed
    };
    values.iter().enumerate().map(observe).collect()
}

fn which(condition: &Condition, values: &[Option<f64>]) -> Vec<usize> {
    let all = breaches(condition, values);
    all.iter().enumerate().filter(|(_, breach)| breach.is_some()).map(|(at, _)| at).collect()
}

#[test]
fn what_must_hold_for_a_time_does_not_fire_on_a_spike_and_tells_since_when() {
    let condition = condition(None, 2);
    let spikes = [1.0, 99.0, 99.0, 1.0, 99.0, 1.0].map(Some);
    assert_eq!(which(&condition, &spikes), Vec::<usize>::new());
    let holds = [1.0, 99.0, 99.0, 50.0, 20.0].map(Some);
    assert_eq!(which(&condition, &holds), [3, 4]);
    let first = breaches(&condition, &holds)[3].unwrap();
    assert_eq!(first, Breach { value: 50.0, since_ns: 2 * SECOND });
}

#[test]
fn an_absent_value_and_one_that_is_no_number_end_what_held() {
    let condition = condition(None, 2);
    for hole in [None, Some(f64::NAN), Some(f64::INFINITY)] {
        let values = [Some(99.0), Some(99.0), hole, Some(99.0), Some(99.0), Some(99.0)];
        assert_eq!(which(&condition, &values), [5], "{hole:?}");
    }
}

#[test]
fn a_level_that_was_always_there_is_no_change() {
    let condition = condition(Some(20.0), 0);
    let steady = [50.0; 60].map(Some);
    assert_eq!(which(&condition, &steady), Vec::<usize>::new());
    let mut rises = steady.to_vec();
    rises.extend([Some(65.0), Some(75.0)]);
    assert_eq!(which(&condition, &rises), [61], "15 more is too little, 25 more is not");
    let low = [Some(0.0), Some(0.0), Some(9.0)];
    assert_eq!(which(&condition, &low), Vec::<usize>::new(), "nor is a change without the level");
}

#[test]
fn what_holds_is_not_learnt_as_what_was_before_until_it_has_been_so_for_minutes() {
    let condition = condition(Some(20.0), 60);
    let values: Vec<_> = (0..600).map(|at| Some(if at < 60 { 70.0 } else { 100.0 })).collect();
    let held = which(&condition, &values);
    assert_eq!(held.first(), Some(&120), "it must hold for as long as half of what is remembered");
    let last = *held.last().unwrap();
    assert!((60 + 60 + 120..60 + 60 + 120 + 240).contains(&last), "then it is how it is: {last}");
}

#[test]
fn the_mean_is_that_of_the_last_minutes() {
    let condition = condition(Some(20.0), 0);
    let mut values = vec![Some(0.0); 60];
    values.extend(vec![Some(50.0); 600]);
    let found = which(&condition, &values);
    assert_eq!(found[0], 60);
    let last = *found.last().unwrap();
    assert!((100..400).contains(&last), "after some minutes it is as ever: until {last}");
}

#[test]
fn what_was_not_in_the_sample_before_or_comes_after_a_gap_begins_anew() {
    let condition = condition(None, 2);
    let mut track = Track::default();
    let mut at = |before: Option<u64>, now: u64| {
        let before = before.map(|second| second * SECOND);
        track.observe(&condition, Some(99.0), before, (now * SECOND, now * SECOND)).is_some()
    };
    assert!(!at(None, 1) && !at(Some(1), 2) && at(Some(2), 3));
    assert!(!at(Some(4), 5) && !at(Some(5), 6) && at(Some(6), 7), "it was not in sample 4");
    assert!(!at(Some(7), 17) && !at(Some(17), 18) && at(Some(18), 19), "ten seconds without any");
}

#[test]
fn a_counter_that_wraps_or_is_reset_has_the_rate_that_it_had() {
    let mut track = Track::default();
    let condition = condition(None, 0);
    let mut before = None;
    let mut now = 0;
    let mut rate = |word: Option<u64>| {
        now += 2 * SECOND;
        let rate = track.rate(ColumnType::U64, word, before, now, false);
        track.observe(&condition, rate, before, (now, now));
        before = Some(now);
        rate
    };
    let words = [Some(u64::MAX - 100), Some(u64::MAX - 50), Some(49), Some(1049), None, Some(1060)];
    let rates: Vec<_> = words.map(&mut rate).into();
    assert_eq!(rates, [None, Some(25.0), Some(50.0), Some(500.0), None, None]);
    assert_eq!(
        (rate(Some(2 << 40)), rate(Some(80))),
        (Some(((2u64 << 40) - 1060) as f64 / 2.0), Some(40.0))
    );
    assert_eq!((rate(Some(u64::MAX)), rate(Some(9))), (None, None), "-1 is no value");
}

fn value() -> impl Strategy<Value = Option<f64>> {
    prop_oneof![
        Just(None),
        Just(Some(f64::NAN)),
        Just(Some(f64::MAX)),
        Just(Some(f64::MIN)),
        (0.0..30.0).prop_map(Some),
        (0.0..30.0).prop_map(Some),
    ]
}

proptest! {
    #[test]
    fn it_fires_when_every_value_for_so_long_was_beyond_and_never_otherwise(
        values in proptest::collection::vec(value(), 1..80),
        holds_s in 0u64..5,
        is_below in any::<bool>(),
    ) {
        let rule = Rule {
            threshold: 10.0,
            side: if is_below { Side::Below } else { Side::Above },
            holds: Duration::from_secs(holds_s),
            ..Rule::new("r", "t", Some("c"))
        };
        let condition = Condition::new(&rule, SECOND, 1.0);
        let is_beyond = |value: &Option<f64>| {
            value.is_some_and(|value| value.is_finite() && if is_below { value < 10.0 } else { value > 10.0 })
        };
        let expected: Vec<usize> = (0..values.len())
            .filter(|at| {
                let from = at.checked_sub(usize::try_from(holds_s).unwrap());
                from.is_some_and(|from| values[from..=*at].iter().all(is_beyond))
            })
            .collect();
        prop_assert_eq!(which(&condition, &values), expected);
    }

    #[test]
    fn with_a_rise_it_fires_no_more_than_without_and_only_above_what_was(
        values in proptest::collection::vec(value(), 1..80),
        rise in 0.1f64..20.0,
    ) {
        let with = breaches(&condition(Some(rise), 0), &values);
        let without = breaches(&condition(None, 0), &values);
        for (at, (with, without)) in with.iter().zip(&without).enumerate() {
            if let Some(breach) = with {
                prop_assert_eq!(Some(*breach).map(|b| b.value), without.map(|b| b.value));
                let before = values[..at].iter().flatten().filter(|value| value.is_finite());
                let least = before.copied().fold(f64::INFINITY, f64::min);
                prop_assert!(breach.value >= least + rise * 0.999, "{} after {}", breach.value, least);
            }
        }
    }

    #[test]
    fn rates_are_never_negative_and_no_number_of_any_kind_makes_it_panic(
        words in proptest::collection::vec((any::<Option<u64>>(), 0u64..4 * SECOND), 1..60),
        kind in prop_oneof![Just(ColumnType::U64), Just(ColumnType::I64), Just(ColumnType::F64)],
    ) {
        let mut track = Track::default();
        let condition = condition(Some(1.0), 1);
        let (mut before, mut now) = (None, SECOND);
        for (word, step) in words {
            now += step;
            let rate = track.rate(kind, word, before, now, false);
            prop_assert!(rate.is_none_or(|rate| rate >= 0.0), "{:?}", rate);
            track.observe(&condition, rate, before, (before.unwrap_or(now), now));
            before = Some(now);
        }
    }
}
