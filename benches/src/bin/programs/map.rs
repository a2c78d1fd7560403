//! Emptying a map of 10,000 elements.

use crate::filled_map::FilledMap;
use std::error::Error;
use std::time::{Duration, Instant};

/// Elements, and how often they are read.
const ELEMENTS: u32 = 10_000;
const TURNS: usize = 200;

/// Measures it, and prints it.
pub fn measure() -> Result<(), Box<dyn Error>> {
    println!("Reading a map of {ELEMENTS} elements:\n");
    println!(
        "| | many at once, as nodemon does, ms, the best of {TURNS} | median | one by one |\n\
         | --- | ---: | ---: | ---: |"
    );
    let cpus = std::thread::available_parallelism()?;
    let of_all = format!("each with a value on each of {cpus} CPUs");
    row("each with one value", &mut FilledMap::new(ELEMENTS, false)?)?;
    row(&of_all, &mut FilledMap::new(ELEMENTS, true)?)?;
    println!();
    Ok(())
}

fn row(what: &str, map: &mut FilledMap) -> Result<(), Box<dyn Error>> {
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
    for _ in 0..TURNS / 20 {
        let begun = Instant::now();
        map.read_one_by_one();
        single.push(begun.elapsed());
    }
    many.sort();
    single.sort();
    let ms = |time: Duration| time.as_secs_f64() * 1e3;
    let [best, median] = [many[0], many[many.len() / 2]].map(ms);
    println!("| {what} | {best:.2} | {median:.2} | {:.2} |", ms(single[single.len() / 2]));
    Ok(())
}
