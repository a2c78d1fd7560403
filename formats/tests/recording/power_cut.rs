//! Power fails between two syncs: what was synced is on the disk, and of what was written since,
//! any part in any mixture. Every such disk must give back every commit that had returned.

use super::support::{Row, bits, config, push_into, rows_of};
use nodemon_formats::block::{Compressor, Encoder, Rows};
use nodemon_formats::clock::ClockOffset;
use nodemon_formats::record::RecordBuilder;
use nodemon_formats::schema::{ColumnType, Schema, unit};
use nodemon_formats::segment::{Batch, ChunkKind, IndexEntry, SegmentDescription, SegmentWriter};
use nodemon_formats::value::Value;
use proptest::prelude::*;
use redb::backends::FileBackend;
use redb::{BackendError, StorageBackend};
use std::collections::BTreeMap;
use std::io;
use std::ops::Bound;
use std::sync::{Arc, Mutex};

/// What reached the storage, in order.
#[derive(Clone, Debug)]
enum Operation {
    Write(u64, Vec<u8>),
    Length(u64),
    Sync,
    /// The commit of this number has returned.
    Returned(u64),
}

type Log = Arc<Mutex<Vec<Operation>>>;

/// A file that notes what is done to it.
#[derive(Debug)]
struct Noting {
    file: FileBackend,
    log: Log,
}

impl Noting {
    fn note(&self, operation: Operation) {
        self.log.lock().unwrap().push(operation);
    }
}

impl StorageBackend for Noting {
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }
    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.file.read(offset, out)
    }
    fn set_len(&self, length: u64) -> io::Result<()> {
        self.note(Operation::Length(length));
        self.file.set_len(length)
    }
    fn sync_data(&self) -> io::Result<()> {
        self.file.sync_data()?;
        self.note(Operation::Sync);
        Ok(())
    }
    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.note(Operation::Write(offset, data.to_vec()));
        self.file.write(offset, data)
    }
    fn close(&self) -> io::Result<()> {
        self.file.close()
    }
    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.file.try_lock_range(start, end)
    }
    fn lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.file.lock_range(start, end)
    }
    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.file.unlock_range(start, end)
    }
    fn query_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.file.query_lock_range(start, end)
    }
    fn lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.file.lock_shared_range(start, end)
    }
    fn try_lock_shared_range(
        &self,
        start: Bound<u64>,
        end: Bound<u64>,
    ) -> Result<bool, BackendError> {
        self.file.try_lock_shared_range(start, end)
    }
}

/// What a disk holds: its units by number.
#[derive(Clone, Default)]
struct Disk {
    length: u64,
    units: BTreeMap<u64, Vec<u8>>,
}

impl Disk {
    /// Writes the units of `data` that `reaches` lets through.
    fn write(&mut self, unit: u64, offset: u64, data: &[u8], mut reaches: impl FnMut() -> bool) {
        let mut at = 0;
        while at < data.len() {
            let position = offset + at as u64;
            let within = (position % unit) as usize;
            let count = (unit as usize - within).min(data.len() - at);
            if reaches() {
                let held =
                    self.units.entry(position / unit).or_insert_with(|| vec![0; unit as usize]);
                held[within..within + count].copy_from_slice(&data[at..at + count]);
            }
            at += count;
        }
    }

    fn image(&self, unit: u64) -> Vec<u8> {
        let mut image = vec![0; self.length as usize];
        for (number, data) in &self.units {
            let start = ((number * unit) as usize).min(image.len());
            let end = (start + unit as usize).min(image.len());
            image[start..end].copy_from_slice(&data[..end - start]);
        }
        image
    }
}

/// SplitMix64, one bit at a time.
struct Coin(u64);

impl Coin {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        super::noise::word(self.0 >> 8, self.0 & 0xff)
    }
}

/// The disk when power fails after `cut` operations, and how many commits had returned.
fn disk_at(log: &[Operation], cut: usize, unit: u64, seed: u64, percent: u64) -> (Vec<u8>, u64) {
    let last_sync = log[..cut].iter().rposition(|at| matches!(at, Operation::Sync));
    let synced = last_sync.map_or(0, |at| at + 1);
    let mut coin = Coin(seed);
    let mut disk = Disk::default();
    let mut returned = 0;
    for (number, operation) in log[..cut].iter().enumerate() {
        let mut reaches = || number < synced || coin.next() % 100 < percent;
        match operation {
            Operation::Write(offset, data) => disk.write(unit, *offset, data, reaches),
            Operation::Length(length) if reaches() => disk.length = *length,
            Operation::Returned(commit) => returned = *commit,
            Operation::Length(_) | Operation::Sync => {}
        }
    }
    (disk.image(unit), returned)
}

const COMMITS: u64 = 14;
/// The slow table is sealed with every so many commits.
const SEALED_EVERY: u64 = 5;

fn fast() -> Schema {
    let mut schema = Schema::sample("fast", "a test", "sealed with every commit")
        .key("lane", ColumnType::U64, "which")
        .gauge("word", ColumnType::U64, unit::COUNT, "noise");
    schema.interval_ns = 1_000_000;
    schema
}

fn slow() -> Schema {
    let mut schema = Schema::sample("slow", "a test", "goes through the journal")
        .state("name", ColumnType::String, "text")
        .counter("count", unit::COUNT, "grows");
    schema.interval_ns = 1_000_000_000;
    schema
}

/// A segment under construction, and every row that it was given, by commit.
struct Building {
    writer: SegmentWriter,
    log: Log,
    fast_rows: Rows,
    slow_rows: Rows,
    slow_records: u64,
    live: Vec<(u64, u8)>,
    blocks: u64,
    rows: BTreeMap<u64, [Vec<Row>; 2]>,
}

impl Building {
    fn start(dir: &std::path::Path) -> Building {
        let log = Log::default();
        let description = SegmentDescription {
            number: 1,
            host: "node".into(),
            boot_id: "boot".into(),
            recorder_version: "test".into(),
            tier_ns: 0,
            created: ClockOffset { from_ns: 0, offset_ns: 1_700_000_000_000_000_000 },
        };
        let noted = log.clone();
        let writer = SegmentWriter::create_over(dir, &description, 256 << 10, |file| {
            Ok(Noting { file: FileBackend::new(file)?, log: noted })
        });
        let mut building = Building {
            writer: writer.unwrap(),
            log,
            fast_rows: Rows::new(&fast()),
            slow_rows: Rows::new(&slow()),
            slow_records: 0,
            live: Vec::new(),
            blocks: 0,
            rows: BTreeMap::new(),
        };
        building.returned(0);
        building
    }

    fn returned(&mut self, commit: u64) {
        self.log.lock().unwrap().push(Operation::Returned(commit));
    }

    fn commit(&mut self, commit: u64) {
        let mut batch = Batch::default();
        if commit == 1 {
            batch.put_schema(0, &fast()).unwrap();
            batch.put_schema(1, &slow()).unwrap();
        }
        let mut rows: [Vec<Row>; 2] = Default::default();
        // From a few hundred bytes to a quarter of a MiB, so that the file grows at times.
        let samples = [3, 40, 700, 4000][commit as usize % 4];
        let mut record = RecordBuilder::new(&fast());
        for sample in 0..samples {
            let time_ns = commit * 1_000_000_000 + sample * 1000;
            record.begin_sample(time_ns);
            for lane in 0..4 {
                let word = super::noise::word(time_ns, lane);
                record.instance(|key| key.u64(lane));
                record.u64(word);
                rows[0].push((time_ns, vec![Value::U64(lane)], vec![Value::U64(word)]));
            }
            record.end_sample();
        }
        push_into(&mut self.fast_rows, &fast(), &mut record, 0);
        self.seal(0, 0, &mut batch);

        let time_ns = commit * 1_000_000_000;
        let name = format!("commit {commit}");
        record = RecordBuilder::new(&slow());
        record.begin_sample(time_ns);
        record.str(&name);
        record.u64(commit);
        record.end_sample();
        rows[1].push((time_ns, vec![], vec![Value::String(name), Value::U64(commit)]));
        let archive = push_into(&mut self.slow_rows, &slow(), &mut record, 1);
        self.slow_records += 1;
        if commit.is_multiple_of(SEALED_EVERY) {
            self.seal(1, self.slow_records, &mut batch);
            for (id, pieces) in self.live.drain(..) {
                batch.remove_journal(id, pieces);
            }
        } else {
            let mut entry = Vec::new();
            entry.extend_from_slice(&(archive.len() as u64).to_le_bytes());
            entry.extend_from_slice(&self.slow_records.to_le_bytes());
            entry.extend_from_slice(&archive);
            entry.resize(entry.len().next_multiple_of(16), 0);
            let mut frame = Vec::new();
            Compressor::default().frame(&[&entry], &mut frame).unwrap();
            self.live.push((commit, batch.put(ChunkKind::Journal, commit, &frame)));
        }
        self.rows.insert(commit, rows);
        self.writer.commit(&batch).unwrap();
        self.returned(commit);
    }

    fn seal(&mut self, table: u32, records: u64, batch: &mut Batch) {
        let (rows, schema) = match table {
            0 => (&mut self.fast_rows, fast()),
            _ => (&mut self.slow_rows, slow()),
        };
        let mut block = Vec::new();
        Encoder::default().encode(rows, &schema, table, &mut block).unwrap();
        let pieces = batch.put(ChunkKind::Block, self.blocks, &block);
        batch.index(IndexEntry {
            table,
            id: self.blocks,
            first_ns: rows.times[0],
            last_ns: rows.times[rows.times.len() - 1],
            records,
            rows: rows.times.len() as u32,
            size_bytes: block.len() as u32,
            pieces,
        });
        self.blocks += 1;
        rows.clear();
    }
}

/// What a segment went through, and the rows of each commit.
fn history() -> (Vec<Operation>, BTreeMap<u64, [Vec<Row>; 2]>) {
    let dir = tempfile::tempdir().unwrap();
    let mut building = Building::start(dir.path());
    for commit in 1..=COMMITS {
        building.commit(commit);
    }
    let Building { writer, log, rows, .. } = building;
    drop(writer);
    let log = log.lock().unwrap().clone();
    (log, rows)
}

fn assert_whole(image: &[u8], returned: u64, rows: &BTreeMap<u64, [Vec<Row>; 2]>, story: &str) {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("segment-0000000001.redb"), image).unwrap();
    for (table, name) in ["fast", "slow"].into_iter().enumerate() {
        let (read, problems) = if returned == 0 {
            // Schemas came with the first commit.
            match nodemon_formats::reader::Recording::open(dir.path()) {
                Ok(recording) => super::support::rows_in(&recording, name, 1),
                Err(error) => panic!("{story}: {error}"),
            }
        } else {
            rows_of(dir.path(), name, 1)
        };
        let read = bits(&read);
        let all: Vec<Row> = rows.values().flat_map(|rows| rows[table].clone()).collect();
        let least = rows.range(..=returned).map(|(_, rows)| rows[table].len()).sum::<usize>();
        let all = bits(&all);
        assert!(
            read.len() >= least,
            "{story}: {} of {least} rows of {name} are left; {problems:?}",
            read.len()
        );
        assert_eq!(read, all[..read.len()], "{story}: rows of {name}");
        // All of one commit or nothing of it.
        let whole = (0..=COMMITS).any(|commit| {
            rows.range(..=commit).map(|(_, rows)| rows[table].len()).sum::<usize>() == read.len()
        });
        assert!(whole, "{story}: {} rows of {name} are a part of a commit", read.len());
    }
}

#[test]
fn every_disk_that_a_power_cut_leaves_has_every_commit_that_had_returned() {
    let (log, rows) = history();
    let created = log.iter().position(|at| matches!(at, Operation::Returned(0))).unwrap();
    proptest!(config(150), |(
        cut in created + 1..=log.len(),
        unit in prop_oneof![Just(512u64), Just(4096)],
        seed in any::<u64>(),
        percent in prop_oneof![Just(0u64), Just(100), Just(50), Just(10), Just(90)],
    )| {
        let (image, returned) = disk_at(&log, cut, unit, seed, percent);
        let story = format!(
            "power failed after {cut} of {} operations, commit {returned} had returned, {percent} % \
             of the unsynced units of {unit} bytes (seed {seed}) reached the disk",
            log.len()
        );
        assert_whole(&image, returned, &rows, &story);
    });
}
