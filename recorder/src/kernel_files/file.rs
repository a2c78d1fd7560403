//! Files of procfs and sysfs that are kept open and read anew for every sample.
//!
//! The kernel makes the text of such a file when it is read from offset 0, so one open file serves
//! for ever: `pread` at 0 gives what holds now, without the path walk and the allocations of
//! another `open`.

use crate::source::SourceError;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// How the kernel makes the text of a file, which says when a reader has all of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rendering {
    /// All at once (`single_open`, attributes of sysfs): a read that returns less than was asked
    /// for has reached the end. `/proc/stat`, `/proc/meminfo`, `/proc/PID/stat`.
    Whole,
    /// Line by line (`seq_open`): a read returns at most a page of whole lines, so only an empty
    /// read is the end. `/proc/diskstats`, `/proc/vmstat`, `/proc/interrupts`. Right for any file.
    Lines,
}

/// Bytes that a buffer starts with: one page, which most files fit.
const START_BYTES: usize = 4096;

/// A buffer that files are read into, one after the other. It grows to the largest of them and
/// keeps that size.
#[derive(Debug, Default)]
pub struct ReadBuffer {
    bytes: Vec<u8>,
}

impl ReadBuffer {
    /// Reads the whole of `file` from offset 0.
    ///
    /// A file that does not fit is read again from the start once the buffer has grown, so that
    /// its text is never put together from what the kernel made at two different times because of
    /// the buffer. Nothing is allocated when it fits.
    ///
    /// # Errors
    /// What `pread` answers, except for `EINTR`, after which it is tried again.
    pub fn read(&mut self, file: &File, rendering: Rendering) -> io::Result<&[u8]> {
        if self.bytes.is_empty() {
            self.bytes.resize(START_BYTES, 0);
        }
        let mut filled = 0;
        loop {
            let room = self.bytes.get_mut(filled..).unwrap_or_default();
            let asked = room.len();
            let got = match file.read_at(room, filled as u64) {
                Ok(got) => got,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            filled += got;
            if got == 0 || (got < asked && rendering == Rendering::Whole) {
                return Ok(self.bytes.get(..filled).unwrap_or_default());
            }
            if got == asked {
                self.bytes.resize(self.bytes.len() * 2, 0);
                filled = 0;
            }
        }
    }

    /// How many bytes the buffer takes.
    pub fn size_bytes(&self) -> usize {
        self.bytes.len()
    }
}

/// One file with a buffer of its own.
#[derive(Debug)]
pub struct ProcFile {
    path: PathBuf,
    file: File,
    rendering: Rendering,
    buffer: ReadBuffer,
}

impl ProcFile {
    /// Opens the file at `path`.
    ///
    /// # Errors
    /// [`SourceError::Unavailable`] when there is no such file, [`SourceError::Read`] when it may
    /// not be opened.
    pub fn open(path: impl Into<PathBuf>, rendering: Rendering) -> Result<ProcFile, SourceError> {
        let path = path.into();
        match File::open(&path) {
            Ok(file) => Ok(ProcFile { path, file, rendering, buffer: ReadBuffer::default() }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Err(SourceError::Unavailable {
                    what: path.display().to_string(),
                    why: "this kernel was built without it, or the file system that has it is not \
                          mounted there"
                        .to_owned(),
                })
            }
            Err(error) => Err(SourceError::read(&path, error)),
        }
    }

    /// What the file holds now.
    ///
    /// # Errors
    /// [`SourceError::Read`] with the path and what the kernel answered.
    pub fn read(&mut self) -> Result<&[u8], SourceError> {
        let ProcFile { path, file, rendering, buffer } = self;
        buffer.read(file, *rendering).map_err(|error| SourceError::read(path, error))
    }

    /// Where it was opened.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::{ProcFile, ReadBuffer, Rendering, START_BYTES};
    use crate::source::SourceError;
    use std::fs::File;
    use std::path::Path;

    #[test]
    fn a_file_that_outgrows_the_buffer_is_read_whole_and_the_size_is_kept() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("grows");
        for rendering in [Rendering::Whole, Rendering::Lines] {
            std::fs::write(&path, b"small\n").unwrap();
            let mut file = ProcFile::open(&path, rendering).unwrap();
            assert_eq!(file.read().unwrap(), b"small\n");
            for size in [START_BYTES - 1, START_BYTES, START_BYTES + 1, 9 * START_BYTES, 3, 0] {
                let text: Vec<u8> = (0..size).map(|n| b'a' + (n % 26) as u8).collect();
                std::fs::write(&path, &text).unwrap();
                assert_eq!(file.read().unwrap(), text, "{rendering:?}, {size} bytes");
            }
            assert_eq!(file.buffer.size_bytes(), 16 * START_BYTES, "grown once, then kept");
        }
    }

    #[test]
    fn a_file_that_the_kernel_makes_line_by_line_is_read_past_its_first_page() {
        // Larger than a page on any kernel, and given out a page at a time.
        let text = std::fs::read("/proc/kallsyms").unwrap();
        assert!(text.len() > 10 * START_BYTES, "{} bytes of symbols", text.len());
        let mut buffer = ReadBuffer::default();
        let file = File::open("/proc/kallsyms").unwrap();
        // Programs of eBPF come and go, those of other tests among them.
        let stays = |line: &&[u8]| !line.ends_with(b"[bpf]");
        let lines = |text: &[u8]| text.split(|&byte| byte == b'\n').filter(stays).count();
        let read = buffer.read(&file, Rendering::Lines).unwrap();
        assert!(read.ends_with(b"\n"), "ends with a whole line");
        assert_eq!(lines(read), lines(&text));
    }

    #[test]
    fn a_kept_file_shows_what_holds_now() {
        let mut file = ProcFile::open("/proc/self/comm", Rendering::Whole).unwrap();
        let before = file.read().unwrap().to_vec();
        std::fs::write("/proc/self/comm", "renamed").unwrap();
        let after = file.read().unwrap().to_vec();
        std::fs::write("/proc/self/comm", &before).unwrap();
        assert_eq!(after, b"renamed\n");
    }

    #[test]
    fn a_file_that_is_missing_is_unavailable_and_one_that_fails_is_an_error_with_its_path() {
        let missing = ProcFile::open("/proc/no/such/file", Rendering::Whole).unwrap_err();
        assert!(matches!(&missing, SourceError::Unavailable { what, .. } if what.contains("such")));
        // The address space of a process cannot be read at 0, where nothing is mapped.
        let mut unreadable = ProcFile::open("/proc/self/mem", Rendering::Whole).unwrap();
        let told = unreadable.read().unwrap_err().to_string();
        assert!(told.starts_with("cannot read /proc/self/mem: "), "{told}");
        assert_eq!(unreadable.path(), Path::new("/proc/self/mem"));
    }
}
