//! The times of a block's rows: the shortest step, and how much longer each step is.

use super::BlockError;
use super::coder::{divisor_of, put_plane};
use super::wire::{Wire, put_varint};

/// Appends `times`, but for the first. `steps` is scratch.
pub fn put_times(out: &mut Vec<u8>, times: &[u64], steps: &mut Vec<u64>) {
    steps.clear();
    steps.extend(times.windows(2).map(|pair| pair[1].wrapping_sub(pair[0])));
    let shortest = steps.iter().copied().min().unwrap_or(0);
    steps.iter_mut().for_each(|step| *step -= shortest);
    let (divisor, _) = divisor_of(steps);
    let mut widest = 0;
    for step in steps.iter_mut() {
        *step /= divisor;
        widest |= *step;
    }
    let planes = 8 - widest.leading_zeros() as usize / 8;
    put_varint(out, shortest);
    put_varint(out, divisor);
    put_varint(out, planes as u64);
    (0..planes).for_each(|plane| put_plane(out, steps, plane));
}

/// Reads the times of `rows` rows, the first of which is at `first`. They never go back.
pub fn take_times(wire: &mut Wire<'_>, first: u64, rows: usize) -> Result<Vec<u64>, BlockError> {
    let shortest = wire.varint()?;
    let divisor = wire.varint()?;
    let planes = wire.count(8)?;
    if rows == 0 {
        return Ok(Vec::new());
    }
    let mut times = vec![0u64; rows];
    for plane in 0..planes {
        for (step, &byte) in times[1..].iter_mut().zip(wire.take(rows - 1)?) {
            *step |= u64::from(byte) << (8 * plane);
        }
    }
    let after = |time: u64, step: u64| {
        let longer = step.checked_mul(divisor)?;
        time.checked_add(shortest)?.checked_add(longer)
    };
    let mut time = first;
    times[0] = first;
    for step in &mut times[1..] {
        time = after(time, *step).ok_or(BlockError::Layout("times"))?;
        *step = time;
    }
    Ok(times)
}
