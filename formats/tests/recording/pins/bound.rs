//! Which pins go when they keep more than they may.

use super::{TURNS, assert_kept, noise, pin, record, with_pins};
use crate::fine_rows::World;
use nodemon_formats::reader::Recording;
use nodemon_formats::writer::PinEvent;
use std::time::{Duration, Instant};

#[test]
fn beyond_what_pins_may_keep_the_oldest_goes_and_that_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let mut world = World::open(dir.path(), with_pins());
    let mut dropped = Vec::new();
    for number in 0..6 {
        let first = number * 40;
        record(&mut world, dir.path(), first..first + 8);
        pin(dir.path(), &format!("pin-{number}"), first + 2..first + 5);
        record(&mut world, dir.path(), first + 8..first + 40);
        dropped.extend(world.writer.take_pin_events().into_iter().filter_map(
            |event| match event {
                PinEvent::Dropped { name } => Some(name),
                _ => None,
            },
        ));
    }
    assert!(!dropped.is_empty() && dropped.len() < 5, "{dropped:?}");
    let oldest: Vec<String> = (0..dropped.len()).map(|number| format!("pin-{number}")).collect();
    assert_eq!(dropped, oldest, "not the oldest first");
    let (all, last) = (noise(dir.path()), dropped.len() as u64);
    for number in 0..last {
        assert!(!all.contains_key(&(number * 40 + 3)), "pin-{number} was dropped and is there");
    }
    for number in last..6 {
        assert_kept(dir.path(), number * 40 + 2..number * 40 + 5, &format!("pin-{number}"));
    }
    let told = Recording::open(dir.path()).unwrap().pins().unwrap();
    let told: Vec<_> = told.iter().filter(|pin| pin.is_dropped).map(|pin| &pin.name).collect();
    assert_eq!(told, oldest.iter().collect::<Vec<_>>());
}

#[test]
fn what_somebody_pinned_is_kept_while_pins_of_triggers_go() {
    let dir = tempfile::tempdir().unwrap();
    let mut world = World::open(dir.path(), with_pins());
    record(&mut world, dir.path(), 0..8);
    pin(dir.path(), "asked", 2..5);
    let mut dropped = Vec::new();
    for first in (1..7).map(|number| number * 40) {
        record(&mut world, dir.path(), first - 32..first + 8);
        let mut automatic = pin(dir.path(), "trigger", first + 2..first + 5);
        assert_eq!(pin::remove(dir.path(), "trigger").unwrap(), 1);
        (automatic.name, automatic.is_automatic) = (format!("trigger-{first}"), true);
        pin::write(dir.path(), &automatic).unwrap();
        dropped.extend(world.writer.take_pin_events());
    }
    record(&mut world, dir.path(), 248..300);
    dropped.extend(world.writer.take_pin_events());
    let dropped = dropped.into_iter().filter_map(|event| match event {
        PinEvent::Dropped { name } => Some(name),
        _ => None,
    });
    let dropped: Vec<String> = dropped.collect();
    let oldest = (1..=dropped.len()).map(|number| format!("trigger-{}", number * 40));
    assert!(!dropped.is_empty() && dropped.iter().cloned().eq(oldest), "{dropped:?}");
    assert_kept(dir.path(), 2..5, "asked for, before all of triggers");
}

/// What was dropped since this was called last.
fn dropped(world: &mut World) -> Vec<String> {
    let events = world.writer.take_pin_events().into_iter();
    let names = events.filter_map(|event| match event {
        PinEvent::Dropped { name } => Some(name),
        _ => None,
    });
    names.collect()
}

#[test]
fn one_that_is_too_large_goes_and_not_the_small_ones_that_lie_in_it() {
    let dir = tempfile::tempdir().unwrap();
    let mut world = World::open(dir.path(), with_pins());
    record(&mut world, dir.path(), 0..8);
    pin(dir.path(), "small", 2..5);
    pin(dir.path(), "large", 0..400);
    record(&mut world, dir.path(), 8..120);
    assert_eq!(dropped(&mut world), ["large"]);
    assert_kept(dir.path(), 2..5, "beside a large one");
}

#[test]
fn hundreds_of_one_span_are_dropped_in_no_time_and_those_of_nothing_take_no_ring() {
    let dir = tempfile::tempdir().unwrap();
    let mut world = World::open(dir.path(), with_pins());
    record(&mut world, dir.path(), 0..8);
    (0..300).for_each(|number| _ = pin(dir.path(), &format!("one-{number}"), 2..5));
    // Of a time in which nothing was recorded.
    (0..600).for_each(|number| _ = pin(dir.path(), &format!("none-{number}"), 5000..5001));
    let begun = Instant::now();
    record(&mut world, dir.path(), 8..TURNS);
    let took = begun.elapsed();
    println!("{} dropped, {took:?}", dropped(&mut world).len());
    assert!(took < Duration::from_secs(30), "it took {took:?}");
    let left = pin::list(dir.path()).unwrap().iter().filter(|listed| !listed.is_dropped).count();
    assert!((1..768).contains(&left), "{left} files of pins are left in 3 MiB");
}
