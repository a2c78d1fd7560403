//! What it costs to sample every CPU each millisecond in the kernel, and to keep it.
//!
//! ```text
//! ring [SECONDS]     how long to measure each thing; 30 unless said otherwise
//! ```
//!
//! `NODEMON_FREC` names a directory with `synth64_cpu.frec.zst`, out of which 128 CPUs are
//! computed; without it that part is left out.

mod burn;
mod intervals;
mod many;
mod pipeline;
mod whole;

use std::error::Error;
use std::process::ExitCode;
use std::time::Duration;

fn main() -> ExitCode {
    let seconds = std::env::args().nth(1).map_or(Ok(30), |text| text.parse());
    let outcome = match seconds {
        Ok(seconds) => measure(Duration::from_secs(seconds)),
        Err(why) => Err(format!("usage: ring [SECONDS]: {why}").into()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("ring: {why}");
            ExitCode::FAILURE
        }
    }
}

fn measure(span: Duration) -> Result<(), Box<dyn Error>> {
    intervals::measure(span)?;
    pipeline::measure(span)?;
    whole::measure(span)?;
    match std::env::var_os("NODEMON_FREC") {
        Some(inputs) => many::measure(&std::path::PathBuf::from(inputs))?,
        None => eprintln!("ring: 128 CPUs are left out: NODEMON_FREC names no inputs"),
    }
    Ok(())
}

/// CPU time of this thread so far, ns.
fn thread_cpu_ns() -> u64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    (time.tv_sec * 1_000_000_000 + time.tv_nsec).cast_unsigned()
}
