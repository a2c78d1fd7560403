//! One metric over one hour at 1 s, with nothing of the recording in memory.

use crate::node::{METRIC, write_hour};
use crate::{best_and_median, query_program, timed};
use nodemon_formats::reader::{Recording, ScanItem, ScanRequest};
use std::error::Error;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

const TRIES: usize = 9;

/// Measures and prints.
///
/// # Errors
/// When the recording cannot be written or does not answer.
pub fn measure(dir: &Path) -> Result<(), Box<dyn Error>> {
    eprintln!("queries: writing an hour");
    let values = write_hour(dir)?;
    let recording = Recording::open(dir)?;
    let size: u64 = recording.tables()?.iter().map(|table| table.size_bytes).sum();
    println!(
        "One metric over one hour at 1 s, out of a recording of {} M values in {:.1} MB of blocks:\n",
        values / 1_000_000,
        size as f64 / 1e6
    );
    drop(recording);
    println!("| | best, ms | median, ms |\n| --- | ---: | ---: |");
    let query = query_program()?;
    let process = || {
        timed(
            Command::new(&query)
                .arg("--dir")
                .arg(dir)
                .args(["range", "-t", METRIC.0, "-c", METRIC.1, "-f", "csv"]),
        )
    };
    if forget_caches().is_ok() {
        row("cold, open and read in a process that runs", || {
            forget_caches()?;
            answer(dir)
        })?;
        row("cold, `nodemon-query range` from its start to its end, itself on disk", || {
            forget_caches()?;
            process()
        })?;
    } else {
        eprintln!("queries: cold times are left out: only root may drop the page cache");
    }
    row("warm, open and read in a process that runs", || answer(dir))?;
    row("warm, `nodemon-query range` from its start to its end", process)
}

fn row(
    name: &str,
    mut once: impl FnMut() -> Result<Duration, Box<dyn Error>>,
) -> Result<(), Box<dyn Error>> {
    let times = (0..TRIES).map(|_| once()).collect::<Result<Vec<_>, _>>()?;
    let (best, median) = best_and_median(times);
    println!("| {name} | {:.2} | {:.2} |", best.as_secs_f64() * 1e3, median.as_secs_f64() * 1e3);
    Ok(())
}

/// Opens the recording and reads the metric: how long that takes.
fn answer(dir: &Path) -> Result<Duration, Box<dyn Error>> {
    let start = Instant::now();
    let recording = Recording::open(dir)?;
    let schema = recording.schema(METRIC.0).ok_or("the recording lacks the table")?;
    let column = schema
        .row_columns()
        .position(|column| column.name == METRIC.1)
        .ok_or("the table lacks the column")?;
    let request = ScanRequest {
        table: METRIC.0.into(),
        from: i64::MIN,
        to: i64::MAX,
        columns: Some(vec![column]),
        ..ScanRequest::default()
    };
    let mut rows = 0;
    for item in recording.scan(request)? {
        match item? {
            ScanItem::Chunk(chunk) => rows += chunk.rows(),
            other => return Err(format!("unexpected: {other:?}").into()),
        }
    }
    let elapsed = start.elapsed();
    if rows == 3600 { Ok(elapsed) } else { Err(format!("{rows} rows instead of 3600").into()) }
}

/// Has the kernel write what is dirty and forget what it holds of files, proc_sys_vm(5).
fn forget_caches() -> Result<(), Box<dyn Error>> {
    rustix::fs::sync();
    Ok(std::fs::write("/proc/sys/vm/drop_caches", "3")?)
}
