//! The way from the innermost frame of a stack to its outermost.

use super::UserSample;
use super::caches::Files;
use super::file::Mapped;
use super::machine::{HAS_LINK, Registers, Stack};
use super::maps::Mapping;
use super::reading::Reading;
use super::rule::{self, Rule, Step};
use super::space::Space;
use super::unwind_table::Entries;

/// A cell has no more frames, with the one that stands for the rest.
pub(super) const MOST_FRAMES: usize = 127;

/// Puts the address of each frame into `addresses`, from the innermost on, as it is looked up: that
/// of the call and not of what follows it. Says whether the outermost frame is among them.
pub(super) fn walk(
    sample: &UserSample<'_>,
    space: &mut Space,
    files: &mut Files,
    entries: &mut Entries,
    reading: &mut Reading<'_>,
    addresses: &mut Vec<u64>,
) -> bool {
    let stack = Stack { start: sample.sp, bytes: sample.stack };
    let (ip, sp, fp, lr) = (sample.ip, sample.sp, sample.fp, sample.lr);
    let mut registers = Registers { ip, sp, fp, lr };
    let mut is_first = true;
    addresses.clear();
    addresses.push(ip);
    let Some(mut mapping) = space.locate(ip, reading) else { return false };
    let mut at = ip;
    loop {
        let mut from = Frame { at, is_first, registers, mapping: &mapping, stack: &stack };
        match from.step(files, entries, reading, sample.pid, space) {
            Step::End => return true,
            Step::Lost => return false,
            Step::To { registers: caller, was_interrupted } => {
                if addresses.len() + 1 >= MOST_FRAMES {
                    return false;
                }
                at = caller.ip - u64::from(!was_interrupted);
                // What is no code is no caller.
                let Some(of_caller) = space.locate(at, reading) else { return false };
                addresses.push(at);
                mapping = of_caller;
                registers = caller;
                is_first = was_interrupted && !HAS_LINK;
            }
        }
    }
}

/// Where the walk is.
struct Frame<'a> {
    at: u64,
    /// It has not called anybody.
    is_first: bool,
    registers: Registers,
    mapping: &'a Mapping,
    stack: &'a Stack<'a>,
}

impl Frame<'_> {
    fn step(
        &mut self,
        files: &mut Files,
        entries: &mut Entries,
        reading: &mut Reading<'_>,
        pid: u32,
        space: &mut Space,
    ) -> Step {
        let Some(key) = self.mapping.key else {
            return match !self.is_first && space.is_trampoline(self.at, reading) {
                true => rule::trampolined(&self.registers, self.stack),
                false => rule::chained(&self.registers, self.stack),
            };
        };
        let (proc, batch, asking) = (reading.proc, reading.batch, reading.asking);
        let of = Mapped { proc, pid, mapping: self.mapping, key, batch, asking };
        let offset = self.mapping.offset_of(self.at);
        let file = files.of(key, batch);
        match file.rule(&of, offset, entries) {
            Rule::End => Step::End,
            Rule::Unknown => Step::Lost,
            Rule::Saved { is_from_fp, is_of_signal, sp, ip, fp } => {
                let usual = (is_from_fp, sp, ip, fp);
                rule::saved(usual, is_of_signal, self.is_first, &self.registers, self.stack)
            }
            Rule::Expressed => {
                let step = file.with_row(&of, offset, entries, |row| {
                    rule::expressed(row, &self.registers, self.stack)
                });
                step.unwrap_or(Step::Lost)
            }
            Rule::Uncovered => {
                // The few instructions that nothing is said of are stubs, which push nothing.
                if self.is_first
                    && file.has_unwind_table()
                    && let Step::To { registers, was_interrupted } =
                        rule::returned(&self.registers, self.stack)
                    && space.locate(registers.ip - 1, reading).is_some()
                {
                    return Step::To { registers, was_interrupted };
                }
                rule::chained(&self.registers, self.stack)
            }
        }
    }
}
