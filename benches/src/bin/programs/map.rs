//! Emptying a map of 10,000 elements.

use nodemon_recorder_ebpf::drain::TrialMap;
use std::error::Error;
use std::time::Instant;

/// Elements, and how often they are read.
const ELEMENTS: u32 = 10_000;
const TURNS: usize = 50;

/// Measures it, and prints it.
pub fn measure() -> Result<(), Box<dyn Error>> {
    println!("Reading a map of {ELEMENTS} elements, each with a value on every CPU:\n");
    println!("| | ms, median of {TURNS} |\n| --- | ---: |");
    let mut map = TrialMap::filled(ELEMENTS)?;
    let mut many = Vec::new();
    for _ in 0..TURNS {
        let begun = Instant::now();
        let count = map.read()?;
        many.push(begun.elapsed());
        if count != u64::from(ELEMENTS) {
            return Err(format!("{count} elements of {ELEMENTS} were read").into());
        }
    }
    let mut single = Vec::new();
    for _ in 0..TURNS / 5 {
        let begun = Instant::now();
        map.read_one_by_one();
        single.push(begun.elapsed());
    }
    for (what, mut times) in [("many at once, as nodemon does", many), ("one by one", single)] {
        times.sort();
        println!("| {what} | {:.2} |", times[times.len() / 2].as_secs_f64() * 1e3);
    }
    println!();
    Ok(())
}
