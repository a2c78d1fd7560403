//! Calls that hang, and what of it others notice.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::{Call, Crew, Waiters};
use crate::allocations;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

/// Long enough for a thread to get a CPU of a machine on which much else is tested.
const PATIENCE: Duration = Duration::from_secs(5);
/// For calls that do hang.
const SHORT: Duration = Duration::from_millis(30);

/// A call that comes back when its gate opens, or at once where it has none.
struct Gated {
    number: usize,
    gate: Option<Receiver<()>>,
    is_made: bool,
    panics: bool,
}

impl Call for Gated {
    fn make(&mut self) {
        assert!(!self.panics, "this panic is part of a test");
        if let Some(gate) = &self.gate {
            let _ = gate.recv();
        }
        self.is_made = true;
    }
}

fn open(number: usize) -> Gated {
    Gated { number, gate: None, is_made: false, panics: false }
}

fn shut(number: usize) -> (Sender<()>, Gated) {
    let (key, gate) = channel();
    (key, Gated { gate: Some(gate), ..open(number) })
}

fn made(calls: &mut Vec<Gated>) -> Vec<usize> {
    let mut numbers: Vec<usize> =
        calls.drain(..).filter(|call| call.is_made).map(|call| call.number).collect();
    numbers.sort_unstable();
    numbers
}

/// Exchanges nothing until something comes back.
fn late(waiters: &Waiters<Gated>) -> Vec<usize> {
    let start = Instant::now();
    let mut calls = Vec::new();
    while calls.is_empty() {
        assert!(start.elapsed() < PATIENCE, "what had hung never came back");
        waiters.exchange(&mut calls, SHORT);
        std::thread::yield_now();
    }
    made(&mut calls)
}

#[test]
fn calls_that_do_not_hang_come_back_at_once_and_one_helper_makes_them_all() {
    static CREW: Crew = Crew::new(c"test-open", 4);
    let waiters = Waiters::new(&CREW);
    for _ in 0..100 {
        let mut calls: Vec<Gated> = (0..50).map(open).collect();
        waiters.exchange(&mut calls, PATIENCE);
        assert_eq!(made(&mut calls), (0..50).collect::<Vec<_>>());
    }
    assert_eq!(CREW.threads.load(Ordering::Relaxed), 1, "helpers");
}

#[test]
fn one_that_hangs_holds_up_no_other_and_is_waited_for_once() {
    static CREW: Crew = Crew::new(c"test-hang", 4);
    let waiters = Waiters::new(&CREW);
    let (key, hangs) = shut(7);
    let mut calls: Vec<Gated> = (0..7).map(open).chain([hangs]).chain((8..20).map(open)).collect();
    waiters.exchange(&mut calls, Duration::from_millis(500));
    let others: Vec<usize> = (0..20).filter(|&number| number != 7).collect();
    assert_eq!(made(&mut calls), others, "all but the one that hangs");
    for number in 20..40 {
        let start = Instant::now();
        calls.push(open(number));
        waiters.exchange(&mut calls, PATIENCE);
        assert_eq!(made(&mut calls), [number]);
        assert!(start.elapsed() < PATIENCE, "the one that hangs was waited for again");
    }
    drop(key);
    assert_eq!(late(&waiters), [7], "it comes back when the hang ends");
}

#[test]
fn when_every_helper_hangs_the_others_come_back_as_they_were_and_work_goes_on_after() {
    static CREW: Crew = Crew::new(c"test-all", 4);
    let waiters = Waiters::new(&CREW);
    let (keys, hang): (Vec<_>, Vec<_>) = (0..6).map(shut).unzip();
    let mut calls: Vec<Gated> = hang.into_iter().chain([open(6)]).collect();
    let start = Instant::now();
    waiters.exchange(&mut calls, SHORT);
    // Patience for the first, for the two started then, and for the last one.
    assert!(start.elapsed() >= 2 * SHORT, "{:?}", start.elapsed());
    let numbers: Vec<usize> = calls.iter().map(|call| call.number).collect();
    assert_eq!(numbers, [4, 5, 6], "those that no helper could take up");
    assert!(calls.iter().all(|call| !call.is_made));
    assert_eq!(CREW.threads.load(Ordering::Relaxed), 4);
    calls.retain(|call| call.number == 6);
    let start = Instant::now();
    waiters.exchange(&mut calls, PATIENCE);
    assert!(start.elapsed() < PATIENCE, "nobody is there who could make it");
    assert_eq!(calls.len(), 1);
    drop(keys);
    let mut back = Vec::new();
    while back.len() < 4 {
        back.extend(late(&waiters));
    }
    calls.retain(|call| call.number == 6);
    waiters.exchange(&mut calls, PATIENCE);
    assert_eq!(made(&mut calls), [6]);
    let start = Instant::now();
    while CREW.threads.load(Ordering::Relaxed) > 1 {
        assert!(start.elapsed() < PATIENCE, "helpers that nobody needs stay");
        std::thread::yield_now();
    }
}

#[test]
fn a_source_that_is_reopened_gets_no_more_helpers_while_the_old_ones_hang() {
    static CREW: Crew = Crew::new(c"test-anew", 2);
    let keys: Vec<Sender<()>> = (0..2)
        .map(|number| {
            let waiters = Waiters::new(&CREW);
            let (key, hangs) = shut(number);
            waiters.exchange(&mut vec![hangs], SHORT);
            key
        })
        .collect();
    let waiters = Waiters::new(&CREW);
    let mut calls = vec![open(2)];
    waiters.exchange(&mut calls, SHORT);
    assert!(!calls[0].is_made, "both helpers hang");
    drop(keys);
    let start = Instant::now();
    while !calls.first().is_some_and(|call| call.is_made) {
        assert!(start.elapsed() < PATIENCE, "helpers of sources that are closed do not end");
        waiters.exchange(&mut calls, SHORT);
    }
}

#[test]
fn one_that_panics_comes_back_unmade_and_takes_no_helper_with_it() {
    static CREW: Crew = Crew::new(c"test-panic", 1);
    let waiters = Waiters::new(&CREW);
    let mut calls = vec![Gated { panics: true, ..open(0) }, open(1)];
    waiters.exchange(&mut calls, PATIENCE);
    assert_eq!(calls.len(), 2);
    assert_eq!(made(&mut calls), [1]);
}

#[test]
fn exchanging_allocates_nothing_in_the_steady_state() {
    static CREW: Crew = Crew::new(c"test-steady", 2);
    let waiters = Waiters::new(&CREW);
    let mut calls: Vec<Gated> = (0..10).map(open).collect();
    waiters.exchange(&mut calls, PATIENCE);
    let before = allocations::count();
    for _ in 0..100 {
        waiters.exchange(&mut calls, PATIENCE);
        assert_eq!(calls.len(), 10);
    }
    assert_eq!(allocations::count() - before, 0, "allocations");
}

/// Run with `--ignored --nocapture` for the figures of the module's words.
#[test]
#[ignore = "measures"]
fn what_an_exchange_costs() {
    static CREW: Crew = Crew::new(c"test-cost", 2);
    let waiters = Waiters::new(&CREW);
    for count in [0, 1, 100] {
        let mut calls: Vec<Gated> = (0..count).map(open).collect();
        let mut took: Vec<Duration> = (0..2000)
            .map(|_| {
                let start = Instant::now();
                waiters.exchange(&mut calls, PATIENCE);
                start.elapsed()
            })
            .collect();
        took.sort_unstable();
        println!("{count} calls: {:?} in the median, {:?} at 99 %", took[1000], took[1980]);
    }
}
