//! What programs in the kernel cost: each event, emptying a map, and all of it under a load.
//!
//! ```text
//! programs [SECONDS]     how long to measure each thing; 20 unless said otherwise
//! ```

mod each;
mod filled_map;
mod load;
mod map;
mod operations;
mod subjects;
mod whole;

use std::error::Error;
use std::process::ExitCode;
use std::time::Duration;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match arguments[..] {
        ["be-the-load"] => load::run(),
        [] => measure(Duration::from_secs(20)),
        [seconds] => match seconds.parse() {
            Ok(seconds) => measure(Duration::from_secs(seconds)),
            Err(why) => Err(format!("usage: programs [SECONDS]: {why}").into()),
        },
        _ => Err("usage: programs [SECONDS]".into()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("programs: {why}");
            ExitCode::FAILURE
        }
    }
}

fn measure(span: Duration) -> Result<(), Box<dyn Error>> {
    map::measure()?;
    operations::measure()?;
    each::measure(span)?;
    whole::measure(span)
}
