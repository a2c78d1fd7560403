//! Bytes a value, encode and decode time a value of the block codec on recorded inputs.
//!
//! `codec FILE.frec.zst...` reads files in the FREC format, see `frec`.
//!
//! Blocks are what the recorder would make: one second of samples that come faster than that, 60
//! rows of slower ones. Everything a block carries is counted: header, directory, rollups,
//! checksums. Times are CPU time of one thread, the best of five rounds. Encoding includes turning
//! rows into columns; decoding is of all columns; its floor is zstd alone on the same frames and a
//! store for each word that changes.

#[path = "queries/floor.rs"]
mod floor;

use floor::Floor;
use nodemon_benches::frec::{self, Input};
use nodemon_formats::block::{Block, Decompressor, Encoder, Rows};
use nodemon_formats::record::{RecordBuilder, RecordView};
use nodemon_formats::schema::{ColumnType, Schema, unit};
use std::error::Error;
use std::hint::black_box;
use std::path::Path;

/// What was measured of one input, or of all together.
#[derive(Default)]
struct Measured {
    bytes: usize,
    /// Of these, those for the times of rows.
    times_bytes: usize,
    /// Of these, headers and directories without times.
    other_bytes: usize,
    values: usize,
    encode_s: f64,
    decode_s: f64,
    /// The least that decoding can take.
    floor_s: f64,
}

impl Measured {
    fn print(&self, name: &str, columns: &str, rows: &str) {
        let values = self.values as f64;
        println!(
            "{name:<24} {columns:>8} {rows:>8} {:>9.4} {:>9.4} {:>9.4} {:>10.2} {:>10.2} {:>10.2}",
            self.bytes as f64 / values,
            self.times_bytes as f64 / values,
            self.other_bytes as f64 / values,
            self.encode_s * 1e9 / values,
            self.decode_s * 1e9 / values,
            self.floor_s * 1e9 / values,
        );
    }

    fn add(&mut self, other: &Measured) {
        self.bytes += other.bytes;
        self.times_bytes += other.times_bytes;
        self.other_bytes += other.other_bytes;
        self.values += other.values;
        self.encode_s += other.encode_s;
        self.decode_s += other.decode_s;
        self.floor_s += other.floor_s;
    }
}

/// Counters only grow; everything else is a gauge and pays for smallest, largest and sum.
fn schema_of(input: &Input) -> Schema {
    input.names.iter().zip(&input.columns).fold(
        Schema::sample("input", "FREC", "a recorded input"),
        |schema, (name, column)| {
            if column.windows(2).all(|pair| pair[0] <= pair[1]) {
                schema.counter(name, unit::COUNT, "")
            } else {
                schema.gauge(name, ColumnType::U64, unit::COUNT, "")
            }
        },
    )
}

fn main() -> Result<(), Box<dyn Error>> {
    let paths: Vec<String> = std::env::args().skip(1).collect();
    if paths.is_empty() {
        return Err("usage: codec FILE.frec.zst...".into());
    }
    println!(
        "{:<24} {:>8} {:>8} {:>9} {:>9} {:>9} {:>10} {:>10} {:>10}",
        "input",
        "columns",
        "rows",
        "B/value",
        "times B",
        "other B",
        "encode ns",
        "decode ns",
        "floor ns"
    );
    let mut total = Measured::default();
    for path in &paths {
        total.add(&measure(path)?);
    }
    if paths.len() > 1 {
        total.print("all", "", "");
    }
    Ok(())
}

fn measure(path: &str) -> Result<Measured, Box<dyn Error>> {
    let input = frec::read(Path::new(path))?;
    let schema = schema_of(&input);
    let span = input.times.last().unwrap_or(&0) - input.times.first().unwrap_or(&0);
    let interval = span / (input.times.len() as u64 - 1).max(1);
    let block_rows = (1_000_000_000 / interval.max(1)).max(60) as usize;

    let mut blocks = Vec::new();
    let mut record = RecordBuilder::new(&schema);
    let mut archive = Default::default();
    for start in (0..input.times.len()).step_by(block_rows) {
        let end = (start + block_rows).min(input.times.len());
        for row in start..end {
            record.begin_sample(input.times[row]);
            input.columns.iter().for_each(|column| record.u64(column[row]));
            record.end_sample();
        }
        record.finish(0, &mut archive)?;
        let view = RecordView::access(&archive, schema.row_width(), schema.key_width())?;
        let mut rows = Rows::new(&schema);
        rows.append(&view)?;
        blocks.push(rows);
    }

    let mut encoder = Encoder::default();
    let mut decompressor = Decompressor::default();
    let values = input.times.len() * input.columns.len();
    let (mut encode, mut decode) = (f64::MAX, f64::MAX);
    let mut encoded: Vec<Vec<u8>> = vec![Vec::new(); blocks.len()];
    let all: Vec<usize> = (0..schema.row_width()).collect();
    for _ in 0..5 {
        let begin = cpu_s();
        for (rows, out) in blocks.iter().zip(&mut encoded) {
            out.clear();
            encoder.encode(rows, &schema, 0, out)?;
        }
        encode = encode.min(cpu_s() - begin);
        let begin = cpu_s();
        for bytes in &encoded {
            let block = Block::open(bytes, &schema, &mut decompressor)?;
            black_box(block.times());
            black_box(block.columns(&all, &mut decompressor)?);
        }
        decode = decode.min(cpu_s() - begin);
    }
    let mut floor = Floor::new()?;
    encoded.iter().try_for_each(|bytes| floor.add(bytes, &schema))?;
    let mut least = f64::MAX;
    for _ in 0..5 {
        let begin = cpu_s();
        floor.run()?;
        least = least.min(cpu_s() - begin);
    }
    let mut row = 0;
    for bytes in &encoded {
        let block = Block::open(bytes, &schema, &mut decompressor)?;
        let times = block.times();
        let columns = block.columns(&all, &mut decompressor)?;
        for (at, time) in times.iter().enumerate() {
            if *time != input.times[row + at] {
                return Err(format!("{path}: the time of row {} came back wrong", row + at).into());
            }
        }
        for (cells, column) in columns.iter().zip(&input.columns) {
            for at in 0..times.len() {
                if cells.words.at(at) != column[row + at] {
                    return Err(
                        format!("{path}: a value of row {} came back wrong", row + at).into()
                    );
                }
            }
        }
        row += times.len();
    }
    let bytes: usize = encoded.iter().map(Vec::len).sum();
    let mut directories = 0;
    for bytes in &encoded {
        let block = Block::open(bytes, &schema, &mut decompressor)?;
        let groups: u32 = block.header().groups.iter().map(|group| group.frame_bytes).sum();
        directories += bytes.len() - groups as usize;
    }
    let times_bytes = bytes - encode_without_times(&blocks, &schema)?;
    let measured = Measured {
        bytes,
        times_bytes,
        other_bytes: directories - times_bytes,
        values,
        encode_s: encode,
        decode_s: decode,
        floor_s: least,
    };
    let name = path.rsplit('/').next().unwrap_or(path);
    measured.print(name, &input.columns.len().to_string(), &input.times.len().to_string());
    Ok(measured)
}

/// What the blocks would take if their rows were evenly spaced.
fn encode_without_times(blocks: &[Rows], schema: &Schema) -> Result<usize, Box<dyn Error>> {
    let mut encoder = Encoder::default();
    let mut out = Vec::new();
    for rows in blocks {
        let mut even = rows.clone();
        (0u64..).zip(&mut even.times).for_each(|(row, time)| *time = row * 1_000_000);
        encoder.encode(&even, schema, 0, &mut out)?;
    }
    Ok(out.len())
}

/// CPU time of this thread, seconds: what else runs on the machine does not count.
fn cpu_s() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}
