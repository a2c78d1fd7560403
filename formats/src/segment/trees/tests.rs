//! Trees whose pages are each as they were, and not where they were.

#![allow(clippy::unwrap_used)]

use super::page::{BRANCH, Root, Tree};
use super::{PAGE_BYTES, Trees};
use crate::clock::ClockOffset;
use crate::segment::{Batch, ChunkKind, SegmentDescription, SegmentWriter};
use std::fs::OpenOptions;
use std::ops::ControlFlow;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use xxhash_rust::xxh3::xxh3_128;

const CHUNKS: u64 = 2000;

/// The keys of all chunks from one on, or that the tree is damaged.
fn keys(trees: &Trees, from: u64) -> Result<Vec<u64>, String> {
    let mut keys = Vec::new();
    let range = trees.range(trees.chunks, (0, 0, from), false, |key, _| {
        keys.push(key.2);
        ControlFlow::Continue(())
    });
    range.map(|()| keys).map_err(|error| error.to_string())
}

#[test]
fn leaves_that_are_exchanged_under_a_branch_that_is_right_are_damage_and_not_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let description = SegmentDescription {
        number: 1,
        host: "node".into(),
        boot_id: "boot".into(),
        recorder_version: "test".into(),
        tier_ns: 0,
        created: ClockOffset { from_ns: 0, offset_ns: 0 },
    };
    let mut writer = SegmentWriter::create(dir.path(), &description).unwrap();
    let mut batch = Batch::default();
    for id in 0..CHUNKS {
        batch.put(ChunkKind::Journal, id, &[7; 64]);
    }
    writer.commit(&batch).unwrap();
    drop(writer);
    let path = std::fs::read_dir(dir.path()).unwrap().next().unwrap().unwrap().path();
    let file = Arc::new(OpenOptions::new().read(true).write(true).open(path).unwrap());
    let open = || Trees::open(file.clone(), 1 << 25).unwrap();
    let whole = keys(&open(), 0).unwrap();
    assert!(whole.len() as u64 >= CHUNKS, "{} chunks", whole.len());
    let Tree { root, key_bytes } = open().chunks.unwrap();
    let (offset, length) = open().place(root.page).unwrap();
    let mut page = vec![0; length.min(PAGE_BYTES as usize)];
    file.read_exact_at(&mut page, offset).unwrap();
    assert_eq!(page[0], BRANCH, "so many chunks are in several leaves");
    let children = usize::from(u16::from_le_bytes([page[2], page[3]])) + 1;
    // Checksums of children, then their page numbers, then the keys.
    let ends = 8 + 24 * children + key_bytes * (children - 1);
    for other in 1..children {
        let mut exchanged = page.clone();
        for at in 0..16 {
            exchanged.swap(8 + at, 8 + 16 * other + at);
        }
        for at in 0..8 {
            let pages = 8 + 16 * children;
            exchanged.swap(pages + at, pages + 8 * other + at);
        }
        file.write_all_at(&exchanged, offset).unwrap();
        let mut trees = open();
        let root = Root { page: root.page, checksum: xxh3_128(&exchanged[..ends]) };
        trees.chunks = Some(Tree { root, key_bytes });
        // Whichever key a walk begins at that is in one of the two, it says so.
        for from in [whole[0], *whole.last().unwrap()] {
            let found = keys(&trees, from);
            let is_whole = found
                .as_ref()
                .is_ok_and(|found| found.iter().eq(whole.iter().filter(|key| **key >= from)));
            assert!(found.is_err() || is_whole, "children 0 and {other}, from {from:x}: {found:?}");
        }
        assert!(keys(&trees, whole[0]).is_err(), "children 0 and {other} are exchanged");
        let bound = (0, 0, u64::MAX);
        let last = trees.last_before(trees.chunks, bound);
        let is_last =
            last.as_ref().is_ok_and(|last| last.as_ref().unwrap().0.2 == *whole.last().unwrap());
        assert!(last.is_err() || is_last, "children 0 and {other}");
    }
}
