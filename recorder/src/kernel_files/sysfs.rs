//! What the sources that read sysfs share: attributes (one value a file), and listings of
//! directories whose entries come and go.

use super::descriptor_budget;
use crate::kernel_files::file::{ReadBuffer, Rendering};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

/// Devices are looked for again this often.
pub const LIST_EVERY_NS: u64 = 60_000_000_000;

/// The names in a directory, sorted; none when it is not there.
pub fn names(directory: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(directory) else { return Vec::new() };
    let name = |entry: io::Result<std::fs::DirEntry>| entry.ok()?.file_name().into_string().ok();
    let mut names: Vec<String> = entries.filter_map(name).collect();
    names.sort_unstable_by(|a, b| (a.len(), a).cmp(&(b.len(), b)));
    names
}

/// The text of an attribute, without the line feed; `None` when it cannot be read or is empty.
pub fn text(path: &Path) -> Option<String> {
    let text = std::fs::read_to_string(path).ok()?;
    Some(text.trim().to_owned()).filter(|text| !text.is_empty())
}

/// An attribute that is read again and again.
#[derive(Debug)]
pub struct Attribute {
    path: PathBuf,
    open: Option<File>,
}

impl Attribute {
    /// The attribute at `path`, or `None` when there is none. One that may not be opened is one
    /// all the same.
    pub fn find(path: PathBuf) -> Option<Attribute> {
        path.exists().then_some(Attribute { path, open: None })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// Reads attributes, and keeps open as many as it may.
#[derive(Debug)]
pub struct AttributeReader {
    buffer: ReadBuffer,
    may_keep: usize,
    room: usize,
}

impl AttributeReader {
    /// A reader that opens every attribute anew, for sources that sample seldom.
    pub fn opening() -> AttributeReader {
        AttributeReader { buffer: ReadBuffer::default(), may_keep: 0, room: 0 }
    }

    /// A reader that would like to keep `wanted` attributes open.
    pub fn keeping(wanted: usize) -> AttributeReader {
        let may_keep = descriptor_budget::share(wanted);
        AttributeReader { buffer: ReadBuffer::default(), may_keep, room: may_keep }
    }

    /// Says that all attributes that were read so far are dropped.
    pub fn start_over(&mut self) {
        self.room = self.may_keep;
    }

    /// The text of the attribute, without the line feed.
    ///
    /// # Errors
    /// What the kernel answered. Drivers answer much: `ENODATA` for a sensor that sleeps, `EIO`
    /// for a device that does not answer.
    pub fn read(&mut self, attribute: &mut Attribute) -> io::Result<&[u8]> {
        if attribute.open.is_none() && self.room > 0 {
            attribute.open = Some(File::open(&attribute.path)?);
            self.room -= 1;
        }
        let text = match &attribute.open {
            Some(open) => self.buffer.read(open, Rendering::Whole)?,
            None => self.buffer.read(&File::open(&attribute.path)?, Rendering::Whole)?,
        };
        Ok(text.trim_ascii())
    }

    /// What `parse` makes of the attribute; `None` when it cannot be read.
    pub fn value<T>(
        &mut self,
        attribute: &mut Attribute,
        parse: impl FnOnce(&[u8]) -> Option<T>,
    ) -> Option<T> {
        parse(self.read(attribute).ok()?)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::{Attribute, AttributeReader, names, text};
    use crate::kernel_files::text::parse_u64;
    use std::path::Path;

    #[test]
    fn names_are_in_the_order_of_their_numbers() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["cpu10", "cpu2", "cpu0", "cpufreq"] {
            std::fs::create_dir(dir.path().join(name)).unwrap();
        }
        assert_eq!(names(dir.path()), ["cpu0", "cpu2", "cpu10", "cpufreq"]);
        assert!(names(Path::new("/no/such/directory")).is_empty());
    }

    #[test]
    fn attributes_show_what_holds_now_kept_open_or_not() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("value");
        assert!(Attribute::find(path.clone()).is_none());
        for mut reader in [AttributeReader::opening(), AttributeReader::keeping(1)] {
            std::fs::write(&path, "1\n").unwrap();
            let mut attribute = Attribute::find(path.clone()).unwrap();
            assert_eq!(reader.value(&mut attribute, parse_u64), Some(1));
            std::fs::write(&path, "2\n").unwrap();
            assert_eq!(reader.value(&mut attribute, parse_u64), Some(2));
            assert_eq!(attribute.open.is_some(), reader.may_keep > 0);
            assert_eq!(attribute.path(), path);
        }
        assert_eq!(text(&path).unwrap(), "2");
        std::fs::write(&path, "\n").unwrap();
        assert_eq!(text(&path), None);
    }
}
