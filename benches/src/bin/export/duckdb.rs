//! DuckDB's `COPY` of the same rows, on one thread, out of memory.

use crate::Cost;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Reads our file into a table in memory, and then writes that; prints the seconds of the fastest
/// run and the bytes.
const COPY: &str = r"
import duckdb, os, sys, time
source, target, options, repeats = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
db = duckdb.connect(config={'threads': 1, 'preserve_insertion_order': True})
db.execute('set enable_progress_bar = false')
db.execute(f'create table t as select * from read_parquet({source!r})')
best = (float('inf'), 0)
for _ in range(repeats):
    if os.path.exists(target):
        os.remove(target)
    begin, cpu = time.perf_counter(), time.process_time()
    db.execute(f'copy t to {target!r} ({options})')
    best = min(best, (time.perf_counter() - begin, time.process_time() - cpu))
print(*best, os.path.getsize(target))
";

/// A python3 that has DuckDB.
///
/// # Errors
/// Why there is none, in words.
pub fn find() -> Result<PathBuf, String> {
    let python = std::env::var_os("PYTHON").map_or_else(|| "python3".into(), PathBuf::from);
    match Command::new(&python).args(["-c", "import duckdb"]).output() {
        Ok(output) if output.status.success() => Ok(python),
        Ok(_) => Err(format!("{} has no duckdb package", python.display())),
        Err(error) => Err(format!("cannot run {}: {error}", python.display())),
    }
}

/// Copies the rows of `source`, a Parquet file, with these options of `COPY`.
///
/// # Errors
/// When DuckDB cannot do it.
pub fn copy(
    python: &Path,
    source: &Path,
    dir: &Path,
    options: &str,
    repeats: usize,
) -> Result<Cost, Box<dyn Error>> {
    let output = Command::new(python)
        .args(["-c", COPY])
        .arg(source)
        .arg(dir.join("duckdb.out"))
        .arg(options)
        .arg(repeats.to_string())
        .output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned().into());
    }
    let text = String::from_utf8(output.stdout)?;
    match text.split_whitespace().collect::<Vec<_>>()[..] {
        [seconds, cpu_seconds, bytes] => Ok(Cost {
            seconds: seconds.parse()?,
            cpu_seconds: cpu_seconds.parse()?,
            bytes: bytes.parse()?,
        }),
        _ => Err(format!("DuckDB printed something else: {text}").into()),
    }
}
