//! The FREC format, in which inputs for the codec are recorded: `FREC`, `u32` number of columns C,
//! `u64` number of rows R; C names, each a `u16` length and its bytes; R `u64` timestamps; C
//! columns of R `u64` values; little endian, the whole compressed with zstd.

use std::error::Error;
use std::path::Path;

/// A recorded input.
pub struct Input {
    /// Names of the columns.
    pub names: Vec<String>,
    /// Time of each row.
    pub times: Vec<u64>,
    /// The words of each column.
    pub columns: Vec<Vec<u64>>,
}

/// Reads a file.
///
/// # Errors
/// When it cannot be read, or is not in the format.
pub fn read(path: &Path) -> Result<Input, Box<dyn Error>> {
    let bytes = zstd::decode_all(std::fs::File::open(path)?)?;
    let mut at = 0;
    let mut take = |count: usize| -> Result<&[u8], Box<dyn Error>> {
        let taken = bytes.get(at..at + count).ok_or("the file is too short")?;
        at += count;
        Ok(taken)
    };
    if take(4)? != b"FREC" {
        return Err("not in the FREC format".into());
    }
    let columns = u32::from_le_bytes(take(4)?.try_into()?) as usize;
    let rows = u64::from_le_bytes(take(8)?.try_into()?) as usize;
    let mut names = Vec::new();
    for _ in 0..columns {
        let length = u16::from_le_bytes(take(2)?.try_into()?) as usize;
        names.push(String::from_utf8_lossy(take(length)?).into_owned());
    }
    let mut words = || -> Result<Vec<u64>, Box<dyn Error>> {
        Ok(take(rows * 8)?
            .chunks_exact(8)
            .map(|b| u64::from_le_bytes([b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7]]))
            .collect())
    };
    let times = words()?;
    let columns = (0..columns).map(|_| words()).collect::<Result<_, _>>()?;
    Ok(Input { names, times, columns })
}
