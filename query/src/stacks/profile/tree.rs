//! A profile as it is told: from callers to what they call.

use super::{Call, Profile, ROOT, Sum};
use std::cmp::Reverse;

/// In which order what is called by one is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// By name.
    Name,
    /// Most first, then by name.
    Weight,
}

/// A profile with the sums of all that was called.
pub struct Tree<'a> {
    profile: &'a Profile,
    totals: Vec<Sum>,
    /// Nodes by who called them.
    children: Vec<u32>,
    /// Where those of each node begin among them, and at last where all end.
    begins: Vec<usize>,
}

impl<'a> Tree<'a> {
    /// Adds a profile up.
    pub fn new(profile: &'a Profile, order: Order) -> Tree<'a> {
        let nodes = profile.trie.nodes();
        let mut totals: Vec<Sum> = nodes.iter().map(|node| node.own).collect();
        // Whoever called has a smaller number.
        for at in (1..nodes.len()).rev() {
            let total = totals[at];
            totals[nodes[at].parent as usize].add(total);
        }
        let mut begins = vec![0; nodes.len() + 1];
        for node in nodes.iter().skip(1) {
            begins[node.parent as usize + 1] += 1;
        }
        for at in 1..begins.len() {
            begins[at] += begins[at - 1];
        }
        let mut places = begins.clone();
        let mut children = vec![0; nodes.len().saturating_sub(1)];
        for (number, node) in (0u32..).zip(nodes).skip(1) {
            let place = &mut places[node.parent as usize];
            children[*place] = number;
            *place += 1;
        }
        let mut tree = Tree { profile, totals, children: Vec::new(), begins };
        let by_name = |a: u32, b: u32| tree.call(a).zip(tree.call(b)).map(|(a, b)| a.order(b));
        for at in 0..nodes.len() {
            let of_node = &mut children[tree.begins[at]..tree.begins[at + 1]];
            of_node.sort_unstable_by(|a, b| {
                let by_weight = match order {
                    Order::Weight => {
                        Reverse(tree.total(*a).weight).cmp(&Reverse(tree.total(*b).weight))
                    }
                    Order::Name => std::cmp::Ordering::Equal,
                };
                by_weight.then(by_name(*a, *b).unwrap_or(std::cmp::Ordering::Equal))
            });
        }
        tree.children = children;
        tree
    }

    /// What was called from a node, in order.
    pub fn children(&self, node: u32) -> &[u32] {
        let at = node as usize;
        &self.children[self.begins[at]..self.begins[at + 1]]
    }

    /// What ended in a node or was called from there.
    pub fn total(&self, node: u32) -> Sum {
        self.totals[node as usize]
    }

    /// What ended in a node.
    pub fn own(&self, node: u32) -> Sum {
        self.profile.trie.nodes()[node as usize].own
    }

    /// The frame of a node; the root has none.
    pub fn call(&self, node: u32) -> Option<&'a Call> {
        self.profile.frames.get(self.frame(node))
    }

    /// The number of the frame of a node.
    pub fn frame(&self, node: u32) -> u32 {
        self.profile.trie.nodes()[node as usize].frame
    }

    /// How many frames there are.
    pub fn frames(&self) -> usize {
        self.profile.frames.len()
    }

    /// Every node below `from`, callers before what they called, and how deep it is: 0 for what
    /// `from` called.
    pub fn below(&self, from: u32) -> impl Iterator<Item = (u32, usize)> {
        let mut ahead: Vec<(u32, usize)> = Vec::new();
        ahead.extend(self.children(from).iter().rev().map(|node| (*node, 0)));
        std::iter::from_fn(move || {
            let (node, depth) = ahead.pop()?;
            ahead.extend(self.children(node).iter().rev().map(|node| (*node, depth + 1)));
            Some((node, depth))
        })
    }

    /// The roots of groups of `levels` columns, each with the values of the group. Without columns
    /// there is one group, which is all.
    pub fn groups(&self, levels: usize) -> Vec<(u32, Vec<&'a str>)> {
        let mut groups = vec![(ROOT, Vec::new())];
        for _ in 0..levels {
            let mut inner = Vec::new();
            for (node, values) in groups {
                for child in self.children(node) {
                    let value = self.call(*child).map_or("", |call| call.name.as_str());
                    inner.push((*child, [&values[..], &[value]].concat()));
                }
            }
            groups = inner;
        }
        groups
    }
}
