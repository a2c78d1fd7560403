//! What each function did.

use crate::stacks::profile::{Call, Tree};

/// A function, and what it has part in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Function<'a> {
    /// The function.
    pub call: &'a Call,
    /// What it did itself.
    pub own: u64,
    /// That, and what it called: once a stack, however often it is in there.
    pub total: u64,
}

/// The functions of what is below `root`, in no order.
pub fn functions<'a>(tree: &Tree<'a>, root: u32) -> Vec<Function<'a>> {
    let mut sums: Vec<(u64, u64)> = vec![(0, 0); tree.frames()];
    let mut calls: Vec<Option<&Call>> = vec![None; tree.frames()];
    // How often each frame is on the path to the node at hand.
    let mut on_path: Vec<u32> = vec![0; tree.frames()];
    let mut path: Vec<usize> = Vec::new();
    for (node, depth) in tree.below(root) {
        for left in path.drain(depth..) {
            on_path[left] -= 1;
        }
        let frame = tree.frame(node) as usize;
        // What is below counts for its outermost call already.
        if on_path[frame] == 0 {
            sums[frame].1 = sums[frame].1.saturating_add(tree.total(node).weight);
        }
        sums[frame].0 = sums[frame].0.saturating_add(tree.own(node).weight);
        calls[frame] = tree.call(node);
        on_path[frame] += 1;
        path.push(frame);
    }
    let found = calls.into_iter().zip(sums);
    found.filter_map(|(call, (own, total))| Some(Function { call: call?, own, total })).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::functions;
    use crate::stacks::profile::{Bounds, Detail, Order, Profile, ROOT, Tree};
    use nodemon_formats::stack::{Frame, put_frame};
    use proptest::prelude::*;
    use std::collections::{BTreeMap, BTreeSet};

    proptest! {
        #[test]
        fn self_adds_up_to_all_and_a_function_counts_once_a_stack(
            samples in prop::collection::vec(
                (prop::collection::vec(0u8..4, 1..9), 0u64..1000), 0..60),
        ) {
            let mut profile = Profile::new(Detail::Function, Bounds::default());
            let mut model: BTreeMap<String, (u64, u64)> = BTreeMap::new();
            for (stack, weight) in &samples {
                let names: Vec<String> = stack.iter().map(|call| format!("f{call}")).collect();
                let mut cell = Vec::new();
                for name in &names {
                    let function = name.as_bytes();
                    put_frame(&mut cell, &Frame { function, ..Frame::default() });
                }
                let place = profile.place(&[], Some(&cell));
                profile.add(place, *weight);
                model.entry(names.last().unwrap().clone()).or_default().0 += weight;
                for name in names.iter().collect::<BTreeSet<_>>() {
                    model.entry(name.clone()).or_default().1 += weight;
                }
            }
            let tree = Tree::new(&profile, Order::Name);
            let found = functions(&tree, ROOT);
            prop_assert_eq!(
                found.iter().map(|function| function.own).sum::<u64>(),
                profile.sum().weight
            );
            let found = found.iter().map(|f| (f.call.name.clone(), (f.own, f.total)));
            prop_assert_eq!(found.collect::<BTreeMap<_, _>>(), model);
        }
    }
}
