//! Values a second: decoding everything, and downsampling.

use crate::floor::Floor;
use crate::node::{CPUS, MILLISECONDS, STATES, write_milliseconds};
use crate::{best_and_median, query_program, timed};
use nodemon_formats::reader::{Recording, ScanItem, ScanRequest, Words};
use nodemon_formats::segment::SegmentReader;
use rustix::time::{ClockId, clock_gettime};
use std::error::Error;
use std::hint::black_box;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

const TRIES: usize = 5;
const VALUES: u64 = CPUS * STATES * MILLISECONDS;

/// Measures and prints.
///
/// # Errors
/// When the recording cannot be written or does not answer.
pub fn measure(dir: &Path) -> Result<(), Box<dyn Error>> {
    eprintln!("queries: writing 20 s of 64 CPUs at 1 ms");
    write_milliseconds(dir)?;
    let recording = Recording::open(dir)?;
    let table = recording.table("cpu")?.ok_or("the recording lacks the table")?;
    println!(
        "Time of {CPUS} CPUs in {STATES} states, ns, at 1 ms for {} s, {} M values, {:.3} B a value:\n",
        MILLISECONDS / 1000,
        VALUES / 1_000_000,
        table.size_bytes as f64 / VALUES as f64
    );
    println!("| | M values/s, best of {TRIES} | CPU ns a value |\n| --- | ---: | ---: |");
    let request = ScanRequest {
        table: "cpu".into(),
        from: table.span.0,
        to: table.span.1 + 1,
        threads: 1,
        ..ScanRequest::default()
    };
    let mut floor = floor(dir)?;
    row(
        "the floor: zstd on the same frames in memory, and a store for each word that changes",
        || {
            let start = Instant::now();
            floor.run()?;
            Ok(start.elapsed())
        },
    )?;
    row("decoded from the open recording, one thread", || decode(&recording, &request))?;
    row("decoded and downsampled to min, max and sum a second, one thread", || {
        downsample(&recording, &request)
    })?;
    let query = query_program()?;
    for (step, how) in [("100ms", "from decoded values"), ("1s", "from rollups where they suffice")]
    {
        let name =
            format!("`nodemon-query range --step {step} --agg min,avg,max`, {how}, all of it");
        row(&name, || {
            timed(Command::new(&query).arg("--dir").arg(dir).args([
                "range",
                "-t",
                "cpu",
                "--step",
                step,
                "--agg",
                "min,avg,max",
                "-f",
                "csv",
            ]))
        })?;
    }
    Ok(())
}

fn row(
    name: &str,
    mut once: impl FnMut() -> Result<Duration, Box<dyn Error>>,
) -> Result<(), Box<dyn Error>> {
    let (mut times, mut least) = (Vec::new(), Duration::MAX);
    for _ in 0..TRIES {
        let begin = cpu();
        times.push(once()?);
        least = least.min(cpu().saturating_sub(begin));
    }
    let (best, _) = best_and_median(times);
    let rate = VALUES as f64 / best.as_secs_f64() / 1e6;
    // What another process did is not on this thread's clock.
    let elsewhere = name.starts_with('`');
    let ns = if elsewhere {
        "-".into()
    } else {
        format!("{:.2}", least.as_secs_f64() * 1e9 / VALUES as f64)
    };
    println!("| {name} | {rate:.0} | {ns} |");
    Ok(())
}

/// CPU time of this thread.
fn cpu() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.cast_unsigned(), time.tv_nsec as u32)
}

/// The blocks of the recording in `dir`.
fn floor(dir: &Path) -> Result<Floor, Box<dyn Error>> {
    let mut floor = Floor::new()?;
    for entry in dir.read_dir()? {
        let path = entry?.path();
        if path.extension().is_none_or(|extension| extension != "redb") {
            continue;
        }
        let segment = SegmentReader::open(&path)?;
        let view = segment.view()?;
        for (table, schema) in segment.schemas() {
            for entry in view.entries(*table, 0, u64::MAX)? {
                floor.add(&view.block(entry.id)?, schema)?;
            }
        }
    }
    Ok(floor)
}

fn decode(recording: &Recording, request: &ScanRequest) -> Result<Duration, Box<dyn Error>> {
    let start = Instant::now();
    let mut values = 0;
    for item in recording.scan(request.clone())? {
        if let ScanItem::Chunk(chunk) = item? {
            values += (chunk.rows() * chunk.cells.len()) as u64;
            black_box(&chunk);
        }
    }
    let elapsed = start.elapsed();
    if values == VALUES { Ok(elapsed) } else { Err(format!("{values} values came").into()) }
}

/// One result for each column and chunk, and the recorder makes a chunk a second.
fn downsample(recording: &Recording, request: &ScanRequest) -> Result<Duration, Box<dyn Error>> {
    let start = Instant::now();
    for item in recording.scan(request.clone())? {
        let ScanItem::Chunk(chunk) = item? else { continue };
        for cells in &chunk.cells {
            let folded = match &cells.words {
                Words::Constant(word) => (*word, *word, word * chunk.rows() as u64),
                Words::Each(words) => {
                    words.iter().fold((u64::MAX, 0, 0_u64), |(min, max, sum), word| {
                        (min.min(*word), max.max(*word), sum.wrapping_add(*word))
                    })
                }
            };
            black_box(folded);
        }
    }
    Ok(start.elapsed())
}
