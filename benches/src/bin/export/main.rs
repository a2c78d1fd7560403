//! How fast answers are written as Parquet and CSV, beside the `parquet` crate's own encoder and
//! DuckDB's `COPY`, all in one run over the same rows.
//!
//! `export [REPEATS]`. Files are written to a directory in `TMPDIR`; every figure is the best of
//! REPEATS (3) runs on one thread. DuckDB is run by the python3 in `PYTHON`, or in `PATH`, where it
//! has the `duckdb` package; otherwise its lines are missing and a word says so.

mod crate_encoder;
mod duckdb;
mod workload;

use nodemon_query::columnar::parquet::ParquetWriter;
use std::error::Error;
use std::fs::File;
use std::path::Path;
use std::time::Instant;
use workload::Workload;

/// What DuckDB calls the same compression.
const DUCKDB_PARQUET: &str = "format parquet, compression zstd, compression_level 1";

/// What writing a file took.
#[derive(Clone, Copy)]
pub struct Cost {
    /// Seconds.
    seconds: f64,
    /// Bytes of the file.
    bytes: u64,
}

fn main() -> Result<(), Box<dyn Error>> {
    let repeats = std::env::args().nth(1).map_or(Ok(3), |n| n.parse())?;
    let dir = tempfile::tempdir()?;
    let duckdb = duckdb::find();
    println!("{:<40} {:>9} {:>11} {:>9}", "", "M rows/s", "M values/s", "B/row");
    for workload in [Workload::narrow(8_000_000), Workload::wide(131_072)] {
        let parquet = dir.path().join("ours.parquet");
        let ours = best(repeats, || write_parquet(&workload, &parquet, 1))?;
        show(&workload, "Parquet, nodemon", ours);
        let threads = best(repeats, || write_parquet(&workload, &parquet, 2))?;
        show(&workload, "Parquet, nodemon, 2 threads", threads);
        let theirs = dir.path().join("crate.parquet");
        let plain = best(repeats, || crate_encoder::write(&workload, &theirs))?;
        show(&workload, "Parquet, the parquet crate's encoder", plain);
        if let Ok(python) = &duckdb {
            let copy = duckdb::copy(python, &parquet, dir.path(), DUCKDB_PARQUET, repeats)?;
            show(&workload, "Parquet, DuckDB COPY", copy);
        }
    }
    if let Err(why) = duckdb {
        println!("DuckDB is left out: {why}");
    }
    Ok(())
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
    let begin = Instant::now();
    let mut writer = ParquetWriter::new(File::create(path)?, &workload.header, threads)?;
    for batch in &workload.batches {
        writer.rows(batch)?;
    }
    writer.finish()?;
    Ok(Cost { seconds: begin.elapsed().as_secs_f64(), bytes: path.metadata()?.len() })
}

fn show(workload: &Workload, what: &str, cost: Cost) {
    let rows = workload.rows() as f64;
    let values = rows * (workload.header.fields.len() + 1) as f64;
    let what = format!("{}: {what}", workload.name);
    println!(
        "{what:<40} {:>9.2} {:>11.1} {:>9.2}",
        rows / cost.seconds / 1e6,
        values / cost.seconds / 1e6,
        cost.bytes as f64 / rows
    );
}
