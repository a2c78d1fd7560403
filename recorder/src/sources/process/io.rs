//! `/proc/PID/io` (proc_pid_io(5)): what all threads of a process read and wrote, those that ended
//! included. Only its owner and those who may trace it can read it.

use crate::kernel_files::text::{Fields, lines, split_once};

/// What `/proc/PID/io` says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Io {
    /// Bytes that read calls returned, from whatever.
    pub read_chars: Option<u64>,
    /// Bytes that were given to write calls.
    pub write_chars: Option<u64>,
    /// Read calls.
    pub read_calls: Option<u64>,
    /// Write calls.
    pub write_calls: Option<u64>,
    /// Bytes that were fetched from storage for it.
    pub read_bytes: Option<u64>,
    /// Bytes that it caused to be written to storage, counted when a page becomes dirty.
    pub write_bytes: Option<u64>,
    /// Bytes of `write_bytes` that were never written, because the file was cut off before.
    pub cancelled_write_bytes: Option<u64>,
}

/// Reads the whole file.
pub fn parse(text: &[u8]) -> Io {
    let mut io = Io::default();
    for line in lines(text) {
        let Some((name, value)) = split_once(line, b':') else { continue };
        let place = match name {
            b"rchar" => &mut io.read_chars,
            b"wchar" => &mut io.write_chars,
            b"syscr" => &mut io.read_calls,
            b"syscw" => &mut io.write_calls,
            b"read_bytes" => &mut io.read_bytes,
            b"write_bytes" => &mut io.write_bytes,
            b"cancelled_write_bytes" => &mut io.cancelled_write_bytes,
            _ => continue,
        };
        *place = Fields::new(value).u64();
    }
    io
}

#[cfg(test)]
mod tests {
    use super::{Io, parse};

    #[test]
    fn each_line_has_its_place_and_what_an_old_kernel_lacks_is_absent() {
        let text = b"rchar: 1\nwchar: 2\nsyscr: 3\nsyscw: 4\nread_bytes: 5\nwrite_bytes: 6\n\
                     cancelled_write_bytes: 7\nnew_line: 8\n";
        let expected = Io {
            read_chars: Some(1),
            write_chars: Some(2),
            read_calls: Some(3),
            write_calls: Some(4),
            read_bytes: Some(5),
            write_bytes: Some(6),
            cancelled_write_bytes: Some(7),
        };
        assert_eq!(parse(text), expected);
        assert_eq!(parse(b"rchar: 1\n"), Io { read_chars: Some(1), ..Io::default() });
        assert_eq!(parse(b""), Io::default());
    }
}
