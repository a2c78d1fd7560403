//! From a sample of a thread in user space to the frames of its stack, with names.
//!
//! A sample has three or four registers and the memory from the stack pointer upwards. Frame
//! pointers lead nowhere on most distributions, so each frame is left by what the file that its code
//! is from says of it ([`unwind_table`], [`rule`]): the tables that exceptions are thrown by. Names
//! are from the symbols of the file ([`symbols`]), and of code that was made at run time from what
//! its maker writes down ([`perf_map`]).
//!
//! Whatever is read here others have written: programs, their libraries and lists, and the stack.
//! Nothing of it is mapped or believed; numbers are bounded, and so is what is kept ([`caches`]).
//! Reading a file may take as long as its server likes, and opening one as long as a process has its
//! memory locked: whatever may wait for somebody is asked for by [`asking`].

mod asking;
mod bytes;
mod caches;
mod demangle;
mod elf;
mod expression;
mod file;
mod machine;
pub(crate) mod maps;
pub(crate) mod opening;
mod perf_map;
mod reading;
mod rule;
mod space;
mod symbols;
#[cfg(test)]
mod tests;
mod unwind_table;
mod walk;

pub(crate) use demangle::demangled;
pub use opening::Unreadable;

use asking::Asking;
use caches::{Files, Spaces};
use file::Mapped;
use maps::Paths;
use nodemon_formats::stack::{Frame, NO_ANSWER, TRUNCATED, put_frame};
use reading::Reading;
use space::Space;
use std::path::{Path, PathBuf};
use std::time::Duration;
use unwind_table::Entries;

/// A thread at one moment, in user space or on its way into the kernel.
#[derive(Debug, Clone, Copy)]
pub struct UserSample<'a> {
    /// The process, as this one sees it.
    pub pid: u32,
    /// When it started, in ns of whatever clock, the same in each of its samples; 0 where that is
    /// not known.
    pub start_ns: u64,
    /// The instruction pointer.
    pub ip: u64,
    /// The stack pointer.
    pub sp: u64,
    /// The frame pointer, whatever it is used for.
    pub fp: u64,
    /// Where the innermost function returns to, on machines that have a register for that; else 0.
    pub lr: u64,
    /// Memory from the stack pointer upwards.
    pub stack: &'a [u8],
}

/// Tells frames, and remembers what it learned of processes and files.
pub struct Stacks {
    proc: PathBuf,
    asking: Asking,
    spaces: Spaces,
    files: Files,
    paths: Paths,
    entries: Entries,
    addresses: Vec<u64>,
    name: Vec<u8>,
    batch: u64,
}

impl Stacks {
    /// Nothing is known yet. `proc` is where proc(5) is mounted.
    pub fn new(proc: &Path) -> Stacks {
        Stacks {
            proc: proc.to_owned(),
            asking: Asking::new(),
            spaces: Spaces::default(),
            files: Files::default(),
            paths: Paths::default(),
            entries: Entries::new(),
            addresses: Vec::with_capacity(walk::MOST_FRAMES),
            name: Vec::new(),
            batch: 1,
        }
    }

    /// Appends the frames of a sample to a cell, from the outermost to the innermost. Where the
    /// outermost cannot be reached the first is [`TRUNCATED`], or [`NO_ANSWER`] as long as the process
    /// does not answer.
    pub fn put_user_frames(&mut self, sample: &UserSample<'_>, cell: &mut Vec<u8>) {
        let (proc, paths, batch) = (self.proc.as_path(), &mut self.paths, self.batch);
        let asking = &self.asking;
        asking.take_unanswered();
        let mut reading = Reading { proc, paths, batch, asking };
        let space = self.spaces.of(sample, &mut reading);
        let (files, entries) = (&mut self.files, &mut self.entries);
        let addresses = &mut self.addresses;
        if !walk::walk(sample, space, files, entries, &mut reading, addresses) {
            let function = if self.asking.take_unanswered() { NO_ANSWER } else { TRUNCATED };
            put_frame(cell, &Frame { function: function.as_bytes(), ..Frame::default() });
        }
        for &address in addresses.iter().rev() {
            put_named(address, sample.pid, space, files, &mut reading, &mut self.name, cell);
        }
        self.spaces.trim_for(sample.pid);
    }

    /// CPU time that helper threads took for it since this was asked last.
    pub fn take_cpu_time_of_helpers(&self) -> Duration {
        self.asking.take_cpu_time()
    }

    /// Gives back what is not wanted any more. To be called after each batch of samples: within one
    /// every process and file is looked at as rarely as possible.
    pub fn settle(&mut self) {
        self.asking.settle();
        self.spaces.settle(&self.proc, self.batch);
        self.files.settle(self.batch);
        self.paths.settle();
        self.entries.settle();
        self.name.shrink_to(1024);
        self.batch += 1;
    }
}

/// Appends the frame of one address.
fn put_named(
    address: u64,
    pid: u32,
    space: &mut Space,
    files: &mut Files,
    reading: &mut Reading<'_>,
    name: &mut Vec<u8>,
    cell: &mut Vec<u8>,
) {
    let nameless = Frame { offset: address, ..Frame::default() };
    let Some(mapping) = space.locate(address, reading) else { return put_frame(cell, &nameless) };
    let Some(key) = mapping.key else {
        let is_named = space.name_of_made(address, reading, name);
        let function = if is_named { name.as_slice() } else { b"" };
        return put_frame(cell, &Frame { function, ..nameless });
    };
    let offset = mapping.offset_of(address);
    let (proc, batch, asking) = (reading.proc, reading.batch, reading.asking);
    let of = Mapped { proc, pid, mapping: &mapping, key, batch, asking };
    files.put_name(&of, offset, name);
    let file = files.of(key, batch);
    // Some put what they make into files.
    if name.is_empty() && !file.is_elf() {
        space.name_of_made(address, reading, name);
    }
    let (module, build_id) = (&*mapping.path, file.build_id());
    put_frame(cell, &Frame { function: name, module, build_id, offset });
}
