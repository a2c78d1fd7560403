//! Bytes that no encoder made, as records, blocks, directories and journals, under checksums that
//! are right: they may be refused or mean something else, but nothing may panic, ask for much
//! memory, or take long.

use super::child;
use super::model::{Sample, samples};
use super::support::{config, every_type, push_into, put_sample};
use nodemon_formats::block::{Block, BlockHeader, Compressor, Decompressor, Encoder, Rows};
use nodemon_formats::record::{RecordBuilder, RecordView};
use nodemon_formats::schema::{ColumnType, Schema, TableKind, unit};
use nodemon_formats::segment::{IndexEntry, JournalReader};
use proptest::prelude::*;
use rkyv::util::AlignedVec;

/// What this process may have, KiB: the binary, its threads and what a hostile block may ask for.
const MEMORY_KIB: u32 = 2 << 20;

fn record_of(samples: &[Sample]) -> (AlignedVec, Rows) {
    let schema = every_type(1_000_000);
    let mut rows = Rows::new(&schema);
    let mut record = RecordBuilder::new(&schema);
    let mut time = 1_000_000_000;
    for (step, rows) in samples {
        time += step;
        put_sample(&mut record, time, rows);
    }
    let archive = push_into(&mut rows, &schema, &mut record, 7);
    (archive, rows)
}

fn block_of(samples: &[Sample]) -> Vec<u8> {
    let mut block = Vec::new();
    let (_, rows) = record_of(samples);
    Encoder::default().encode(&rows, &every_type(1_000_000), 7, &mut block).unwrap();
    block
}

/// Asks everything of a block that can be asked.
fn ask_everything(bytes: &[u8], schema: &Schema) {
    let mut decompressor = Decompressor::default();
    let Ok(block) = Block::open(bytes, schema, &mut decompressor) else { return };
    let rows = block.times().len();
    assert!(block.times().is_sorted(), "times of a block go back");
    let instances = block.instances(schema);
    let presence = block.presence();
    assert_eq!(instances.len(), presence.len());
    let all: Vec<usize> = (0..schema.row_width()).collect();
    block.rollups(&all, schema);
    let Ok(columns) = block.columns(&all, &mut decompressor) else { return };
    assert_eq!(columns.len(), all.len() * instances.len());
    for row in (0..rows).step_by(1 + rows / 1000) {
        presence.iter().for_each(|presence| _ = presence.at(row));
        for (at, cells) in columns.iter().enumerate() {
            let column = schema.row_columns().nth(at / instances.len()).unwrap();
            cells.present.at(row);
            block.strings().value(column.kind, cells.words.at(row));
        }
    }
}

/// Some changes to some bytes: overwritten, cut out, put in.
#[derive(Clone, Debug)]
enum Change {
    Set(prop::sample::Index, u8),
    Flip(prop::sample::Index, u8),
    Cut(prop::sample::Index, usize),
    Insert(prop::sample::Index, Vec<u8>),
    Word(prop::sample::Index, u64),
}

fn changes() -> impl Strategy<Value = Vec<Change>> {
    let at = any::<prop::sample::Index>;
    let word = prop_oneof![any::<u64>(), Just(u64::MAX), Just(1 << 32), Just(0xffff_ffff)];
    let change = prop_oneof![
        4 => (at(), any::<u8>()).prop_map(|(at, byte)| Change::Set(at, byte)),
        4 => (at(), 0u8..8).prop_map(|(at, bit)| Change::Flip(at, bit)),
        1 => (at(), 1usize..20).prop_map(|(at, length)| Change::Cut(at, length)),
        1 => (at(), proptest::collection::vec(any::<u8>(), 1..20))
            .prop_map(|(at, bytes)| Change::Insert(at, bytes)),
        1 => (at(), word).prop_map(|(at, word)| Change::Word(at, word)),
    ];
    proptest::collection::vec(change, 1..4)
}

fn changed(bytes: &[u8], changes: &[Change]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for change in changes {
        if bytes.is_empty() {
            break;
        }
        let length = bytes.len();
        match change {
            Change::Set(at, byte) => bytes[at.index(length)] = *byte,
            Change::Flip(at, bit) => bytes[at.index(length)] ^= 1 << bit,
            Change::Cut(at, count) => {
                let at = at.index(length);
                bytes.drain(at..(at + count).min(length));
            }
            Change::Insert(at, more) => {
                let at = at.index(length);
                bytes.splice(at..at, more.iter().copied());
            }
            Change::Word(at, word) => {
                let at = at.index(length);
                let end = (at + 8).min(length);
                bytes[at..end].copy_from_slice(&word.to_le_bytes()[..end - at]);
            }
        }
    }
    bytes
}

/// A block's header, its directory as it was before compression, and its groups likewise.
struct Opened {
    header: BlockHeader,
    directory: Vec<u8>,
    groups: Vec<Vec<u8>>,
}

impl Opened {
    fn from_block(block: &[u8]) -> Opened {
        let (header, mut at) = BlockHeader::take(block).unwrap();
        let mut raw = |size: u32| {
            let mut raw = Vec::new();
            let frame = &block[at..at + size as usize];
            Decompressor::default().open(frame, "frame", &mut raw).unwrap();
            at += size as usize;
            raw
        };
        let directory = raw(header.directory_bytes);
        let groups = header.groups.iter().map(|group| raw(group.frame_bytes)).collect();
        Opened { header, directory, groups }
    }

    fn block(mut self) -> Vec<u8> {
        let mut frames = Vec::new();
        let frame =
            |raw: &[u8], frames: &mut Vec<u8>| Compressor::default().frame(&[raw], frames).unwrap();
        self.header.directory_bytes = frame(&self.directory, &mut frames);
        for (group, raw) in self.header.groups.iter_mut().zip(&self.groups) {
            group.frame_bytes = frame(raw, &mut frames);
        }
        let mut block = Vec::new();
        self.header.put(&mut block).unwrap();
        block.extend_from_slice(&frames);
        block
    }
}

#[test]
fn bytes_that_no_encoder_made_do_no_harm() {
    let dir = tempfile::tempdir().unwrap();
    for name in ["records", "blocks", "directories", "groups", "headers", "journals"] {
        let name = format!("hostile_blocks::child_{name}");
        let limit = format!("ulimit -v {MEMORY_KIB};");
        let output = child::command(&name, dir.path(), &limit, "").output().unwrap();
        child::assert_success(&output);
    }
}

#[test]
fn child_records() {
    if child::dir().is_none() {
        return;
    }
    proptest!(config(1000), |(samples in samples(6, 1000), changes in changes())| {
        let schema = every_type(1_000_000);
        let (archive, _) = record_of(&samples);
        let mut aligned = AlignedVec::<16>::new();
        aligned.extend_from_slice(&changed(&archive, &changes));
        let mut rows = Rows::new(&schema);
        for (width, keys) in [(schema.row_width(), schema.key_width()), (3, 0), (0, 1), (0, 0)] {
            if let Ok(view) = RecordView::access(&aligned, width, keys)
                && (width, keys) == (schema.row_width(), schema.key_width())
                && rows.append(&view).is_ok()
            {
                let mut block = Vec::new();
                Encoder::default().encode(&rows, &schema, 7, &mut block).unwrap();
                ask_everything(&block, &schema);
            }
        }
    });
    proptest!(config(600), |(bytes in proptest::collection::vec(any::<u8>(), 0..200))| {
        let mut aligned = AlignedVec::<16>::new();
        aligned.extend_from_slice(b"NREC\x01\0\0\0\0\0\0\0\0\0\0\0");
        aligned.extend_from_slice(&bytes);
        let _ = RecordView::access(&aligned, 9, 2);
        let _ = RecordView::access(&bytes, 9, 2);
    });
}

#[test]
fn child_blocks() {
    if child::dir().is_none() {
        return;
    }
    proptest!(config(600), |(samples in samples(20, 1000), changes in changes())| {
        ask_everything(&changed(&block_of(&samples), &changes), &every_type(1_000_000));
    });
    proptest!(config(600), |(bytes in proptest::collection::vec(any::<u8>(), 0..300))| {
        ask_everything(&bytes, &every_type(1_000_000));
        let _ = IndexEntry::from_pair((0, 0, 0), &bytes[..bytes.len().min(32)]);
    });
}

#[test]
fn child_directories() {
    if child::dir().is_none() {
        return;
    }
    proptest!(config(1000), |(samples in samples(20, 1000), changes in changes())| {
        let mut opened = Opened::from_block(&block_of(&samples));
        opened.directory = changed(&opened.directory, &changes);
        ask_everything(&opened.block(), &every_type(1_000_000));
    });
}

#[test]
fn child_groups() {
    if child::dir().is_none() {
        return;
    }
    proptest!(config(600), |(
        samples in samples(20, 1000),
        changes in changes(),
        group in any::<prop::sample::Index>(),
    )| {
        let mut opened = Opened::from_block(&block_of(&samples));
        if !opened.groups.is_empty() {
            let group = group.index(opened.groups.len());
            opened.groups[group] = changed(&opened.groups[group], &changes);
            ask_everything(&opened.block(), &every_type(1_000_000));
        }
    });
}

/// Tables of every shape: with and without keys, with and without columns.
fn shapes() -> Vec<Schema> {
    let bare = Schema::sample("bare", "a test", "nothing");
    let mut keyed = bare.clone();
    for key in 0..9 {
        keyed = keyed.key(&format!("key{key}"), ColumnType::U64, "a key");
    }
    let plain = bare.clone().gauge("value", ColumnType::U64, unit::COUNT, "a value");
    let event = Schema { kind: TableKind::Event, ..every_type(0) };
    vec![every_type(1_000_000), bare, keyed, plain, event]
}

#[test]
fn child_headers() {
    if child::dir().is_none() {
        return;
    }
    let count = || {
        prop_oneof![
            Just(0u32),
            Just(1),
            0u32..100,
            any::<u32>(),
            Just(u32::MAX),
            Just(1 << 24),
            (0u32..32).prop_map(|shift| 1 << shift),
        ]
    };
    proptest!(config(500), |(
        samples in samples(10, 1000),
        change in 0usize..6,
        value in count(),
        second in (0usize..6, count()),
        keep_shape in any::<bool>(),
        directory in proptest::option::of(proptest::collection::vec(0u8..3, 0..4000)),
    )| {
        for schema in shapes() {
            let mut opened = Opened::from_block(&block_of(&samples));
            for (change, value) in [(change, value), second] {
                let header = &mut opened.header;
                match change {
                    0 => header.rows = value,
                    1 => header.instances = value,
                    2 => header.width = value,
                    3 => header.key_width = value as u16,
                    4 => header.flags = value as u16,
                    _ => if let Some(group) = header.groups.last_mut() { group.end_column = value },
                }
            }
            if keep_shape {
                opened.header.width = schema.row_width() as u32;
                opened.header.key_width = schema.key_width() as u16;
            }
            if let Some(directory) = &directory {
                opened.directory = directory.clone();
            }
            ask_everything(&opened.block(), &schema);
        }
    });
}

#[test]
fn child_journals() {
    if child::dir().is_none() {
        return;
    }
    proptest!(config(1000), |(samples in samples(6, 1000), changes in changes(), twice in 1usize..4)| {
        let (archive, _) = record_of(&samples);
        let mut entry = Vec::new();
        for number in 0..twice as u64 {
            entry.extend_from_slice(&(archive.len() as u64).to_le_bytes());
            entry.extend_from_slice(&number.to_le_bytes());
            entry.extend_from_slice(&archive);
            entry.resize(entry.len().next_multiple_of(16), 0);
        }
        let mut frame = Vec::new();
        Compressor::default().frame(&[&changed(&entry, &changes)], &mut frame).unwrap();
        let _ = JournalReader::default().read(&frame, |_, _, record| {
            let _ = RecordView::access(record, 7, 2);
        });
        let _ = JournalReader::default().read(&changed(&frame, &changes), |_, _, _| ());
    });
}

/// A frame whose header promises what its length could never hold, and one that does hold it.
#[test]
fn a_frame_that_grows_without_end_is_refused() {
    let zeros = vec![0u8; 64 << 20];
    let sections: Vec<&[u8]> = (0..80).map(|_| &zeros[..]).collect();
    let mut frame = Vec::new();
    if Compressor::default().frame(&sections, &mut frame).is_ok() {
        let mut out = Vec::new();
        let opened = Decompressor::default().open(&frame, "bomb", &mut out);
        assert!(opened.is_err(), "{} bytes became {}", frame.len(), out.len());
    }
}
