//! What nodemon costs while it records, beside its peers and the floor, on this machine, now.
//!
//! Every contender runs alone, one after the other, under the same light load, sampling once a
//! second; its costs are read from the kernel at both ends of the measured span. Prints a table in
//! Markdown.
//!
//! ```text
//! peers [SECONDS]     how long to measure each of them; 60 unless said otherwise
//! ```

mod contender;
mod load;
mod scraper;
mod table;

use contender::{Atop, Contender, Floor, NodeExporter, Nodemon, Sadc};
use nodemon_benches::cost;
use std::io;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};
use table::Row;

/// Time for a contender to open its files and fill its buffers, before it is measured.
const WARM_UP: Duration = Duration::from_secs(5);

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match arguments[..] {
        ["be-the-floor"] => contender::run_floor(),
        ["be-the-floor-of-processes"] => contender::run_floor_of_processes(),
        ["be-the-load", file] => load::run(Path::new(file)),
        [] => compare(Duration::from_secs(60)),
        [seconds] => match seconds.parse() {
            Ok(seconds) => compare(Duration::from_secs(seconds)),
            Err(why) => Err(io::Error::other(format!("{seconds} is no number of seconds: {why}"))),
        },
        _ => Err(io::Error::other("usage: peers [SECONDS]")),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("peers: {why}");
            ExitCode::FAILURE
        }
    }
}

fn compare(span: Duration) -> io::Result<()> {
    let scratch = tempfile::tempdir()?;
    let _load = load::start(scratch.path())?;
    println!("Every source but processes, at 1 s, {} s each:\n", span.as_secs());
    let system: [&dyn Contender; 5] =
        [&Floor::System, &Nodemon::Proc, &Sadc, &NodeExporter, &Nodemon::Fast];
    table::print(&measure_all(&system, span)?);

    let _crowd = load::start_crowd(scratch.path())?;
    println!("\nWith processes, 96 more of them asleep and 4 at work:\n");
    let processes: [&dyn Contender; 3] = [&Nodemon::Everything, &Nodemon::WithoutPrograms, &Atop];
    table::print(&measure_all(&processes, span)?);

    let _sleepers = load::start_sleepers(900)?;
    println!("\nProcesses alone, 1,000 of them and those of the machine:\n");
    let processes: [&dyn Contender; 4] =
        [&Floor::Processes, &Nodemon::Iterated, &Nodemon::Walked, &Atop];
    table::print(&measure_all(&processes, span)?);
    Ok(())
}

/// A row for each contender that can run here; why another cannot is told on stderr.
fn measure_all(contenders: &[&dyn Contender], span: Duration) -> io::Result<Vec<Row>> {
    let mut rows = Vec::new();
    for contender in contenders {
        eprintln!("peers: {} for {} s", contender.name(), span.as_secs());
        let scratch = tempfile::tempdir()?;
        match measure(*contender, scratch.path(), span) {
            Ok(row) => rows.push(row),
            Err(why) => eprintln!("peers: {} is left out: {why}", contender.name()),
        }
    }
    Ok(rows)
}

fn measure(contender: &dyn Contender, scratch: &Path, span: Duration) -> io::Result<Row> {
    let running = contender.start(scratch)?;
    std::thread::sleep(WARM_UP);
    let pid = running.child.id();
    let start = Instant::now();
    let (cost_before, held_before) = (cost::of_tree(pid)?, contender.held(&running, scratch)?);
    std::thread::sleep(span);
    let elapsed = start.elapsed();
    let (cost_after, held_after) = (cost::of_tree(pid)?, contender.held(&running, scratch)?);
    contender.stop(running)?;
    let left = contender.left(scratch)?;

    let seconds = elapsed.as_secs_f64();
    let grown = held_before.stored_bytes.zip(held_after.stored_bytes);
    let grown = grown.map(|(before, after)| (after - before) as f64 / seconds);
    Ok(Row {
        name: contender.name(),
        cpu_percent: (cost_after.cpu_ns - cost_before.cpu_ns) as f64 / elapsed.as_nanos() as f64
            * 100.0,
        rss_bytes: cost_after.rss_bytes,
        values: left.values.or(held_after.values),
        bytes_a_sample: left.bytes_a_sample.or(grown),
        written_a_second: (cost_after.written_bytes - cost_before.written_bytes) as f64 / seconds,
    })
}
