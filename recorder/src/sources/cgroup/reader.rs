//! Reads the files of control groups, and keeps them open while there is room.

use super::files::{FileOf, When};
use super::hierarchy::Hierarchy;
use super::layers::Layers;
use super::tree::relative;
use super::values::Values;
use crate::kernel_files::descriptor_budget;
use crate::kernel_files::file::{ReadBuffer, Rendering};
use crate::source::SourceError;
use rustix::fs::{Access, AtFlags, Mode, OFlags, accessat, openat};
use rustix::io::Errno;
use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Files that are kept open at most.
const KEPT_FILES: usize = 1_024;

/// A file of a group.
pub struct KeptFile {
    /// Which.
    pub of: &'static FileOf,
    /// Whether it could not be read when that was last tried.
    pub missing: bool,
    open: Option<File>,
}

/// What came of reading a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was read.
    Read,
    /// The group has no such file, or this user may not read it.
    Missing,
    /// The group is no more.
    Gone,
}

/// The reader.
pub struct Reader {
    buffer: ReadBuffer,
    layers: Layers,
    path: Vec<u8>,
    may_keep: usize,
    /// How many more files may be kept.
    room: usize,
}

impl KeptFile {
    /// A file that was not opened yet.
    pub fn new(of: &'static FileOf) -> KeptFile {
        KeptFile { of, missing: false, open: None }
    }
}

impl Reader {
    /// A reader that keeps as many files as it may, beside the devices of a sysfs.
    pub fn new(sys: &Path) -> Reader {
        let may_keep = descriptor_budget::share(KEPT_FILES);
        let layers = Layers::new(sys);
        Reader { buffer: ReadBuffer::default(), layers, path: Vec::new(), may_keep, room: may_keep }
    }

    /// Looks for devices that pass what they are asked for on to others.
    pub fn look_at_devices(&mut self) {
        self.layers.poll();
    }

    /// Closes what is open of `files`.
    pub fn release(&mut self, files: &mut [KeptFile]) {
        for file in files {
            self.room += usize::from(file.open.take().is_some());
        }
    }

    /// Reads a file of the group `group` and takes what it says into `values`.
    ///
    /// # Errors
    /// When the recorder has run out of something.
    pub fn read(
        &mut self,
        hierarchy: &Hierarchy,
        group: &[u8],
        file: &mut KeptFile,
        values: &mut Values,
    ) -> Result<Outcome, SourceError> {
        let error = match self.try_read(hierarchy, group, file, values) {
            Ok(()) => {
                file.missing = false;
                return Ok(Outcome::Read);
            }
            Err(error) => error,
        };
        match Errno::from_io_error(&error) {
            Some(Errno::NODEV) => Ok(Outcome::Gone),
            Some(Errno::NOENT) if !self.exists(hierarchy, group) => Ok(Outcome::Gone),
            Some(Errno::MFILE | Errno::NFILE | Errno::NOMEM) => {
                let path = hierarchy.root.join(OsStr::from_bytes(relative(group)));
                Err(SourceError::read(&path.join(file.of.name), error))
            }
            _ => {
                file.missing = true;
                Ok(Outcome::Missing)
            }
        }
    }

    fn try_read(
        &mut self,
        hierarchy: &Hierarchy,
        group: &[u8],
        file: &mut KeptFile,
        values: &mut Values,
    ) -> io::Result<()> {
        // Half of the room is for what is read of every group at every sample.
        let reserve = if file.of.when == When::Always { 0 } else { self.may_keep / 2 };
        let keep = file.of.when != When::Refresh && self.room > reserve;
        if file.open.is_none() && keep {
            file.open = Some(self.opened(hierarchy, group, file.of.name)?);
            self.room -= 1;
        }
        let text = match &file.open {
            Some(open) => self.buffer.read(open, Rendering::Whole)?,
            None => {
                let open = self.opened(hierarchy, group, file.of.name)?;
                self.buffer.read(&open, Rendering::Whole)?
            }
        };
        let text = if file.of.is_by_device { self.layers.without(text) } else { text };
        (file.of.take)(text, values);
        Ok(())
    }

    fn opened(&mut self, hierarchy: &Hierarchy, group: &[u8], name: &str) -> io::Result<File> {
        self.path.clear();
        for part in [relative(group), b"/", name.as_bytes()] {
            self.path.extend_from_slice(part);
        }
        let flags = OFlags::RDONLY | OFlags::CLOEXEC;
        let opened = openat(&hierarchy.directory, &self.path[..], flags, Mode::empty())?;
        Ok(File::from(opened))
    }

    fn exists(&self, hierarchy: &Hierarchy, group: &[u8]) -> bool {
        let group = relative(group);
        accessat(&hierarchy.directory, group, Access::EXISTS, AtFlags::empty()).is_ok()
    }
}
