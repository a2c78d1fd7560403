//! Profiles of random stacks against a model that keeps every one of them.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::{Bounds, Detail, Order, Profile, ROOT, Sum, Tree};
use nodemon_formats::stack::{Frame, put_frame};
use proptest::prelude::*;
use std::collections::BTreeMap;

/// A stack by the numbers of its functions, from the outermost on.
#[derive(Clone, Debug)]
struct Sample {
    group: u8,
    stack: Option<Vec<u8>>,
    weight: u64,
}

fn samples() -> impl Strategy<Value = Vec<Sample>> {
    let stack = proptest::option::weighted(0.9, prop::collection::vec(0u8..5, 0..9));
    let sample = (0u8..3, stack, 0u64..1000);
    let sample = sample.prop_map(|(group, stack, weight)| Sample { group, stack, weight });
    prop::collection::vec(sample, 0..80)
}

fn name(function: u8) -> String {
    format!("f{function}")
}

fn cell(stack: &[u8]) -> Vec<u8> {
    let mut cell = Vec::new();
    for (depth, function) in stack.iter().enumerate() {
        let name = name(*function);
        let (function, offset) = (name.as_bytes(), depth as u64);
        put_frame(&mut cell, &Frame { function, module: b"/bin/a", build_id: b"ab", offset });
    }
    cell
}

fn profile(samples: &[Sample], detail: Detail, bounds: Bounds) -> Profile {
    let mut profile = Profile::new(detail, bounds);
    for sample in samples {
        let cell = sample.stack.as_deref().map(cell);
        let place = profile.place(&[format!("g{}", sample.group)], cell.as_deref());
        profile.add(place, sample.weight);
    }
    profile
}

/// Every path of names, and what ends there.
fn told(profile: &Profile) -> BTreeMap<String, u64> {
    let tree = Tree::new(profile, Order::Name);
    let mut path: Vec<&str> = Vec::new();
    let mut told = BTreeMap::new();
    for (node, depth) in tree.below(ROOT) {
        path.truncate(depth);
        path.push(&tree.call(node).unwrap().name);
        let own = tree.own(node);
        if own.samples > 0 {
            *told.entry(path.join(";")).or_insert(0) += own.weight;
        }
    }
    told
}

fn model(samples: &[Sample]) -> BTreeMap<String, u64> {
    let mut model = BTreeMap::new();
    for sample in samples {
        let mut path = vec![format!("g{}", sample.group)];
        match sample.stack.as_deref().unwrap_or_default() {
            [] => path.push("[no stack]".to_owned()),
            calls => path.extend(calls.iter().copied().map(name)),
        }
        *model.entry(path.join(";")).or_insert(0) += sample.weight;
    }
    model
}

proptest! {
    #[test]
    fn every_stack_has_what_its_samples_weigh_whatever_frames_are_told_apart_by(
        samples in samples(),
    ) {
        for detail in [Detail::Name, Detail::Function, Detail::Address] {
            let profile = profile(&samples, detail, Bounds::default());
            prop_assert_eq!(told(&profile), model(&samples));
            prop_assert_eq!(profile.folded_away(), Sum::default());
        }
    }

    #[test]
    fn totals_are_what_is_below_them_and_nothing_is_lost_where_there_is_no_room(
        samples in samples(),
        nodes in 0usize..40,
        depth in 0usize..6,
    ) {
        let bounds = Bounds { nodes, depth, ..Bounds::default() };
        let profile = profile(&samples, Detail::Function, bounds);
        let weight = samples.iter().map(|sample| sample.weight).sum();
        prop_assert_eq!(profile.sum(), Sum { samples: samples.len() as u64, weight });
        let tree = Tree::new(&profile, Order::Weight);
        prop_assert_eq!(tree.total(ROOT), profile.sum());
        for (node, depth_of_node) in tree.below(ROOT) {
            let mut below = tree.own(node);
            tree.children(node).iter().for_each(|child| below.add(tree.total(*child)));
            prop_assert_eq!(tree.total(node), below);
            let weights = tree.children(node).iter().map(|child| tree.total(*child).weight);
            prop_assert!(weights.is_sorted_by(|a, b| a >= b));
            prop_assert!(depth_of_node <= depth + 1);
        }
        // What stands for no call is there once below each of the others.
        prop_assert!(tree.below(ROOT).count() <= 4 * (nodes + 1));
    }
}

#[test]
fn what_there_is_no_room_for_is_told() {
    let sample = |stack: &[u8]| Sample { group: 0, stack: Some(stack.to_vec()), weight: 10 };
    let samples = [sample(&[0, 1, 2]), sample(&[0, 1]), sample(&[0, 3, 1]), sample(&[0, 1, 2])];
    let bounds = Bounds { nodes: 4, ..Bounds::default() };
    let profile = profile(&samples, Detail::Function, bounds);
    let expected = [("g0;f0;[more]", 10), ("g0;f0;f1", 10), ("g0;f0;f1;f2", 20)];
    let expected = expected.map(|(path, weight)| (path.to_owned(), weight));
    assert_eq!(told(&profile), BTreeMap::from(expected));
    assert_eq!(profile.folded_away(), Sum { samples: 1, weight: 10 });
}
