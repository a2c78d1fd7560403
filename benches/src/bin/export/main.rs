//! How fast answers are written as Parquet and CSV, beside DuckDB's `COPY`, all in one run over the
//! same rows.
//!
//! `export [REPEATS]`. Files are written to a directory in `TMPDIR`; every figure is the best of
//! REPEATS (3) runs, on one thread where the line does not say otherwise. What the encoders take is
//! measured without a file; a CSV file is durable when it is there, and beside it stands what the
//! same bytes take that are written and synced without being made. DuckDB is run by the
//! python3 in `PYTHON`, or in `PATH`, where it has the `duckdb` package; otherwise its lines are
//! missing and a word says so.

mod duckdb;
mod recording;
mod workload;

use nodemon_query::columnar::parquet::ParquetWriter;
use nodemon_query::output::Output;
use nodemon_query::rows::Sink;
use nodemon_query::sink::csv::{CsvEncoder, CsvSink};
use rustix::time::{ClockId, clock_gettime};
use std::error::Error;
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::Instant;
use workload::Workload;

/// Where what was encoded is thrown away.
const NOWHERE: &str = "/dev/null";

/// What DuckDB calls the same compression.
const DUCKDB_PARQUET: &str = "format parquet, compression zstd, compression_level 1";
const DUCKDB_CSV: &str = "format csv, header true";

/// What writing a file took.
#[derive(Clone, Copy)]
pub struct Cost {
    /// Seconds on the clock.
    pub seconds: f64,
    /// Seconds of CPU time, all threads together.
    pub cpu_seconds: f64,
    /// Bytes of the file.
    pub bytes: u64,
}

fn main() -> Result<(), Box<dyn Error>> {
    let repeats = std::env::args().nth(1).map_or(Ok(3), |n| n.parse())?;
    let home = tempfile::tempdir()?;
    let dir = home.path();
    let duckdb = duckdb::find();
    println!(
        "Rows to a file, from memory or out of a recording: CPU time of a busy node, in ns, every \
         millisecond. Narrow is the time and one counter, wide the time and 512 counters. Best of \
         {repeats}, on one thread where the line does not say otherwise.\n"
    );
    println!("| | M rows/s | M values/s | CPU ns a value | B a row |");
    println!("| --- | ---: | ---: | ---: | ---: |");
    for workload in [Workload::narrow(8_000_000), Workload::wide(131_072)] {
        let parquet = dir.join("ours.parquet");
        // Two columns are not worth a second thread.
        let threads: &[usize] = if workload.header.fields.len() > 1 { &[1, 2] } else { &[1] };
        for &threads in threads {
            let ours = best(repeats, || write_parquet(&workload, &parquet, threads))?;
            show(&workload, &format!("Parquet, nodemon{}", on(threads)), ours);
        }
        if let Ok(python) = &duckdb {
            let copy = duckdb::copy(python, &parquet, dir, DUCKDB_PARQUET, repeats)?;
            show(&workload, "Parquet, DuckDB COPY", copy);
        }
        let parquet_alone = best(repeats, || write_parquet(&workload, Path::new(NOWHERE), 1))?;
        let parquet_alone = Cost { bytes: parquet.metadata()?.len(), ..parquet_alone };
        show(&workload, "Parquet, nodemon, the encoder without a file", parquet_alone);
        let path = dir.join("ours.csv");
        let csv = best(repeats, || write_csv(&workload, &path))?;
        let alone = best(repeats, || write_csv(&workload, Path::new(NOWHERE)))?;
        show(
            &workload,
            "CSV, nodemon, the encoder without a file",
            Cost { bytes: csv.bytes, ..alone },
        );
        show(&workload, "CSV, nodemon, a durable file", csv);
        let floor = best(repeats, || write_bytes(csv.bytes, &path))?;
        show(&workload, "CSV, the floor: as many bytes written and synced", floor);
        if let Ok(python) = &duckdb {
            let copy = duckdb::copy(python, &parquet, dir, DUCKDB_CSV, repeats)?;
            show(&workload, "CSV, DuckDB COPY", copy);
        }
        let recorded = recording::write(&workload, &dir.join(workload.name))?;
        for &threads in threads {
            let export = best(repeats, || recording::export(&recorded, &parquet, threads))?;
            let what =
                format!("recording to Parquet, nodemon{} and those that decode", on(threads));
            show(&workload, &what, export);
        }
    }
    if let Err(why) = duckdb {
        eprintln!("export: DuckDB is left out: {why}");
    }
    Ok(())
}

/// What `write` cost, which wrote the file at `path`.
pub fn measure<E: From<std::io::Error>>(
    path: &Path,
    write: impl FnOnce() -> Result<(), E>,
) -> Result<Cost, E> {
    let begin = (Instant::now(), cpu_seconds());
    write()?;
    let seconds = begin.0.elapsed().as_secs_f64();
    Ok(Cost { seconds, cpu_seconds: cpu_seconds() - begin.1, bytes: path.metadata()?.len() })
}

/// CPU time of this process so far.
fn cpu_seconds() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// How many threads encode, where it is more than one.
fn on(threads: usize) -> String {
    if threads == 1 { String::new() } else { format!(", {threads} threads") }
}

/// The cheapest of some runs.
fn best<E>(repeats: usize, mut run: impl FnMut() -> Result<Cost, E>) -> Result<Cost, E> {
    let mut least = run()?;
    for _ in 1..repeats {
        let cost = run()?;
        if cost.seconds < least.seconds {
            least = cost;
        }
    }
    Ok(least)
}

fn write_parquet(workload: &Workload, path: &Path, threads: usize) -> Result<Cost, Box<dyn Error>> {
    measure(path, || {
        let mut writer = ParquetWriter::new(File::create(path)?, &workload.header, threads)?;
        for batch in &workload.batches {
            writer.rows(batch)?;
        }
        Ok(writer.finish()?)
    })
}

fn write_csv(workload: &Workload, path: &Path) -> Result<Cost, Box<dyn Error>> {
    measure(path, || {
        let encoder = CsvEncoder::new(workload.header.clone()).without_gaps();
        let mut sink = CsvSink::from_encoder(encoder, Output::file(path)?);
        for batch in &workload.batches {
            sink.rows(batch)?;
        }
        Ok(sink.finish()?)
    })
}

/// The same bytes again and again, in pieces of the size in which CSV is written, then synced.
fn write_bytes(count: u64, path: &Path) -> Result<Cost, Box<dyn Error>> {
    measure(path, || {
        let piece = vec![b'7'; 256 << 10];
        let mut file = File::create(path)?;
        let mut left = count;
        while left > 0 {
            let next = left.min(piece.len() as u64);
            file.write_all(&piece[..next as usize])?;
            left -= next;
        }
        Ok(file.sync_all()?)
    })
}

fn show(workload: &Workload, what: &str, cost: Cost) {
    let rows = workload.rows() as f64;
    let values = rows * (workload.header.fields.len() + 1) as f64;
    let what = format!("{}: {what}", workload.name);
    println!(
        "| {what} | {:.2} | {:.1} | {:.2} | {:.2} |",
        rows / cost.seconds / 1e6,
        values / cost.seconds / 1e6,
        cost.cpu_seconds * 1e9 / values,
        cost.bytes as f64 / rows
    );
}
