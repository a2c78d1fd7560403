//! An ELF file with one function, left as a test wants it.

use crate::stacks::bytes::Bytes;
use crate::stacks::elf::Elf;
use crate::stacks::machine::{Registers, Stack};
use crate::stacks::rule::{self, Rule, Step};
use crate::stacks::unwind_table::Entries;

/// Where the function is, and how long.
const FUNCTION: u64 = 0x2000;
const FUNCTION_BYTES: u32 = 0x100;
const TABLE: u64 = 0x1000;
const COMMON: u64 = 0x1100;

#[cfg(target_arch = "x86_64")]
const MACHINE: u16 = 62;
#[cfg(target_arch = "aarch64")]
const MACHINE: u16 = 183;
/// The register with the return address, and the stack pointer.
#[cfg(target_arch = "x86_64")]
const NUMBERS: [u8; 2] = [16, 7];
#[cfg(target_arch = "aarch64")]
const NUMBERS: [u8; 2] = [30, 31];

fn put(file: &mut [u8], at: u64, bytes: &[u8]) {
    let at = at as usize;
    file[at..at + bytes.len()].copy_from_slice(bytes);
}

/// With these instructions in the entry of its function.
pub(super) fn file(instructions: &[u8]) -> Vec<u8> {
    let mut file = vec![0; 0x3000];
    put(&mut file, 0, b"\x7fELF\x02\x01\x01");
    put(&mut file, 18, &MACHINE.to_le_bytes());
    put(&mut file, 32, &64u64.to_le_bytes());
    put(&mut file, 54, &56u16.to_le_bytes());
    put(&mut file, 56, &2u16.to_le_bytes());
    let mut segment = |number: u64, kind: u32, start: u64, bytes: u64| {
        let at = 64 + number * 56;
        put(&mut file, at, &kind.to_le_bytes());
        put(&mut file, at + 4, &5u32.to_le_bytes());
        put(&mut file, at + 8, &start.to_le_bytes());
        put(&mut file, at + 16, &start.to_le_bytes());
        put(&mut file, at + 32, &bytes.to_le_bytes());
    };
    segment(0, 1, 0, 0x3000);
    segment(1, 0x6474_e550, TABLE, 20);
    // What is common: version 1, augmentation `zR`, factors 1 and -8, how addresses are told; the
    // stack pointer and 8 is that of the caller, and behind it lies where it goes on.
    let [returns_by, sp] = NUMBERS;
    let saved = [0x80 | returns_by, 1];
    let mut common = vec![0, 0, 0, 0, 1, b'z', b'R', 0, 1, 0x78, returns_by, 1, 0x1b];
    common.extend([0x0c, sp, 8]);
    common.extend(saved);
    let mut length = (common.len() as u32).to_le_bytes().to_vec();
    length.append(&mut common);
    let entry_at = COMMON + length.len() as u64;
    put(&mut file, COMMON, &length);
    let mut entry = ((entry_at + 4 - COMMON) as u32).to_le_bytes().to_vec();
    entry.extend(((FUNCTION as i64 - (entry_at as i64 + 8)) as i32).to_le_bytes());
    entry.extend(FUNCTION_BYTES.to_le_bytes());
    entry.push(0);
    entry.extend(instructions);
    put(&mut file, entry_at, &(entry.len() as u32).to_le_bytes());
    put(&mut file, entry_at + 4, &entry);
    put(&mut file, TABLE, &[1, 0x1b, 0x03, 0x3b]);
    put(&mut file, TABLE + 8, &1u32.to_le_bytes());
    put(&mut file, TABLE + 12, &((FUNCTION - TABLE) as u32).to_le_bytes());
    put(&mut file, TABLE + 16, &((entry_at - TABLE) as u32).to_le_bytes());
    file
}

/// Where the entry's own bytes begin in such a file.
fn step(instructions: &[u8], at: u64, words: &[u64]) -> (Rule, Step) {
    let file = Bytes::Memory(file(instructions));
    let elf = Elf::read(&file).unwrap();
    let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    let stack = Stack { start: 0x7000, bytes: &bytes };
    let from = Registers { ip: at, sp: 0x7000, fp: 0x7010, lr: 0 };
    let mut entries = Entries::new();
    let row = entries.row(&file, &elf, at, |row| {
        let rule = Rule::of(row);
        let step = match rule {
            Rule::Saved { is_from_fp, is_of_signal, sp, ip, fp } => {
                rule::saved((is_from_fp, sp, ip, fp), is_of_signal, true, &from, &stack)
            }
            Rule::Expressed => rule::expressed(row, &from, &stack),
            Rule::End => Step::End,
            Rule::Unknown | Rule::Uncovered => Step::Lost,
        };
        (rule, step)
    });
    row.unwrap_or((Rule::Uncovered, Step::Lost))
}

/// The stack pointer and the instruction pointer of the caller.
fn caller(instructions: &[u8], words: &[u64]) -> Option<(u64, u64)> {
    match step(instructions, FUNCTION, words).1 {
        Step::To { registers, .. } => Some((registers.sp, registers.ip)),
        _ => None,
    }
}

const EXPRESSION: u8 = 0x0f;
const DEREFERENCE: u8 = 0x06;

#[test]
fn a_function_is_left_as_its_entry_says() {
    let [returns_by, sp] = NUMBERS;
    assert_eq!(caller(&[], &[0x1111]), Some((0x7008, 0x1111)), "what all have in common");
    assert_eq!(caller(&[0x0e, 24], &[1, 2, 0x3333]), Some((0x7018, 0x3333)), "more was pushed");
    assert_eq!(caller(&[0x0e, 24], &[1, 2]), None, "it was not copied");
    assert_eq!(caller(&[0x0e, 8], &[0]), None, "nobody called it");
    // Undefined, which is how the outermost function is marked.
    assert_eq!(step(&[0x07, returns_by], FUNCTION, &[1]).0, Rule::End);
    // The word that the second word of the stack points to, as where a frame was aligned.
    let aligned = [EXPRESSION, 3, 0x70 + sp, 8, DEREFERENCE];
    assert_eq!(caller(&aligned, &[1, 0x7020, 3, 0x4444]), Some((0x7020, 0x4444)));
    assert_eq!(caller(&aligned, &[1, 0x6ff8, 3, 0x4444]), None, "a stack grows downwards");
    assert_eq!(step(&[], FUNCTION - 1, &[1]).0, Rule::Uncovered);
    assert_eq!(step(&[], FUNCTION + u64::from(FUNCTION_BYTES), &[1]).0, Rule::Uncovered);
}

#[test]
fn a_program_in_an_entry_that_never_ends_is_ended() {
    // Skip three bytes back: to itself.
    let for_ever = [EXPRESSION, 3, 0x2f, 0xfd, 0xff];
    assert_eq!(caller(&for_ever, &[0x1111]), None);
    // Rows that are put aside one after the other.
    assert_eq!(step(&[0x0a; 2000], FUNCTION, &[0x1111]).0, Rule::Uncovered);
}
