//! Stacks of a block, written and read back.

#![allow(clippy::unwrap_used)]

use super::{MOST_ENTRIES, MOST_STACK_BYTES, StackBuilder, StackDictionary};
use crate::block::wire::{Wire, put_varint};
use crate::stack::{Frame, put_frame};
use proptest::prelude::*;

type Calls = Vec<(u8, u8, u64)>;

/// Calls of a few functions in a few modules, so that stacks have much in common.
fn cell(calls: &Calls) -> Vec<u8> {
    let mut cell = Vec::new();
    for (module, function, offset) in calls {
        let (path, build_id) = (format!("/lib/{module}.so"), format!("{module:x}"));
        let name = format!("function_{function}");
        put_frame(
            &mut cell,
            &Frame {
                function: name.as_bytes(),
                module: path.as_bytes(),
                build_id: build_id.as_bytes(),
                offset: *offset,
            },
        );
    }
    cell
}

fn written(cells: &[Vec<u8>]) -> (Vec<u8>, Vec<bool>) {
    let mut builder = StackBuilder::default();
    let mut next = 0;
    let mut number = || {
        next += 1;
        next - 1
    };
    let taken = cells.iter().map(|cell| {
        let number = builder.intern(cell, &mut number);
        assert_eq!(number.and_then(|number| builder.get(number)).as_ref(), number.map(|_| cell));
        number.is_some()
    });
    let taken = taken.collect();
    let mut bytes = Vec::new();
    builder.put(&mut bytes);
    (bytes, taken)
}

/// Every string that is a stack, with its number.
fn read(bytes: &[u8], strings: usize) -> Option<Vec<(u32, Vec<u8>)>> {
    let mut wire = Wire::new(bytes, "test");
    let dictionary = StackDictionary::take(&mut wire, strings).ok()?;
    wire.end().ok()?;
    let mut found = Vec::new();
    for (number, node) in dictionary.stacks() {
        let mut cell = Vec::new();
        dictionary.put(*node, MOST_STACK_BYTES, &mut cell).ok()?;
        found.push((*number, cell));
    }
    Some(found)
}

#[test]
fn what_stacks_have_in_common_is_there_once() {
    let deep: Calls = (0..100).map(|call| (call % 3, call, u64::from(call) << 20)).collect();
    let mut one_more = deep.clone();
    one_more.push((0, 0, 77));
    let (alone, _) = written(&[cell(&deep)]);
    let (both, _) = written(&[cell(&deep), cell(&one_more)]);
    assert!(both.len() < alone.len() + 16, "{} bytes of one, {} of two", alone.len(), both.len());
}

#[test]
fn what_is_not_written_as_stacks_are_is_no_stack() {
    for strange in [&b"main;read"[..], b"\t\t\t0", b"\t\t\t00\n", b"a\tb\n", b"\n"] {
        assert_eq!(written(&[strange.to_vec()]).1, [false], "{strange:?}");
    }
    assert_eq!(written(&[Vec::new()]).1, [true], "a stack may have no frames");
}

#[test]
fn a_few_bytes_that_claim_to_be_many_are_refused() {
    let long = [(0, 0, 0)].repeat(1000);
    let (bytes, _) = written(&[cell(&long)]);
    let dictionary = StackDictionary::take(&mut Wire::new(&bytes, "test"), 1).ok().unwrap();
    let node = dictionary.stacks()[0].1;
    assert!(dictionary.put(node, 1000, &mut Vec::new()).is_err(), "it has more than 1000 bytes");
}

#[test]
fn more_nodes_than_any_block_has_are_refused_before_there_is_memory_for_them() {
    for (nodes, is_taken) in [(MOST_ENTRIES, true), (MOST_ENTRIES + 1, false)] {
        // A module, a function and a frame of nothing, and nodes of which each takes a byte.
        let mut bytes = vec![1, 0, 1, 0, 1, 0, 0, 0];
        put_varint(&mut bytes, nodes as u64);
        bytes.resize(bytes.len() + nodes, 0);
        // Their frames, and no stacks.
        bytes.extend_from_slice(&[0, 0, 0]);
        let mut wire = Wire::new(&bytes, "test");
        assert_eq!(StackDictionary::take(&mut wire, 0).is_ok(), is_taken, "{nodes} nodes");
        assert!(!is_taken || wire.end().is_ok());
    }
}

proptest! {
    #[test]
    fn stacks_come_back_as_they_were(
        stacks in proptest::collection::vec(
            proptest::collection::vec((0u8..4, 0u8..6, 0u64..9), 0..12), 0..40),
        offsets in proptest::collection::vec(any::<u64>(), 0..5),
    ) {
        let mut cells: Vec<Vec<u8>> = stacks.iter().map(cell).collect();
        cells.push(cell(&offsets.iter().map(|offset| (9, 9, *offset)).collect()));
        let (bytes, taken) = written(&cells);
        prop_assert!(taken.iter().all(|taken| *taken));
        let found = read(&bytes, cells.len()).unwrap();
        // Each is there once.
        let mut distinct: Vec<Vec<u8>> = Vec::new();
        cells.into_iter().for_each(|cell| if !distinct.contains(&cell) { distinct.push(cell) });
        let expected: Vec<(u32, Vec<u8>)> = (0..).zip(distinct).collect();
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn no_bytes_make_reading_fail_otherwise_than_by_saying_so(
        stacks in proptest::collection::vec(
            proptest::collection::vec((0u8..4, 0u8..6, 0u64..9), 0..12), 0..10),
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
        strings in 0usize..12,
    ) {
        let (mut bytes, _) = written(&stacks.iter().map(cell).collect::<Vec<_>>());
        let at = at.index(bytes.len());
        bytes[at] = byte;
        read(&bytes, strings);
        read(&bytes[..at], strings);
    }
}
